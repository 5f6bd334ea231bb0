// Files that a test writes down: the names are paths, directories are their prefixes.
#pragma once
#include <map>
#include <string>

#include "sim/base/error.h"
#include "sim/base/interfaces.h"

namespace orrery {

struct MemoryFiles : Files {
  std::map<std::string, std::string, std::less<>> content;

  MemoryFiles(std::initializer_list<std::pair<const std::string, std::string>> files) : content(files) {}
  std::string text(std::string_view name) override {
    const auto found = content.find(name);
    if (found == content.end()) fail({std::string(name), "", 0}, "can't be read");
    return found->second;
  }
  bool exists(std::string_view name) override { return content.find(name) != content.end(); }
  std::vector<std::string> list(std::string_view directory) override {
    std::vector<std::string> out;
    const std::string prefix = std::string(directory) + "/";
    for (const auto& [name, text] : content)
      if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos)
        out.push_back(name.substr(prefix.size()));
    return out;
  }
};

}  // namespace orrery
