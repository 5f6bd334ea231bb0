// orrery explain: the chain of formulas, constants and their evidence behind a number.
#include "sim/report/explain.h"
#include "tools/errors.h"
#include "tools/question.h"

namespace orrery {
namespace {

class Explain : public Command {
 public:
  std::string_view name() const override { return "explain"; }
  std::string_view summary() const override { return "Say why a number is what it is, down to constants and their sources"; }
  std::string_view example() const override { return "orrery explain scenarios/llama3-70b-64xh100.json --why step_time"; }
  unsigned outputs() const override { return writes_json; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    const auto metrics = explained_metrics();
    out.push_back({"--why", "METRIC", "what to explain (default step_time)", &why_, false, {metrics.begin(), metrics.end()}});
    out.push_back({"--depth", "N", "levels to show (default 8)", &depth_});
    return out;
  }

  int run(Session& session) override {
    const Question q = question_.read(session);
    Evaluator evaluator;
    compile_plan(q, question_.file(), evaluator);
    evaluator.simulate();
    const Reason reason = explain(evaluator.subject(), evaluator.report(q.origin), why_);
    session.print(text(reason, depth_));
    if (!session.globals().json.empty()) session.write_json(to_json(reason));
    return exit_ok;
  }

 private:
  QuestionFlags question_;
  std::string why_ = "step_time";
  int depth_ = 8;
};

}  // namespace

std::unique_ptr<Command> explain_command() { return std::make_unique<Explain>(); }

}  // namespace orrery
