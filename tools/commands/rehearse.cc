// orrery rehearse: the plan's Program on all its ranks, every instruction a wait of its predicted duration.
#include "runtime/rehearsal/rehearse.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/report/trace.h"
#include "tools/errors.h"
#include "tools/measured.h"
#include "tools/question.h"

namespace orrery {
namespace {

constexpr std::uint32_t most_real_ranks = 512;  // each is a thread
constexpr Seconds median_wait{0.010};           // sleeps are up to 0.1 ms late

double seconds(Tick t) { return to_seconds(t).v; }

Tick last_end(const Timeline& t) {
  return t.end.empty() ? Tick{} : *std::max_element(t.end.begin(), t.end.end());
}

// Of two durations of one thing, in percent of the predicted.
double difference(double rehearsed, double predicted) {
  return predicted > 0 ? (rehearsed / predicted - 1) * 100 : 0;
}

class Rehearse : public Command {
 public:
  std::string_view name() const override { return "rehearse"; }
  std::string_view summary() const override {
    return "Play a plan on all its ranks with waits in place of work, and hold the simulation to it";
  }
  std::string_view example() const override {
    return "orrery rehearse scenarios/llama3-8b-8xh100.json --clock real";
  }
  unsigned outputs() const override { return writes_json | writes_trace; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    out.push_back({"--clock",
                   "KIND",
                   "simulated: at once; real: a thread a rank, which sleeps",
                   &clock_,
                   false,
                   {"simulated", "real"}});
    out.push_back(
        {"--stretch", "X", "times that a real second lasts (default: the median wait is 10 ms)", &stretch_});
    out.push_back(
        {"--tolerance", "PERCENT", "exit 1 if the step is further from the simulated one", &tolerance_});
    return out;
  }

  int run(Session& session) override {
    if (stretch_ < 0) throw UsageError("--stretch takes a number above 0");
    const Question q = question_.read(session);
    Evaluator evaluator;
    compile_plan(q, question_.file(), evaluator, Ranks::all);
    const bool real = clock_ == "real";
    if (real && evaluator.program().players() > most_real_ranks)
      throw UsageError("--clock real plays up to " + std::to_string(most_real_ranks) + " ranks, not " +
                       std::to_string(evaluator.program().players()));
    evaluator.simulate();
    const Subject step = evaluator.subject();
    const double stretch =
        stretch_ > 0 ? stretch_ : rehearsal::stretch_for(step.program, step.prices, median_wait);
    using rehearsal::Clock;
    const Timeline found =
        rehearsal::rehearse(step.program, step.prices, real ? Clock::real(stretch) : Clock::simulated());
    const double off = difference(seconds(last_end(found)), seconds(evaluator.simulation().makespan));
    report(session, q, evaluator, found, real ? stretch : 0, off);
    return tolerance_ > 0 && !(std::abs(off) <= tolerance_) ? exit_no : exit_ok;
  }

 private:
  void report(Session&, const Question&, const Evaluator&, const Timeline& found, double stretch,
              double off) const;

  QuestionFlags question_;
  std::string clock_ = "simulated";
  double stretch_ = 0, tolerance_ = 0;
};

void Rehearse::report(Session& session, const Question& q, const Evaluator& evaluator, const Timeline& found,
                      double stretch, double off) const {
  const Subject step = evaluator.subject();
  const double predicted = seconds(evaluator.simulation().makespan), rehearsed = seconds(last_end(found));
  const std::vector<ClassTimes> classes = by_class(step.program, step.timeline, found);
  const auto apart = [](const ClassTimes& c) { return std::abs(difference(c.measured, c.predicted)); };
  const auto worst =
      std::max_element(classes.begin(), classes.end(),
                       [&](const ClassTimes& a, const ClassTimes& b) { return apart(a) < apart(b); });
  std::string said = fmt::format("{}\n{}, {} ranks, {} instructions\n", q.scenario.name,
                                 orrery::summary(step.plan), step.program.players(), step.program.size());
  said += stretch > 0 ? fmt::format(" clock     real, stretched {:.4g} times\n", stretch)
                      : " clock     simulated\n";
  said += fmt::format(" rehearsed {:.3f} ms a step\n simulated {:.3f} ms ({})\n step      {:+.2f} %\n",
                      rehearsed * 1e3, predicted * 1e3, reason(evaluator.simulation().chosen), off);
  if (worst != classes.end())
    said += fmt::format(" class     {:+.2f} % at most ({})\n", difference(worst->measured, worst->predicted),
                        worst->name);
  if (is_shared(evaluator.simulation().chosen))
    said += "A rehearsal gives every communication its own price: it knows nothing of shared links.\n";
  session.print(said);
  if (!session.globals().json.empty()) {
    Json out = Json::object();
    out.set("schema", "orrery.rehearsal/1")
        .set("scenario", q.scenario.name)
        .set("plan", orrery::summary(step.plan))
        .set("ranks", std::int64_t{step.program.players()})
        .set("stretch", stretch)
        .set("rehearsed_seconds", rehearsed)
        .set("predicted_seconds", predicted)
        .set("classes", to_json(classes));
    session.write_json(out);
  }
  if (const std::string& to = session.globals().trace; !to.empty()) {
    OutputFile file(to);
    write_chrome_trace(step.program, found, TraceOptions{},
                       [&file](std::string_view piece) { file.append(piece); });
    file.commit();
  }
}

}  // namespace

std::unique_ptr<Command> rehearse_command() { return std::make_unique<Rehearse>(); }

}  // namespace orrery
