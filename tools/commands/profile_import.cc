// orrery profile import: measurements of other tools as a table, a document, a calibration or measured runs.
#include <algorithm>
#include <cstdio>

#include "profiler/import/calibrate.h"
#include "profiler/import/import.h"
#include "profiler/import/run.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/commands/profile_tables.h"
#include "tools/errors.h"
#include "tools/session.h"

namespace orrery {
namespace {

class ProfileImport : public Command {
 public:
  std::string_view name() const override { return "profile import"; }
  std::string_view summary() const override {
    return "Read measurements of other tools; fit a calibration to them";
  }
  std::string_view example() const override {
    return "orrery profile import all_reduce.txt trace.json.gz --cluster h100-sxm --out mine.json";
  }
  unsigned outputs() const override { return writes_json; }
  std::vector<Flag> flags() override {
    return {
        {"FILE", "",
         "nccl-tests, Galvatron, Kineto, Megatron-LM, torchtitan, MLPerf, orrery.profile/1; .gz too", &files_,
         true},
        {"--out", "FILE", "write a calibration of what the files determine, and of nothing else", &out_},
        {"--base", "NAME|FILE", "with --out: the calibration to lay it over", &base_},
        {"--name", "NAME", "of the calibration", &name_},
        {"--device", "NAME|FILE", "that ran: its peak rates are what matrix products are a share of",
         &device_},
        {"--cluster", "NAME|FILE", "that ran: its links are what messages are a share of", &cluster_},
        {"--op", "NAME", "of nccl-tests whose output does not name it: all_gather ...", &hints_.collective},
        {"--ranks", "N", "of nccl-tests whose output does not list its devices", &hints_.ranks},
        {"--run", "FILE", "write the training logs as measured runs, for orrery validate", &run_},
        {"--set", "MEMBER=VALUE", "with --run: what the log does not say, such as hw.gpu=H100-80GB-SXM",
         &set_},
        {"--source", "TEXT", "with --run: name of the source, by which its software is known", &source_},
        {"--all", "", "show every measurement, not the first of each kind", &all_}};
  }

  int run(Session& session) override {
    if (out_.empty() && !(base_.empty() && name_.empty()))
      throw UsageError("--base and --name go with --out");
    if (run_.empty() && !(set_.empty() && source_.empty()))
      throw UsageError("--set and --source go with --run");
    if (hints_.ranks < 0) throw UsageError("--ranks takes a number of ranks");
    std::vector<Source> sources;
    for (const std::string& file : files_) {
      Library library = session.library().fresh();
      const std::string bytes = library.text(file);
      for (Source& s : import_sources(bytes, file, library.inputs().back().digest, hints_))
        sources.push_back(std::move(s));
    }
    session.print(profile_tables(sources, all_));
    const Json runs = run_.empty() ? Json() : measured_runs(sources, {set_, source_});
    if (!out_.empty()) write_fit(session, sources);
    if (!run_.empty()) write_file(run_, runs.dump() + "\n");
    if (!session.globals().json.empty()) session.write_json(write_profile(sources));
    return exit_ok;
  }

 private:
  void write_fit(Session& session, const std::vector<Source>& sources) const {
    Library library = session.library().fresh();
    Calibration calibration;
    if (!base_.empty())
      calibration = read_calibration(session.files(), find_calibration(library, base_, {"--base", "", 0}));
    ImportTargets targets;
    if (!cluster_.empty()) targets.cluster = find_cluster(library, cluster_, 0, {"--cluster", "", 0});
    if (!device_.empty())
      targets.device = find_device(library);
    else if (targets.cluster)
      targets.device = targets.cluster->groups.front().node.device;
    calibration.name = !name_.empty() ? name_ : !base_.empty() ? calibration.name : "imported";
    if (targets.device) calibration.device = targets.device->name;
    const ImportFit fitted = calibrate_import(calibration, sources, targets);
    session.print(fit_table(fitted));
    if (fitted.lines.empty())
      throw UsageError("--out: nothing in the files sets a constant (" + why_not(fitted) + ")");
    write_file(out_, write_calibration(calibration).dump() + "\n");
  }

  Device find_device(Library& library) const {
    const Where where{"--device", "", 0};
    return library.open(library.locate(Library::Kind::device, device_, where), Library::Kind::device, where,
                        [](const Reader& r) { return read_device(r); });
  }

  static std::string why_not(const ImportFit& fitted) {
    return fitted.left_out.empty() ? "no rates, collectives or matrix products" : fitted.left_out.front();
  }

  std::vector<std::string> files_, set_;
  std::string out_, base_, name_, device_, cluster_, run_, source_;
  Hints hints_;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> profile_import_command() { return std::make_unique<ProfileImport>(); }

}  // namespace orrery
