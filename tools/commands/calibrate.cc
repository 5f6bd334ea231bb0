// orrery calibrate: a calibration fitted to measured kernels, collectives and runs, with its provenance.
#include <cstdio>

#include "profiler/calibrate.h"
#include "profiler/fit_runs.h"
#include "profiler/gzip.h"
#include "profiler/validate.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/errors.h"
#include "tools/session.h"
#include "tools/stacks.h"
#include "tools/table.h"

namespace orrery {
namespace {

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * share);
  return text;
}

void add_row(Table& table, const std::string& what, const Errors& e) {
  table.row({what, std::to_string(e.points), percent(e.mape), percent(e.median), percent(e.worst), percent(e.bias)});
}

class Calibrate : public Command {
 public:
  std::string_view name() const override { return "calibrate"; }
  std::string_view summary() const override { return "Fit a calibration to measured kernels, collectives and runs"; }
  std::string_view example() const override {
    return "orrery calibrate --base h100-megatron-core --runs my-runs.jsonl --fit clock16 --save mine.json";
  }
  std::vector<Flag> flags() override {
    return {{"--base", "NAME|FILE", "the calibration to start from", &base_, true},
            {"--matmuls", "FILE", "XLA's table of matrix products: b, m, n, k, dtype, flops", &matmuls_},
            {"--matmul-type", "TYPE", "rows to take (default bf16xbf16->bf16)", &matmul_type_},
            {"--collectives", "FILE", "XLA's table of collectives", &collectives_},
            {"--collectives-device", "NAME", "rows to take (default sm_90)", &collectives_device_},
            {"--runs", "PATH", "measured runs; those of split calibrate or bulk-calibrate whose stack has this base", &runs_},
            {"--fit", "NAME", "constants to fit to the runs", &fit_},
            {"--source", "TEXT", "where the points come from, recorded with what they set", &source_},
            {"--name", "NAME", "of the new calibration", &name_},
            {"--save", "FILE", "write the calibration here", &save_, true}};
  }

  int run(Session& session) override {
    if (fit_.empty() != runs_.empty()) throw UsageError("--runs and --fit go together");
    if (matmuls_.empty() && collectives_.empty() && runs_.empty())
      throw UsageError("nothing to fit to: give --matmuls, --collectives or --runs");
    Library library = session.library().fresh();
    Calibration calibration = read_calibration(session.files(), find_calibration(library, base_, {"--base", "", 0}));
    const std::string stack_calibration = calibration.name;
    if (!name_.empty()) calibration.name = name_;
    calibration.held_out = {};
    Table table({"what", ">points", ">mean error", ">median", ">worst", ">bias"});
    fit_kernels(session, library, calibration, table);
    if (!runs_.empty()) fit_to_runs(session, stack_calibration, calibration, table);
    write_file(save_, write_calibration(calibration).dump() + "\n");
    session.print(table.text());
    return exit_ok;
  }

 private:
  std::string unpacked(Session& session, const std::string& file) const {
    std::string bytes = session.files().text(file);
    return is_gzip(bytes) ? gunzip(bytes, file) : bytes;
  }

  void fit_kernels(Session& session, Library& library, Calibration& calibration, Table& table) const {
    KernelPoints points;
    if (!matmuls_.empty()) points.matmuls = read_matmuls(unpacked(session, matmuls_), matmuls_, matmul_type_);
    if (!collectives_.empty())
      points.collectives = read_collectives(unpacked(session, collectives_), collectives_, collectives_device_);
    if (points.matmuls.empty() && points.collectives.empty()) return;
    points.fp8 = matmul_type_.find("f8") != std::string::npos;
    points.source = source_;
    const Where where{"--base", "", 0};
    const Device device = library.open(library.locate(Library::Kind::device, calibration.device, where),
                                       Library::Kind::device, where, [](const Reader& r) { return read_device(r); });
    for (const FitLine& line : calibrate_kernels(calibration, device, points)) add_row(table, line.what, line.errors);
  }

  void fit_to_runs(Session& session, const std::string& stack_calibration, Calibration& calibration, Table& table) const {
    std::vector<std::string> files;
    for (const std::string& path : runs_)
      for (std::string& file : run_files(session.files(), path)) files.push_back(std::move(file));
    const Stacks stacks = shipped_stacks(session);
    std::vector<RunScenario> scenarios;
    std::vector<double> measured;
    for (const MeasuredRun& run : read_runs(session.files(), files)) {
      if (!may_fit(run) || run.measured_s <= 0) continue;
      MappedRun mapped = map_run(run, stacks, [&](std::string_view name) { return find_cluster(session.library(), name); });
      if (!mapped.scenario || mapped.scenario->calibration != stack_calibration) continue;
      scenarios.push_back(std::move(*mapped.scenario));
      measured.push_back(run.measured_s);
    }
    if (scenarios.empty()) throw UsageError("no run of split calibrate belongs to a stack with calibration " + stack_calibration);
    Evaluator evaluator;
    const RunFit fitted = fit_runs(calibration, fit_, measured,
                                   [&](std::size_t i, const Calibration& c) { return predict(scenarios[i], c, evaluator).step_s; },
                                   {.source = source_});
    calibration = fitted.calibration;
    add_row(table, "runs before", fitted.before);
    add_row(table, "runs after", fitted.after);
  }

  std::string base_, matmuls_, matmul_type_ = "bf16xbf16->bf16", collectives_, collectives_device_ = "sm_90", source_, name_, save_;
  std::vector<std::string> runs_, fit_;
};

}  // namespace

std::unique_ptr<Command> calibrate_command() { return std::make_unique<Calibrate>(); }

}  // namespace orrery
