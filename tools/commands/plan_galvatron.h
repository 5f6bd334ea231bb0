// orrery plan --cost-model galvatron: the best plan under another system's model, to compare searches by.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tools/cli.h"
#include "tools/session.h"

namespace orrery {

class GalvatronPlan {
 public:
  std::vector<Flag> flags();
  // Whether the line asks for this; throws UsageError if only flags that go with it are there.
  bool asked() const;
  // `shared`: all flags of plan. Throws UsageError on those that don't go with this.
  int run(Session&, std::span<const Flag> shared) const;

 private:
  std::string cost_model_, memory_, cuts_ = "even";
  std::vector<std::string> profiles_;
  std::int64_t layers_ = 0, gpus_per_node_ = 0;
  bool whole_batches_ = false;
};

}  // namespace orrery
