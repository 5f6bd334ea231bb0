// orrery profile hardware: what this machine's devices and the links between them do, as a cluster and a
// calibration.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "profiler/measure/cpu_device.h"
#include "profiler/measure/hardware.h"
#include "profiler/measure/machine.h"
#include "sim/base/units.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/errors.h"
#include "tools/numbers.h"
#include "tools/session.h"
#include "tools/table.h"

namespace orrery {
namespace {

class ProfileHardware : public Command {
 public:
  std::string_view name() const override { return "profile hardware"; }
  std::string_view summary() const override {
    return "Measure this machine; write it as a cluster and a calibration";
  }
  std::string_view example() const override {
    return "orrery profile hardware --ranks 2,4 --cluster-out here.json --out here-calibration.json";
  }
  std::vector<Flag> flags() override {
    return {{"--backend", "NAME", "what executes (default cpu)", &backend_, false, {"cpu"}},
            {"--ranks", "LIST", "sizes of groups that communicate (default 2)", &ranks_},
            {"--devices", "N", "of the described machine (default: the largest of --ranks)", &devices_},
            {"--base", "NAME|FILE", "the calibration to lay the measurements over", &base_},
            {"--name", "NAME", "of the machine (default this-machine)", &name_},
            {"--budget", "SECONDS", "stop measuring after this long", &budget_},
            {"--out", "FILE", "write the calibration", &out_},
            {"--cluster-out", "FILE", "write the cluster, for scenarios to refer to", &cluster_out_}};
  }

  int run(Session& session) override {
    std::vector<int> groups;
    for (const std::int64_t n : read_counts("--ranks", ranks_, {2})) {
      if (n > 64) throw UsageError("--ranks takes up to 64");
      if (n > 1) groups.push_back(static_cast<int>(n));
    }
    if (devices_ < 0 || devices_ > 64) throw UsageError("--devices takes 1 to 64");
    if (!(budget_ >= 0)) throw UsageError("--budget takes seconds");
    session.watch().set_budget(budget_);
    HardwareProfile h = measure(session, groups);
    h.devices = static_cast<int>(devices_ > 0     ? devices_
                                 : groups.empty() ? 1
                                                  : *std::max_element(groups.begin(), groups.end()));
    h.memory = {static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / h.devices};
    const Cluster cluster = describe_cluster(h);
    Calibration base;
    Library library = session.library().fresh();
    if (!base_.empty())
      base = read_calibration(session.files(), find_calibration(library, base_, {"--base", "", 0}));
    base.held_out = {};
    const HardwareFit fitted = fit_hardware(h, cluster, base);
    print(session, h, cluster, fitted);
    if (!out_.empty()) write_file(out_, write_calibration(fitted.calibration).dump() + "\n");
    if (!cluster_out_.empty()) write_file(cluster_out_, write_cluster(cluster).dump() + "\n");
    return exit_ok;
  }

 private:
  // What a budget may cut off comes last: the shapes of matrix products, which are many.
  HardwareProfile measure(Session& session, const std::vector<int>& groups) const {
    HardwareProfile h;
    h.name = name_;
    h.backend = backend_;
    cpu_device()(hardware_memory(), [&](Backend& b) {
      h.memory_rate = measure_memory_rate(b);
      h.launch = measure_launch(b);
    });
    if (!groups.empty()) {
      h.cores = measure_cores(cpu_ranks(), std::clamp(std::thread::hardware_concurrency(), 1U, 64U));
      h.links = measure_links(cpu_ranks(), groups, session.watch());
      h.overlap = measure_overlap(cpu_ranks());
    }
    for (const auto& [dtype, points] : {std::pair{DType::fp32, &h.fp32}, {DType::bf16, &h.bf16}})
      if (!session.watch().stop())
        cpu_device()(hardware_memory(),
                     [&](Backend& b) { *points = measure_matmuls(b, dtype, session.watch()); });
    return h;
  }

  static void print(Session& session, const HardwareProfile& h, const Cluster& cluster,
                    const HardwareFit& fitted) {
    const Device& device = cluster.groups.front().node.device;
    session.print(fmt::format("{}, backend {}\n", h.name, h.backend));
    session.print(fmt::format("matrix products  fp32 {}, bf16 {}, of {} and {} shapes\n", text(device.fp32),
                              text(device.bf16), h.fp32.size(), h.bf16.size()));
    session.print(fmt::format("memory           {}\ninstruction      {}\n", text(device.memory_bandwidth),
                              text(h.launch)));
    if (h.cores > 0) session.print(fmt::format("cores            {:.2f} computing at once\n", h.cores));
    if (!h.links.empty()) {
      session.print(
          fmt::format("overlap          compute {:.2f} times, communication {:.2f} times as long\n\n",
                      h.overlap.compute, h.overlap.communication));
      Table links({"communication", ">ranks", ">bytes", ">time", ">rate"});
      for (const CollectivePoint& p : h.links)
        links.row({std::string(orrery::name(p.kind)), std::to_string(p.ranks), text(p.bytes),
                   text(Seconds{p.seconds}),
                   text(BytesPerSecond{static_cast<double>(p.bytes.v) / p.seconds})});
      session.print(links.text());
    }
    session.print("\n" + fit_lines(fitted.lines));
  }

  static std::string fit_lines(const std::vector<FitLine>& lines) {
    Table out({"fitted", ">points", ">mean error", ">worst"});
    for (const FitLine& l : lines)
      out.row({l.what, std::to_string(l.errors.points), fmt::format("{:.1f} %", 100 * l.errors.mape),
               fmt::format("{:.1f} %", 100 * l.errors.worst)});
    return out.text();
  }

  std::string backend_ = "cpu", ranks_, base_, name_ = "this-machine", out_, cluster_out_;
  std::int64_t devices_ = 0;
  double budget_ = 0;
};

}  // namespace

std::unique_ptr<Command> profile_hardware_command() { return std::make_unique<ProfileHardware>(); }

}  // namespace orrery
