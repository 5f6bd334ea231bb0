// Files on disk. Reading: the Files that sim is lent. Writing: an output appears whole or not at all, under its
// name only when complete; names that end in ".gz" are compressed.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/interfaces.h"

namespace orrery {

class DiskFiles : public Files {
 public:
  std::string text(std::string_view name) override;  // "-": standard input
  bool exists(std::string_view name) override;
  std::vector<std::string> list(std::string_view directory) override;
};

// A file being written, piece by piece, to a temporary one beside `path`; commit() gives it its name. Without a
// commit nothing is left. What isn't a regular file (a pipe, /dev/stdout) is written directly. Throws DeviceError when
// the disk refuses.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  void append(std::string_view);
  void commit();

 private:
  struct Gzip;
  [[noreturn]] void refuse() const;
  void put(std::string_view bytes);
  std::string path_, temporary_;       // temporary_: empty if written directly
  int fd_ = -1;
  std::unique_ptr<Gzip> gzip_;
  std::string buffer_;
};

void write_file(const std::string& path, std::string_view content);

// A library that ships with this binary: beside it, or in lib/orrery of its installation. Empty: it isn't there.
std::string shipped_library(std::string_view name);

// Directories of presets, the first wins: `given` (colon-separated, --presets-path), ORRERY_PRESETS, then what
// ships with this binary: share/orrery of its installation, or scenarios/ of the source tree it was built from.
std::vector<std::string> preset_directories(std::string_view given);

}  // namespace orrery
