// The table of software stacks (stacks.json) of the first directory of presets that has one.
#pragma once
#include "profiler/runs_stacks.h"
#include "tools/errors.h"
#include "tools/session.h"

namespace orrery {

inline Stacks shipped_stacks(Session& session) {
  for (const std::string& directory : session.preset_directories()) {
    const std::string file = directory + "/stacks.json";
    if (session.files().exists(file)) return read_stacks(session.files().text(file), file);
  }
  throw DeviceError("no stacks.json in any directory of presets (orrery version lists them)");
}

}  // namespace orrery
