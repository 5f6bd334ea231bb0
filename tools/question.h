// What the commands that predict have in common: a scenario from a file or from flags, with its calibration and
// everything an Evaluator needs.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "sim/evaluate.h"
#include "sim/scenario.h"
#include "tools/cli.h"
#include "tools/session.h"

namespace orrery {

// A scenario, ready to be evaluated. Not copied: `problem` refers to the rest.
struct Question {
  Scenario scenario;
  Calibration calibration;
  Origin origin;                      // of its results; `replay` is left to the Evaluator
  std::unique_ptr<const Topology> topology;

  Problem problem() const {
    return {scenario.model, scenario.cluster, scenario.training, calibration, *topology};
  }
};

// SCENARIO, or --model, --cluster, --nodes ... in its place; --plan and --calibration replace what a file says.
class QuestionFlags {
 public:
  std::vector<Flag> flags();
  // Throws UsageError if the flags don't make a question.
  Question read(Session&) const;
  const std::string& file() const { return file_; }
  const std::string& plan() const { return plan_; }
  const std::string& calibration() const { return calibration_; }

 private:
  Scenario from_flags(Library&) const;

  std::string file_, model_, cluster_, tokens_, precision_, plan_, calibration_;
  std::int64_t nodes_ = 0, sequence_ = 0, global_batch_ = 0;
};

// A scenario file with its calibration. `plan`, `calibration`: in place of the file's, if not empty.
Question read_question(Session&, const std::string& file, const std::string& plan = {},
                       const std::string& calibration = {});

// Compiles the plan of a question; ends in fail() if it has none, or one that is not legal.
void compile_plan(const Question&, const std::string& file, Evaluator&, Ranks = Ranks::folded);

}  // namespace orrery
