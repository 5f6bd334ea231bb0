// orrery whatif: a scenario with some of its members at several values: a grid, a tornado, shadow prices.
#include <algorithm>
#include <numeric>

#include "planner/whatif/hardware.h"
#include "sim/base/units.h"
#include "sim/report/svg.h"
#include "tools/errors.h"
#include "tools/whatif/sweep.h"
#include "tools/whatif/tables.h"

namespace orrery {
namespace {

Measure read_measure(const std::string& word) {
  const std::span<const std::string_view> all = measure_names();
  std::vector<std::string> known(all.begin(), all.end());
  const auto at = std::find(known.begin(), known.end(), word);
  if (at != known.end()) return static_cast<Measure>(at - known.begin());
  std::string list;
  for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
  const auto near = nearest(word, known);
  throw UsageError("--pareto takes two of " + list + ", not " + word +
                   (near ? "; did you mean " + *near + "?" : ""));
}

std::vector<Knob> read_knobs(const std::string& list) {
  std::vector<Knob> all, out;
  std::vector<std::string> known;
  for (std::size_t k = 0; k < knob_count; ++k) {
    all.push_back(static_cast<Knob>(k));
    known.emplace_back(key(all.back()));
  }
  if (list.empty()) return all;
  for (std::size_t at = 0, end; at <= list.size(); at = end + 1) {
    end = std::min(list.find(',', at), list.size());
    const std::string word = list.substr(at, end - at);
    const auto found = std::find(known.begin(), known.end(), word);
    if (found == known.end()) {
      const auto near = nearest(word, known);
      throw UsageError("--knobs takes names such as nic or nvlink,latency, not " + word +
                       (near ? "; did you mean " + *near + "?" : ""));
    }
    out.push_back(all[static_cast<std::size_t>(found - known.begin())]);
  }
  return out;
}

std::pair<Measure, Measure> read_pareto(const std::string& text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos)
    throw UsageError("--pareto takes two measures such as days,dollars, not " + text);
  return {read_measure(text.substr(0, comma)), read_measure(text.substr(comma + 1))};
}

class WhatIf : public Command {
 public:
  std::string_view name() const override { return "whatif"; }
  std::string_view summary() const override {
    return "Vary members of a scenario: grids, Pareto fronts, what a figure is worth";
  }
  std::string_view example() const override {
    return "orrery whatif scenarios/llama3-70b-64xh100.json --set cluster.nodes=8..64x2 --pareto "
           "days,dollars --svg front.svg";
  }
  unsigned outputs() const override { return writes_markdown | writes_svg; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = sweep_.flags();
    out.push_back({"--pareto", "M1,M2",
                   "mark the points that no other beats in both: days,dollars or other measures", &pareto_});
    out.push_back({"--tornado", "",
                   "each figure of the machine a little less and more, and what one more unit is worth",
                   &tornado_});
    out.push_back({"--by", "PERCENT", "how much, with --tornado (default 10 %)", &by_});
    out.push_back(
        {"--knobs", "K,...",
         "which figures, with --tornado: flops, memory_bandwidth, memory, nvlink, nic, latency, launch "
         "(default all)",
         &knobs_});
    return out;
  }

  int run(Session& session) override {
    if (!tornado_ && sweep_.sets().empty())
      throw UsageError("what is varied? --set PATH=VALUES, or --tornado");
    if (tornado_ && !sweep_.sets().empty()) throw UsageError("either --set or --tornado");
    if (tornado_ && !(sweep_.out().empty() && pareto_.empty()))
      throw UsageError("--out and --pareto go with --set");
    if (tornado_ && sweep_.gap() > 0) throw UsageError("--gap goes with --set: a tornado's searches are exact");
    if (!tornado_ && !knobs_.empty()) throw UsageError("--knobs goes with --tornado");
    return tornado_ ? turn_knobs(session) : play_grid(session);
  }

