// orrery simulate: one plan, one step, and everything that can be said about it.
#include "sim/report/csv.h"
#include "sim/report/json.h"
#include "sim/report/markdown.h"
#include "sim/report/svg.h"
#include "sim/report/text.h"
#include "sim/report/trace.h"
#include "tools/errors.h"
#include "tools/question.h"

namespace orrery {
namespace {

const std::vector<std::string> replays{"auto", "static", "shared"};

void write_trace(Session& session, const Subject& step) {
  const std::string& to = session.globals().trace;
  if (to.empty()) return;
  const std::string_view plain = to.ends_with(".gz") ? std::string_view(to).substr(0, to.size() - 3) : to;
  const bool chrome = plain.ends_with(".json");
  if (!chrome && !plain.ends_with(".pftrace"))
    throw UsageError("--trace takes a file that ends in .json or .pftrace, with .gz or without, not " + to);
  OutputFile file(to);
  (chrome ? write_chrome_trace : write_perfetto_trace)(step.program, step.timeline, TraceOptions{},
                                                       [&file](std::string_view piece) { file.append(piece); });
  file.commit();
}

class Simulate : public Command {
 public:
  std::string_view name() const override { return "simulate"; }
  std::string_view summary() const override { return "Predict one step of a scenario's plan: time, memory, where it goes, cost"; }
  std::string_view example() const override { return "orrery simulate scenarios/gpt3-175b-1024xa100.json --trace step.json.gz"; }
  unsigned outputs() const override { return writes_json | writes_csv | writes_markdown | writes_svg | writes_trace; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    out.push_back({"--replay", "KIND", "static, shared (events) or auto: shared where transfers share links", &replay_, false, replays});
    out.push_back({"--unfold", "", "simulate every rank, not one of each kind", &unfold_});
    return out;
  }

  int run(Session& session) override {
    const Question q = question_.read(session);
    Evaluator evaluator;
    compile_plan(q, question_.file(), evaluator, unfold_ ? Ranks::all : Ranks::folded);
    evaluator.simulate(replay_ == "static" ? Replay::static_only : replay_ == "shared" ? Replay::shared : Replay::automatic);
    const Report report = evaluator.report(q.origin);
    const Globals& to = session.globals();
    session.print(text(report, {session.color()}));
    if (!to.json.empty()) session.write_json(to_json(report));
    if (!to.csv.empty()) session.write(to.csv, csv(report));
    if (!to.markdown.empty()) session.write(to.markdown, markdown(report));
    const Subject step = evaluator.subject();
    if (!to.svg.empty()) session.write(to.svg, timeline_svg(step.program, step.timeline, report));
    write_trace(session, step);
    return report.fits() ? exit_ok : exit_no;
  }

 private:
  QuestionFlags question_;
  std::string replay_ = "auto";
  bool unfold_ = false;
};

}  // namespace

std::unique_ptr<Command> simulate_command() { return std::make_unique<Simulate>(); }

}  // namespace orrery
