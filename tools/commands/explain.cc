// orrery explain: the chain of formulas, constants and their evidence behind a number; or the step's collectives
// beside what NCCL's own model would choose.
#include "sim/cost/nccl_tables.h"
#include "sim/report/explain.h"
#include "tools/collectives.h"
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
    out.push_back({"--collectives", "", "instead, each collective beside what NCCL's own model chooses", &collectives_});
    out.push_back({"--nccl", "VERSION", "with --collectives: tables of NCCL (default: the calibration's)", &nccl_});
    return out;
  }

  int run(Session& session) override {
    if (!nccl_.empty() && !collectives_) throw UsageError("--nccl needs --collectives");
    if (!nccl_.empty() && !nccl_version(nccl_))
      throw UsageError("--nccl: expected a version such as 2.28, found " + nccl_);
    const Question q = question_.read(session);
    Evaluator evaluator;
    compile_plan(q, question_.file(), evaluator);
    evaluator.simulate();
    return collectives_ ? say_collectives(session, q, evaluator) : say_why(session, q, evaluator);
  }

 private:
  int say_collectives(Session& session, const Question& q, const Evaluator& evaluator) const {
    const NcclTables& tables = nccl_tables(nccl_.empty() ? q.calibration.nccl : nccl_);
    const auto rows = collective_rows(evaluator.subject(), tables);
    session.print(collective_table(rows, tables.version).text());
    if (!session.globals().json.empty()) session.write_json(to_json(rows, tables.version));
    return exit_ok;
  }

  int say_why(Session& session, const Question& q, Evaluator& evaluator) const {
    const Reason reason = explain(evaluator.subject(), evaluator.report(q.origin), why_);
    session.print(text(reason, depth_));
    if (!session.globals().json.empty()) session.write_json(to_json(reason));
    return exit_ok;
  }

  QuestionFlags question_;
  std::string why_ = "step_time", nccl_;
  int depth_ = 8;
  bool collectives_ = false;
};

}  // namespace

std::unique_ptr<Command> explain_command() { return std::make_unique<Explain>(); }

}  // namespace orrery
