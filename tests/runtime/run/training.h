// A small model that trains in a moment, with what makes a run hard to continue: dropout, a warm-up and a
// decay, held-out data, epochs that end in between.
#pragma once
#include <string>
#include <vector>

#include "tests/runtime/run/job.h"
#include "tests/runtime/state/directory.h"

namespace orrery::testing {

class TrainingRun {
 public:
  TrainingRun();
  const std::string& path() const { return directory_.path(); }
  std::string operator/(std::string_view name) const { return directory_ / name; }

  // A scenario file with a plan of so many ranks. `edit` is laid over the text, "a=b" for a by b.
  std::string scenario(const std::string& plan, int ranks, const std::string& from = {},
                       const std::string& to = {}) const;
  // Of a run.
  std::vector<std::string> arguments(const std::string& scenario, const std::vector<std::string>& more = {},
                                     int in_all = steps) const;
  std::string data() const { return directory_ / "text"; }

  static constexpr int steps = 40;

 private:
  Directory directory_;
};

inline const std::string dp2 = R"({"dp": 2, "micro_batch": 2, "attention": "unfused"})";

// The largest relative difference of the last losses of a run from those that another took after it resumed.
double difference(const std::vector<double>& whole, const std::vector<double>& resumed);

}  // namespace orrery::testing
