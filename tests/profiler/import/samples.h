// The sample files of this folder, and texts as files.
#pragma once
#include <string>
#include <vector>

#include "profiler/import/import.h"
#include "tests/base/error_of.h"
#include "tools/disk.h"

namespace orrery {

inline std::string sample(const std::string& name) {
  return DiskFiles().text(std::string(ORRERY_SOURCE_DIR) + "/tests/profiler/import/samples/" + name);
}

inline Source import_one(const std::string& bytes, const Hints& hints = {}) {
  return import_sources(bytes, "input", 1, hints).front();
}

inline Source import_sample(const std::string& name) { return import_sources(sample(name), name, 1).front(); }

// The first measurement of a kind and name; a failed one (count 0) if there is none.
inline Measurement first(const Source& s, What what, const std::string& name = {}) {
  for (const Measurement& m : s.measurements)
    if (m.what == what && (name.empty() || m.name == name)) return m;
  return {};
}

}  // namespace orrery
