// orrery validate: predicted against measured, a run at a time and by source.
#include <charconv>
#include <sstream>

#include "profiler/validate.h"
#include "profiler/validate_write.h"
#include "tools/backends.h"
#include "tools/errors.h"
#include "tools/local_validation.h"
#include "tools/session.h"
#include "tools/stacks.h"

namespace orrery {
namespace {

class Validate : public Command {
 public:
  std::string_view name() const override { return "validate"; }
  std::string_view summary() const override { return "Compare predictions with published measured runs, or with this machine's"; }
  std::string_view example() const override { return "orrery validate scenarios/measured --tolerance 5"; }
  unsigned outputs() const override { return writes_json | writes_markdown | writes_svg; }
  std::vector<Flag> flags() override {
    return {{"RUNS", "", "folders or files of measured runs (.json, .jsonl, .jsonl.gz)", &names_},
            {"--local", "SCENARIO", "execute plans of this scenario here, in place of RUNS", &local_},
            {"--backend", "NAME", "of --local, what executes: cpu, or cuda, a GPU a rank (default cpu)", &backend_, false, {"cpu", "cuda"}},
            {"--ranks", "N,...", "of --local (default 1,2)", &ranks_},
            {"--plans", "N", "of --local, for each number of ranks (default 12)", &plans_},
            {"--steps", "N", "of --local, measured for each plan (default 8)", &steps_},
            {"--tolerance", "PERCENT", "exit 1 if the mean absolute error of all runs is above this", &tolerance_},
            {"--calibration", "NAME|FILE", "for all runs, in place of their software stack's", &calibration_},
            {"--summary", "", "one line a source, none a run", &summary_}};
  }

  int run(Session& session) override {
    if (!local_.empty()) return run_locally(session);
    if (names_.empty()) throw UsageError("validate takes RUNS, or --local SCENARIO");
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
  int run_locally(Session& session) {
    LocalOptions options;
    options.plans = static_cast<std::size_t>(plans_);
    options.steps = static_cast<int>(steps_);
    if (!ranks_.empty()) options.ranks = numbers(ranks_);
    options.plug_in = backend_library(backend_);
    if (plans_ < 1 || steps_ < 1) throw UsageError("--plans and --steps take at least 1");
    const LocalValidation result = validate_locally(read_question(session, local_, {}, calibration_), options);
    session.print(text(result));
    if (!session.globals().json.empty()) session.write_json(to_json(result));
    return tolerance_ > 0 && !(100 * result.mape <= tolerance_) ? exit_no : exit_ok;
  }

  static std::vector<int> numbers(const std::string& list) {
    std::vector<int> out;
    std::istringstream in(list);
    for (std::string word; std::getline(in, word, ',');) {
      int n = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
      if (error != std::errc() || end != word.data() + word.size() || n < 1)
        throw UsageError("--ranks takes numbers such as 1,2,4, not " + list);
      out.push_back(n);
    }
    return out;
  }

  std::vector<std::string> names_;
  std::string local_, ranks_, backend_ = "cpu";
  std::int64_t plans_ = 12, steps_ = 8;
  double tolerance_ = 0;
  std::string calibration_;
  bool summary_ = false;
};

}  // namespace

std::unique_ptr<Command> validate_command() { return std::make_unique<Validate>(); }

}  // namespace orrery
