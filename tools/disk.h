// Files on disk. Reading: the Files that sim is lent. Writing: an output appears whole or not at all, under its
// name only when complete; names that end in ".gz" are compressed.
#pragma once
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

// Writes a temporary file beside `path` and renames it. Throws DeviceError when the disk refuses.
void write_file(const std::string& path, std::string_view content);

// Directories of presets, the first wins: `given` (colon-separated, --presets-path), ORRERY_PRESETS, then what
// ships with this binary: share/orrery of its installation, or scenarios/ of the source tree it was built from.
std::vector<std::string> preset_directories(std::string_view given);

}  // namespace orrery
