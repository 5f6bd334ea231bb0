// orrery validate: predicted against measured, a run at a time and by source.
#include "profiler/validate.h"
#include "profiler/validate_write.h"
#include "tools/errors.h"
#include "tools/session.h"
#include "tools/stacks.h"

namespace orrery {
namespace {

class Validate : public Command {
 public:
  std::string_view name() const override { return "validate"; }
  std::string_view summary() const override { return "Compare predictions with published measured runs"; }
  std::string_view example() const override { return "orrery validate scenarios/measured --tolerance 5"; }
  unsigned outputs() const override { return writes_json | writes_markdown | writes_svg; }
  std::vector<Flag> flags() override {
    return {{"RUNS", "", "folders or files of measured runs (.json, .jsonl, .jsonl.gz)", &names_, true},
            {"--tolerance", "PERCENT", "exit 1 if the mean absolute error of all runs is above this", &tolerance_},
            {"--calibration", "NAME|FILE", "for all runs, in place of their software stack's", &calibration_},
            {"--summary", "", "one line a source, none a run", &summary_}};
  }

  int run(Session& session) override {
    std::vector<std::string> files;
    for (const std::string& name : names_)
      for (std::string& file : run_files(session.files(), name)) files.push_back(std::move(file));
    const std::vector<MeasuredRun> measured = read_runs(session.files(), files);
    const ValidationInputs inputs{session.files(), session.library(), shipped_stacks(session), calibration_};
    const std::vector<ValidatedRun> runs = orrery::validate(measured, inputs, session.executor(), session.watch());
    const Accuracy result = accuracy(runs);
    const Globals& to = session.globals();
    session.print(validation_text(runs, result, !summary_));
    if (!to.json.empty()) session.write_json(validation_json(runs, result));
    if (!to.markdown.empty()) session.write(to.markdown, validation_markdown(runs, result));
    if (!to.svg.empty()) session.write(to.svg, validation_svg(runs));
    return tolerance_ > 0 && !(100 * result.total.all.mape <= tolerance_) ? exit_no : exit_ok;
  }

 private:
  std::vector<std::string> names_;
  double tolerance_ = 0;
  std::string calibration_;
  bool summary_ = false;
};

}  // namespace

std::unique_ptr<Command> validate_command() { return std::make_unique<Validate>(); }

}  // namespace orrery
