// orrery rehearse: the plan's Program on all its ranks, every instruction a wait of its predicted duration.
#include "runtime/rehearsal/rehearse.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/play/compute.h"
#include "runtime/rehearsal/messages.h"
#include "sim/base/units.h"
#include "sim/report/trace.h"
#include "tools/errors.h"
#include "tools/measured.h"
#include "tools/question.h"

namespace orrery {
namespace {

constexpr std::uint32_t most_real_ranks = 512;  // each is a thread
constexpr Seconds median_wait{0.020};           // sleeps are some 0.1 ms late, more on a busy machine
constexpr double counts = 0.01;                 // of the step: a class that takes less is not compared

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
    const std::vector<Flag> own{
        {"--clock",
         "KIND",
         "simulated: at once; real: a thread a rank, which sleeps",
         &clock_,
         false,
         {"simulated", "real"}},
        {"--stretch", "X", "times that a real second lasts (default: the median wait is 20 ms)", &stretch_},
        {"--link", "RATE", "real messages, each rank behind a link such as \"10 Gb/s\"; implies a real clock",
         &link_},
        {"--latency", "TIME", "of that link (default 0)", &latency_},
        {"--tolerance", "PERCENT", "exit 1 if the step is further from the simulated one", &tolerance_}};
    out.insert(out.end(), own.begin(), own.end());
    return out;
  }
  int run(Session&) override;

 private:
  std::optional<comm::Link> link() const;
  Timeline rehearse(const Question&, const Evaluator&, bool real, double stretch) const;
  void report(Session&, const Question&, const Evaluator&, const Timeline& found, double stretch,
              double off) const;

  QuestionFlags question_;
  std::string clock_ = "simulated", link_, latency_;
  double stretch_ = 0, tolerance_ = 0;
};

std::optional<comm::Link> Rehearse::link() const {
  if (link_.empty()) {
    if (!latency_.empty()) throw UsageError("--latency is that of a --link");
    return {};
  }
  const auto rate = parse_bandwidth(link_);
  const auto latency = parse_duration(latency_.empty() ? "0 s" : latency_);
  if (!rate || rate->v <= 0)
    throw UsageError("--link takes a rate such as \"10 Gb/s\", not \"" + link_ + "\"");
  if (!latency) throw UsageError("--latency takes a time such as \"50 us\", not \"" + latency_ + "\"");
  return comm::Link{*rate, *latency};
}

Timeline Rehearse::rehearse(const Question& q, const Evaluator& evaluator, bool real, double stretch) const {
  const Subject step = evaluator.subject();
  using rehearsal::Clock;
  const std::optional<comm::Link> messages = link();
  if (!messages)
    return rehearsal::rehearse(step.program, step.prices, real ? Clock::real(stretch) : Clock::simulated());
  if (const auto no = not_executable(q.scenario.model, q.scenario.training, step.plan))
    fail({question_.file(), "", 0}, *no + "; without --link its waits can be rehearsed");
  return rehearsal::rehearse_messages({q.scenario.model, q.scenario.training, step.plan}, step.program,
                                      step.prices, stretch, *messages);
}

int Rehearse::run(Session& session) {
  if (stretch_ < 0) throw UsageError("--stretch takes a number above 0");
  const bool real = clock_ == "real" || link();
  const Question q = question_.read(session);
  Evaluator evaluator;
  compile_plan(q, question_.file(), evaluator, Ranks::all);
  const std::uint32_t ranks = evaluator.program().players();
  if (real && ranks > most_real_ranks)
    throw UsageError("a real clock is for up to " + std::to_string(most_real_ranks) + " ranks, not " +
                     std::to_string(ranks));
  evaluator.simulate();
  const Subject step = evaluator.subject();
  const double stretch =
      stretch_ > 0 ? stretch_ : rehearsal::stretch_for(step.program, step.prices, median_wait);
  const Timeline found = rehearse(q, evaluator, real, stretch);
  const double off = difference(seconds(last_end(found)), seconds(evaluator.simulation().makespan));
  report(session, q, evaluator, found, real ? stretch : 0, off);
  return tolerance_ > 0 && !(std::abs(off) <= tolerance_) ? exit_no : exit_ok;
}

void Rehearse::report(Session& session, const Question& q, const Evaluator& evaluator, const Timeline& found,
                      double stretch, double off) const {
  const Subject step = evaluator.subject();
  const double predicted = seconds(evaluator.simulation().makespan), rehearsed = seconds(last_end(found));
  const std::vector<ClassTimes> classes = by_class(step.program, step.timeline, found);
  const auto apart = [predicted](const ClassTimes& c) {
    return c.predicted < counts * predicted ? -1 : std::abs(difference(c.measured, c.predicted));
  };
  const auto worst =
      std::max_element(classes.begin(), classes.end(),
                       [&](const ClassTimes& a, const ClassTimes& b) { return apart(a) < apart(b); });
  std::string said = fmt::format("{}\n{}, {} ranks, {} instructions\n", q.scenario.name,
                                 orrery::summary(step.plan), step.program.players(), step.program.size());
  said += stretch > 0 ? fmt::format(" clock     real, stretched {:.4g} times\n", stretch)
                      : " clock     simulated\n";
  said += fmt::format(" rehearsed {:.3f} ms a step\n simulated {:.3f} ms ({})\n step      {:+.2f} %\n",
                      rehearsed * 1e3, predicted * 1e3, reason(evaluator.simulation().chosen), off);
  if (worst != classes.end() && apart(*worst) >= 0)
    said += fmt::format(" class     {:+.2f} % at most ({})\n", difference(worst->measured, worst->predicted),
                        worst->name);
  if (is_shared(evaluator.simulation().chosen) && link_.empty())
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
