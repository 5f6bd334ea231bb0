// Files as state needs them. Disk is every operation that changes the disk, one virtual function each, so
// that a test can end the process, or refuse, between any two of them. The machine's refusals are
// DeviceErrors with the path and the system's words; a file that the user named and that does not exist is an
// InputError.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

using ByteSpan = std::span<const std::byte>;

// Read-only, mapped; empty files have no bytes. Movable.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(std::string path);
  MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  const std::string& path() const { return path_; }
  ByteSpan bytes() const { return bytes_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::string path_;
  ByteSpan bytes_;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // Creates or empties `path`; the descriptor is closed by close().
  virtual int create(const std::string& path);
  virtual void write(int file, ByteSpan bytes, const std::string& path);
  virtual void sync(int file, const std::string& path);
  virtual void close(int file);
  virtual void sync_directory(const std::string& path);
  virtual void make_directory(const std::string& path);  // it may exist already
  virtual void rename(const std::string& from, const std::string& to);
  virtual void exchange(const std::string& a, const std::string& b);  // names, in one step
  virtual void remove_file(const std::string& path);
  virtual void remove_directory(const std::string& path);  // an empty one
};

// A file under its name only when it is whole: written to `path`.partial, renamed by commit().
class FileWriter {
 public:
  FileWriter(Disk& disk, std::string path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void append(ByteSpan bytes);
  void append(std::string_view text) { append(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit();

 private:
  void flush();
  Disk& disk_;
  std::string path_, partial_;
  int file_;
  std::vector<std::byte> buffer_;
};

void write_whole(Disk& disk, const std::string& path, std::string_view text);

// Names in a directory, sorted, without . and ..; empty if there is no such directory.
std::vector<std::string> list_directory(const std::string& path);
// Of a regular file; -1: there is none.
std::int64_t file_size(const std::string& path);
// A directory and the files in it.
void remove_tree(Disk& disk, const std::string& path);

}  // namespace orrery
