// orrery plan: the best plans for a scenario, why, and what was rejected by how much.
#include "planner/search.h"
#include "sim/plan/read.h"
#include "tools/commands/plan_galvatron.h"
#include "tools/commands/plan_published.h"
#include "tools/errors.h"
#include "tools/plan_text.h"
#include "tools/question.h"

namespace orrery {
namespace {

class PlanCommand : public Command {
 public:
  std::string_view name() const override { return "plan"; }
  std::string_view summary() const override { return "Search for the best plans of a scenario"; }
  std::string_view example() const override {
    return "orrery plan --model llama3-70b --cluster h100-sxm --nodes 8 --seq-len 8192 --global-batch 1024";
  }
  unsigned outputs() const override { return writes_json | writes_csv | writes_markdown; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    out.push_back({"--top", "N", "plans to show (default: the scenario's, or 10)", &top_});
    out.push_back({"--layers", "alike|each", "each: also a strategy for each layer, and uneven stages", &layers_});
    out.push_back({"--budget", "SECONDS", "stop after this long with the best so far", &budget_});
    out.push_back({"--rejected", "N", "rejected plans to show (default 5); --json has all", &rejected_});
    out.push_back({"--save", "FILE", "write the best plan as a plan file", &save_});
    out.push_back({"--by-hand", "", "also the best of each kind of plan that one would make by hand", &by_hand_});
    for (Flag& flag : published_.flags()) out.push_back(std::move(flag));
    for (Flag& flag : galvatron_.flags()) out.push_back(std::move(flag));
    return out;
  }

  int run(Session& session) override {
    if (!(budget_ >= 0)) throw UsageError("--budget takes seconds");
    if (!layers_.empty() && layers_ != "alike" && layers_ != "each")
      throw UsageError("--layers takes alike or each, not \"" + layers_ + "\"");
    if (galvatron_.asked()) return galvatron_.run(session, flags());
    if (published_.asked()) return published_.run(session, flags());
    Question q = question_.read(session);
    if (top_ < 0 || top_ > 1000) throw UsageError("--top takes 1 to 1000, not " + std::to_string(top_));
    if (rejected_ < 0) throw UsageError("--rejected takes 0 or more, not " + std::to_string(rejected_));
    if (!layers_.empty()) q.scenario.search.each_layer = layers_ == "each";
    if (top_ > 0) q.scenario.search.top = top_;
    session.watch().set_budget(budget_ > 0 ? budget_ : q.scenario.search.budget.v);
    const SearchResult result = search(q.scenario, q.calibration, q.origin, session.executor(), session.watch());
    session.watch().set_budget(0);  // the search's own
    const std::vector<ByHand> by_hand =
        by_hand_ ? plans_by_hand(q.scenario, q.calibration, q.origin, session.executor(), session.watch()) : std::vector<ByHand>{};
    const Globals& to = session.globals();
    session.print(search_text(q.scenario, result, static_cast<std::size_t>(rejected_)));
    if (by_hand_) session.print(by_hand_text(result, by_hand));
    session.print(next(result));
    if (!to.json.empty()) session.write_json(search_json(q.scenario, result, by_hand, q.origin));
    if (!to.csv.empty()) session.write(to.csv, plan_table(result).csv());
    if (!to.markdown.empty()) session.write(to.markdown, plan_table(result).markdown());
    if (!save_.empty() && !result.best.empty()) write_file(save_, write_plan(result.best.front().plan).dump() + "\n");
    return result.best.empty() ? exit_no : exit_ok;
  }

 private:
  std::string next(const SearchResult& result) const {
    if (result.best.empty() || question_.file().empty()) return {};
    if (save_.empty()) return "next: --save best.json, then orrery simulate " + question_.file() + " --plan best.json\n";
    return "next: orrery simulate " + question_.file() + " --plan " + save_ + "\n";
  }

  QuestionFlags question_;
  PublishedRuns published_;
  GalvatronPlan galvatron_;
  int top_ = 0, rejected_ = 5;
  double budget_ = 0;
  bool by_hand_ = false;
  std::string save_, layers_;
};

}  // namespace

std::unique_ptr<Command> plan_command() { return std::make_unique<PlanCommand>(); }

}  // namespace orrery
