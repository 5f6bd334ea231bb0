// The files under tests/scenario/good and tests/scenario/broken: FOLDER/KIND/NAME.json, read as what the
// folder KIND says. Tests read them from the root of the sources, so that messages carry short paths.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/disk.h"

namespace orrery {

inline std::vector<std::string> json_files(const std::string& folder) {
  std::vector<std::string> out;
  for (const std::string& name : DiskFiles().list(folder))
    if (name.ends_with(".json")) out.push_back(folder + "/" + name);
  return out;
}

// Reads `path` as a file of `kind`; ends in InputError if it is broken.
inline void read_as(const std::string& kind, const std::string& path, Files& files) {
  Library library(files, {"scenarios"});
  if (kind == "plan") {
    find_plan(library, path);
  } else if (kind == "model" || kind == "hf") {
    find_model(library, path);
  } else if (kind == "cluster") {
    find_cluster(library, path);
  } else if (kind == "device") {
    library.open(path, Library::Kind::device, {}, [](const Reader& r) { return read_device(r); });
  } else if (kind == "calibration") {
    read_calibration(files, path);
  } else {
    read_scenario(path, library);
  }
}

inline void read_as(const std::string& kind, const std::string& path) {
  DiskFiles files;
  read_as(kind, path, files);
}

class InputFiles : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::chdir(ORRERY_SOURCE_DIR), 0); }
};

}  // namespace orrery
