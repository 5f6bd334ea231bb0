#include "tools/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "sim/base/error.h"
#include "tools/errors.h"

namespace orrery {
namespace {

constexpr std::size_t largest_input = std::size_t{1} << 30;  // a scenario of more than 1 GiB is a mistake

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd > 0) ::close(fd);
  }
};

[[noreturn]] void unreadable(std::string_view name, std::string_view why) {
  fail({std::string(name), "", 0}, "can't be read: " + std::string(why));
}

std::string read_all(int fd, std::string_view name) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) unreadable(name, std::strerror(errno));
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > largest_input) unreadable(name, "larger than 1 GiB");
  }
}

void append_directories(std::string_view list, std::vector<std::string>& out) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(':'), list.size());
    if (end > 0) out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

std::filesystem::path directory_of_binary() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

}  // namespace

std::string DiskFiles::text(std::string_view name) {
  if (name == "-") return read_all(STDIN_FILENO, "standard input");
  const std::string path(name);
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) unreadable(name, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.fd, &status) == 0 && S_ISDIR(status.st_mode)) unreadable(name, "it is a directory");
  return read_all(file.fd, name);
}

bool DiskFiles::exists(std::string_view name) {
  std::error_code ignored;
  return name == "-" || std::filesystem::exists(std::filesystem::path(name), ignored);
}

std::vector<std::string> DiskFiles::list(std::string_view directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator i(std::filesystem::path(directory), error), end; !error && i != end;
       i.increment(error))
    names.push_back(i->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

struct OutputFile::Gzip {
  z_stream z{};

  Gzip() {
    // No name and no time in the header: the same content gives the same bytes.
    if (::deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw DeviceError("zlib can't start");
  }
  ~Gzip() { ::deflateEnd(&z); }

  template <class Put>
  void add(std::string_view bytes, int flush, Put put) {
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    z.avail_in = static_cast<uInt>(bytes.size());
    do {
      char packed[1 << 15];
      z.next_out = reinterpret_cast<Bytef*>(packed);
      z.avail_out = sizeof packed;
      ::deflate(&z, flush);
      put(std::string_view(packed, sizeof packed - z.avail_out));
    } while (z.avail_out == 0);
  }
};

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    temporary_ = path_ + ".XXXXXX";
    fd_ = ::mkstemp(temporary_.data());
    if (fd_ < 0) temporary_.clear();
  }
  if (fd_ < 0) refuse();
  if (path_.ends_with(".gz")) gzip_ = std::make_unique<Gzip>();
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::refuse() const { throw DeviceError(path_ + ": can't be written: " + std::strerror(errno)); }

void OutputFile::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse();
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void OutputFile::append(std::string_view piece) {
  constexpr std::size_t enough = 1 << 16;  // traces come in small pieces
  buffer_ += piece;
  if (buffer_.size() < enough) return;
  if (gzip_) gzip_->add(buffer_, Z_NO_FLUSH, [this](std::string_view packed) { put(packed); });
  else put(buffer_);
  buffer_.clear();
}

void OutputFile::commit() {
  if (gzip_) gzip_->add(buffer_, Z_FINISH, [this](std::string_view packed) { put(packed); });
  else put(buffer_);
  buffer_.clear();
  if (temporary_.empty()) return;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd_, 0666 & ~mask) != 0 || ::fsync(fd_) != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0)
    refuse();
  temporary_.clear();
}

void write_file(const std::string& path, std::string_view content) {
  OutputFile file(path);
  file.append(content);
  file.commit();
}

std::string shipped_library(std::string_view name) {
  std::error_code error;
  const auto binary = directory_of_binary();
  for (const auto& file : {binary / name, binary / "../lib/orrery" / name})
    if (std::filesystem::is_regular_file(file, error)) return file.lexically_normal().string();
  return {};
}

std::vector<std::string> preset_directories(std::string_view given) {
  std::vector<std::string> out;
  append_directories(given, out);
  if (const char* environment = std::getenv("ORRERY_PRESETS")) append_directories(environment, out);
  std::error_code error;
  const auto binary = directory_of_binary();
  for (const auto& shipped : {binary / "../share/orrery", std::filesystem::path(ORRERY_SOURCE_PRESETS)})
    if (std::filesystem::is_directory(shipped / "models", error)) out.push_back(shipped.lexically_normal().string());
  return out;
}

}  // namespace orrery
