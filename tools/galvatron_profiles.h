// Galvatron's profile files on disk, by the names that its profilers give them. A cluster and a model that is
// measured once among the folders is taken without being asked for.
#pragma once
#include <string>
#include <vector>

#include "planner/galvatron/profile.h"
#include "tools/session.h"

namespace orrery {

struct ProfileChoice {
  std::vector<std::string> folders;           // with what is below them; files too
  std::int64_t nodes = 0, gpus_per_node = 0;  // of the cluster; 0: not said
  std::int64_t layers = 0, sequence = 0;      // 0: by the model, by the files
  std::string model;  // a preset or file; empty: the preset that the profile is named after
};

struct FoundProfile {
  std::string model;  // as the files name it
  galvatron::Profile profile;
  std::vector<Library::Input> inputs;  // the profile files
};

// Throws UsageError where the folders leave a choice; ends in fail() on files that are missing or broken.
FoundProfile find_profile(Session&, const ProfileChoice&);

}  // namespace orrery
