// orrery plan --published RUNS: published configurations beside the best plans for the same question.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tools/cli.h"
#include "tools/session.h"

namespace orrery {

class PublishedRuns {
 public:
  std::vector<Flag> flags();
  bool asked() const { return !names_.empty(); }
  // `shared`: all flags of plan. Throws UsageError on those that don't go with this. exit_no if a published plan
  // that fits is faster than the best found.
  int run(Session&, std::span<const Flag> shared) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace orrery
