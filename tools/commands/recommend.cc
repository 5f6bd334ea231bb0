// orrery recommend: the smallest cluster of a grid that meets a target.
#include <algorithm>
#include <numeric>

#include "sim/base/units.h"
#include "tools/errors.h"
#include "tools/whatif/sweep.h"
#include "tools/whatif/tables.h"

namespace orrery {
namespace {

constexpr const char* doublings = "1..1024x2";  // of the nodes, where nothing is said

class Recommend : public Command {
 public:
  std::string_view name() const override { return "recommend"; }
  std::string_view summary() const override {
    return "Find the smallest cluster that meets a target of time or cost";
  }
  std::string_view example() const override {
    return "orrery recommend scenarios/llama3-70b-64xh100.json --days-at-most 60";
  }
  unsigned outputs() const override { return writes_markdown; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = sweep_.point_flags();
    out.push_back({"--days-at-most", "DAYS", "of the whole run", &days_});
    out.push_back({"--step-time-at-most", "TIME", "of one step: \"12 s\"", &step_});
    out.push_back({"--cost-at-most", "DOLLARS", "of the whole run: 2.5M, or \"2.5 MUSD\"", &cost_});
    out.push_back({"--dollars-per-million-tokens-at-most", "DOLLARS", "of a million tokens", &per_million_});
    return out;
  }

  int run(Session& session) override {
    const Targets targets = read_targets();
    std::vector<std::string> sets = sweep_.sets();
    if (sets.empty()) sets.push_back("/cluster/groups/0/nodes=" + std::string(doublings));
    Sweep sweep(session, sweep_, std::move(sets));
    if (const auto first = sweep.scenario(0)) check(targets, *first);
    const auto [points, answers] = ask(sweep, targets, session.watch());
    if (interrupted()) return exit_interrupted;
    const auto best = smallest(answers, targets);
    Table table = points_table(sweep.grid(), points, answers, {});
    if (best)
      session.print(std::to_string(answers[*best].gpus) + " GPUs (" + setting(sweep.grid(), points[*best]) +
                    "): " + answers[*best].plan + "\n\n");
    else
      session.print("no point of the grid meets the target\n\n");
    session.print(table.text() + notes(points, answers));
    if (!session.globals().markdown.empty()) session.write(session.globals().markdown, table.markdown());
    return best ? exit_ok : exit_no;
  }

 private:
  Targets read_targets() const {
    Targets t;
    if (days_ < 0 || per_million_ < 0) throw UsageError("a target is above 0");
    t.run = {days_ * 86400};
    t.per_million_tokens = {per_million_};
    if (!step_.empty()) {
      const auto step = parse_duration(step_);
      if (!step || step->v <= 0)
        throw UsageError("--step-time-at-most takes a duration such as \"12 s\", not " + step_);
      t.step = *step;
    }
    if (!cost_.empty()) {
      const auto amount = parse_dollars(cost_);
      const auto count = parse_count(cost_);
      if (!amount && !count)
        throw UsageError("--cost-at-most takes dollars such as 2.5M or \"2.5 MUSD\", not " + cost_);
      t.cost = amount ? *amount : Dollars{*count};
    }
    if (t == Targets())
      throw UsageError(
          "which target? --days-at-most, --step-time-at-most, --cost-at-most or "
          "--dollars-per-million-tokens-at-most");
    return t;
  }

  // A target that nothing can meet for want of a figure is a slip.
  static void check(const Targets& t, const Scenario& s) {
    const bool run = t.run.v > 0 || t.cost.v > 0, money = t.cost.v > 0 || t.per_million_tokens.v > 0;
    if (run && s.training.tokens == 0)
      throw UsageError("days and cost of the run need its tokens: \"tokens\" in /train, or --tokens");
    if (money && s.cluster.prices.gpu_hour == 0)
      throw UsageError(
          "cost needs the price of a GPU's hour: --set cluster.price.gpu_hour=\"2.50 USD/h\" or \"gpu_hour\" "
          "in /cluster/price");
  }

  struct Asked {
    std::vector<std::size_t> points;
    std::vector<Answer> answers;
  };

  // By number of GPUs, up to the first size at which a point meets the target: all larger ones are no answer.
  static Asked ask(Sweep& sweep, const Targets& targets, Watch& watch) {
    std::vector<std::size_t> order(sweep.grid().size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<int> gpus;
    for (const std::size_t point : order) {
      const auto scenario = sweep.scenario(point);
      gpus.push_back(scenario ? scenario->cluster.ranks() : 0);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return gpus[a] < gpus[b]; });
    Asked out;
    bool found = false;
    for (std::size_t i = 0; i < order.size() && !(found && gpus[order[i]] > gpus[order[i - 1]]); ++i) {
      const auto answer = sweep.ask(order[i]);
      if (!answer) break;
      out.points.push_back(order[i]);
      out.answers.push_back(*answer);
      found = found || meets(*answer, targets);
      watch.progress(i + 1, order.size(), "points");
    }
    return out;
  }

  SweepFlags sweep_;
  double days_ = 0, per_million_ = 0;
  std::string step_, cost_;
};

}  // namespace

std::unique_ptr<Command> recommend_command() { return std::make_unique<Recommend>(); }

}  // namespace orrery
