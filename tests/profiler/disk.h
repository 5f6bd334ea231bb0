// The repository's own files, for tests of what ships.
#pragma once
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/base/error.h"
#include "sim/base/interfaces.h"

namespace orrery {

class Disk : public Files {
 public:
  std::string text(std::string_view name) override {
    std::ifstream in{std::string(name), std::ios::binary};
    if (!in) fail({std::string(name), "", 0}, "a file that can be read");
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  bool exists(std::string_view name) override { return std::filesystem::is_regular_file(name); }
  std::vector<std::string> list(std::string_view directory) override {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(directory, none))
      names.push_back(entry.path().filename().string());
    return names;
  }
};

inline std::string shipped(std::string_view path) {
  return std::string(ORRERY_SOURCE_DIR) + "/scenarios/" + std::string(path);
}

}  // namespace orrery
