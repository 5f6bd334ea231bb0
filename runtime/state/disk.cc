#include "runtime/state/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "sim/base/error.h"

namespace orrery {
namespace {

[[noreturn]] void refused(const std::string& path, std::string_view what) {
  const std::error_code error(errno, std::generic_category());
  throw DeviceError(path + ": can't be " + std::string(what) + ": " + error.message());
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  const Descriptor file(path_, O_RDONLY);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) fail({path_, {}}, "there is no such file");
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0) refused(path_, "read");
  if (!S_ISREG(status.st_mode)) fail({path_, {}}, "a file", "a directory or a device");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (at == MAP_FAILED) refused(path_, "mapped");
  bytes_ = {static_cast<const std::byte*>(at), size};
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

int Disk::create(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) refused(path, "created");
  return file;
}

void Disk::write(int file, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refused(path, "written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void Disk::sync(int file, const std::string& path) {
  if (::fsync(file) != 0) refused(path, "written");
}

void Disk::close(int file) { ::close(file); }

void Disk::sync_directory(const std::string& path) {
  const Descriptor directory(path, O_RDONLY | O_DIRECTORY);
  if (directory < 0 || ::fsync(directory) != 0) refused(path, "written");
}

void Disk::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) refused(path, "created");
}

void Disk::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) refused(from, "renamed to " + to);
}

void Disk::exchange(const std::string& a, const std::string& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0)
    refused(a, "exchanged with " + b);
}

void Disk::remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) refused(path, "removed");
}

void Disk::remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) refused(path, "removed");
}

FileWriter::FileWriter(Disk& disk, std::string path)
    : disk_(disk), path_(std::move(path)), partial_(path_ + ".partial"), file_(disk_.create(partial_)) {}

FileWriter::~FileWriter() {
  if (file_ < 0) return;
  disk_.close(file_);
  ::unlink(partial_.c_str());
}

void FileWriter::append(ByteSpan bytes) {
  constexpr std::size_t enough = 1 << 20;
  if (buffer_.size() + bytes.size() > enough) flush();
  if (bytes.size() > enough) return disk_.write(file_, bytes, partial_);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void FileWriter::flush() {
  if (!buffer_.empty()) disk_.write(file_, buffer_, partial_);
  buffer_.clear();
}

void FileWriter::commit() {
  flush();
  disk_.sync(file_, partial_);
  disk_.rename(partial_, path_);
  disk_.close(std::exchange(file_, -1));
}

void write_whole(Disk& disk, const std::string& path, std::string_view text) {
  FileWriter file(disk, path);
  file.append(text);
  file.commit();
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr && errno == ENOENT) return names;
  if (directory == nullptr) refused(path, "read");
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t file_size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return -1;
  return status.st_size;
}

void remove_tree(Disk& disk, const std::string& path) {
  for (const std::string& name : list_directory(path)) disk.remove_file(path + "/" + name);
  disk.remove_directory(path);
}

}  // namespace orrery