 private:
  int play_grid(Session& session) {
    const auto [first, second] = read_pareto(pareto_.empty() ? "days,dollars" : pareto_);
    Sweep sweep(session, sweep_, sweep_.sets());
    const std::vector<Answer> answers = sweep.run(sweep_.out(), sweep_.resume());
    if (!sweep.speaks()) return exit_ok;
    const std::vector<std::size_t> front = pareto_front(answers, first, second);
    std::vector<std::size_t> points(answers.size());
    std::iota(points.begin(), points.end(), std::size_t{0});
    const Table table =
        points_table(sweep.grid(), points, answers, pareto_.empty() ? std::vector<std::size_t>() : front);
    const Globals& to = session.globals();
    if (sweep_.out() != "-") {
      session.print(sweep.base().scenario.name + ": " + sweep.name().mode + "\n\n" + table.text() +
                    notes(points, answers) + faster_link_notes(sweep.grid(), answers));
      if (answers.size() < sweep.grid().size())
        session.print("stopped after " + std::to_string(answers.size()) + " of " +
                      std::to_string(sweep.grid().size()) + " points" +
                      (sweep_.out().empty() ? "\n" : "; --resume goes on\n"));
    }
    if (!to.markdown.empty()) session.write(to.markdown, table.markdown());
    if (!to.svg.empty()) session.write(to.svg, picture(sweep, answers, front, first, second));
    const auto good = [](const Answer& a) { return a.outcome == Outcome::ok; };
    return std::any_of(answers.begin(), answers.end(), good) ? exit_ok : exit_no;
  }

  static std::string picture(const Sweep& sweep, std::span<const Answer> answers,
                             std::span<const std::size_t> front, Measure first, Measure second) {
    std::vector<FrontPoint> points;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const auto x = measured(answers[i], first), y = measured(answers[i], second);
      if (!x || !y) continue;
      const bool best = std::find(front.begin(), front.end(), i) != front.end();
      points.push_back(
          {answers[i].device, std::to_string(answers[i].gpus), setting(sweep.grid(), i), *x, *y, best});
    }
    return front_svg(points, {sweep.base().scenario.name, std::string(orrery::name(first)),
                              std::string(orrery::name(second))});
  }

  int turn_knobs(Session& session) {
    const auto by = parse_percent(by_);
    if (!by || !(*by > 0 && *by < 1))
      throw UsageError("--by takes a percentage between 0 % and 100 %, not " + by_);
    const std::vector<Knob> knobs = read_knobs(knobs_);
    Sweep sweep(session, sweep_, {});
    const auto base = sweep.ask(0);
    if (!base) return exit_interrupted;
    if (base->outcome != Outcome::ok) {
      session.print(std::string(orrery::name(base->outcome)) + ": " + base->message + "\n");
      return exit_no;
    }
    const Question& q = sweep.base();
    const Ask ask = [&](const Scenario& s, const Calibration& c) {
      auto answer = sweep.ask(s, c);
      return answer ? *answer : no_answer(s, Outcome::unsupported, "stopped");
    };
    const std::vector<Effect> effects = tornado(q.scenario, q.calibration, *base, *by, knobs, ask);
    const std::optional<Plan>& plan = sweep.plan();
    if (interrupted() || !plan) return exit_interrupted;
    std::vector<ShadowPrice> prices = shadow_prices(q.scenario, q.calibration, *plan);
    if (!sweep.pinned()) prices.push_back(price_of_memory(q.scenario, q.calibration, *base, ask));
    if (interrupted()) return exit_interrupted;
    const Table turned = tornado_table(effects, *base), worth = shadow_table(prices, q.scenario);
    session.print(q.scenario.name + ": " + base->plan + ", a step of " + text(base->step) +
                  "; each knob by +-" + by_ + ", " + sweep.name().mode + "\n\n" + turned.text() +
                  hurting_notes(effects, *base) + "\n" + worth.text());
    const Globals& to = session.globals();
    if (!to.markdown.empty()) session.write(to.markdown, turned.markdown() + "\n" + worth.markdown());
    if (!to.svg.empty()) session.write(to.svg, picture(q.scenario.name, effects, *base));
    return exit_ok;
  }

  std::string picture(const std::string& title, std::span<const Effect> effects, const Answer& base) const {
    std::vector<TornadoBar> bars;
    const auto change = [&](const Answer& a) {
      return a.outcome == Outcome::ok ? std::optional(a.step.v / base.step.v - 1) : std::nullopt;
    };
    for (const Effect& e : effects)
      bars.push_back({std::string(orrery::name(e.knob)), change(e.less), change(e.more)});
    return tornado_svg(bars, title + ": change of the step, each figure by +-" + by_);
  }

  SweepFlags sweep_;
  std::string pareto_, by_ = "10 %", knobs_;
  bool tornado_ = false;
};

}  // namespace

std::unique_ptr<Command> whatif_command() { return std::make_unique<WhatIf>(); }

}  // namespace orrery
