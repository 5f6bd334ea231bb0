// orrery profile hardware: what this machine's devices and the links between them do, as a cluster and a
// calibration.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "profiler/measure/hardware.h"
#include "profiler/measure/machine.h"
#include "sim/base/units.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/backends.h"
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
    return {{"--backend",
             "NAME",
             "what executes: cpu, or cuda, a GPU a rank (default cpu)",
             &backend_,
             false,
             {"cpu", "cuda"}},
            {"--sizes",
             "NAME",
             "of shapes and messages: cpu, gpu, or test, which is done in seconds (default the backend's)",
             &sizes_,
             false,
             {"cpu", "gpu", "test"}},
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
    HardwareProfile h;
    h.name = name_;
    h.backend = backend_;
    measure(session, groups, h);
    h.devices = static_cast<int>(devices_ > 0     ? devices_
                                 : groups.empty() ? 1
                                                  : *std::max_element(groups.begin(), groups.end()));
    if (backend_ == "cpu")
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
  HardwareSizes sizes() const {
    if (sizes_ == "test") return test_sizes();
    return sizes_ == "gpu" || (sizes_.empty() && backend_ != "cpu") ? gpu_sizes() : cpu_sizes();
  }

  // What a budget may cut off comes last: the shapes of matrix products, which are many.
  void measure(Session& session, const std::vector<int>& groups, HardwareProfile& h) const {
    const bool host = backend_ == "cpu";
    const WithDevice device = device_of(backend_);
    const WithRanks ranks = ranks_of(backend_);
    const HardwareSizes s = sizes();
    device(hardware_memory(s), [&](Backend& b) {
      h.memory_rate = measure_memory_rate(b, s);
      h.launch = measure_launch(b, s);
      if (host) return;
      describe(b.properties(), h);
      h.host_rate = measure_host_rate(b, s);
    });
    if (!groups.empty()) {
      if (host)
        h.cores = measure_cores(ranks, std::clamp(std::thread::hardware_concurrency(), 1U, 64U), s.links);
      h.links = measure_links(ranks, groups, session.watch(), s.links);
      h.overlap = measure_overlap(ranks, s.links);
    }
    const auto products = [&](DType dtype, std::vector<MatmulPoint>& points) {
      if (session.watch().stop()) return;
      device(hardware_memory(s), [&](Backend& b) { points = measure_matmuls(b, dtype, session.watch(), s); });
    };
    products(DType::fp32, h.fp32);
    products(DType::bf16, h.bf16);
    if (!host) device(hardware_memory(s), [&](Backend& b) { ask(b, s, h); });
  }

  // "cuda: NVIDIA H100 80GB HBM3" is a device of that name.
  static void describe(const BackendProperties& p, HardwareProfile& h) {
    const std::size_t colon = p.name.find(": ");
    h.device = colon == std::string::npos ? p.name : p.name.substr(colon + 2);
    h.vendor = "NVIDIA";
    h.architecture = p.architecture;
    h.multiprocessors = p.multiprocessors;
    h.memory = p.memory;
    h.dtype = DType::bf16;
  }

  // What changes under load is a fact of its own.
  static void ask(Backend& b, const HardwareSizes& s, HardwareProfile& h) {
    if (b.trace_kernels()) b.traced_kernels();  // only a trial tells whether there is a tracer
    for (const Fact& f : b.facts()) h.facts[f.name] = f.value;
    for (const Fact& f : facts_under_load(b, h.dtype, s))
      if (h.facts[f.name] != f.value || f.name == "SM clock" || f.name == "power")
        h.facts[f.name + " under load"] = f.value;
  }

  static void print(Session& session, const HardwareProfile& h, const Cluster& cluster,
                    const HardwareFit& fitted) {
    const Device& device = cluster.groups.front().node.device;
    session.print(fmt::format("{}, backend {}\n", h.name, h.backend));
    session.print(fmt::format("matrix products  fp32 {}, bf16 {}, of {} and {} shapes\n", text(device.fp32),
                              text(device.bf16), h.fp32.size(), h.bf16.size()));
    session.print(fmt::format("memory           {}\ninstruction      {}\n", text(device.memory_bandwidth),
                              text(h.launch)));
    if (h.host_rate.v > 0) session.print(fmt::format("from the host    {}\n", text(h.host_rate)));
    for (const auto& [name, value] : h.facts) session.print(fmt::format("{:<32} {}\n", name, value));
    if (h.cores > 0) session.print(fmt::format("cores            {:.2f} computing at once\n", h.cores));
    if (!h.links.empty()) {
      session.print(
          fmt::format("overlap          compute {:.2f} times, communication {:.2f} times as long\n\n",
                      h.overlap.compute, h.overlap.communication));
      session.print(link_table(h.links));
    }
    session.print("\n" + fit_lines(fitted.lines));
  }

  static std::string link_table(const std::vector<CollectivePoint>& points) {
    const bool expected =
        std::any_of(points.begin(), points.end(), [](const CollectivePoint& p) { return p.estimate > 0; });
    std::vector<std::string> head{"communication", ">ranks", ">bytes", ">time", ">rate"};
    if (expected) head.insert(head.end(), {">NCCL's estimate", ">over time"});
    Table out(head);
    for (const CollectivePoint& p : points) {
      std::vector<std::string> row{std::string(orrery::name(p.kind)), std::to_string(p.ranks), text(p.bytes),
                                   text(Seconds{p.seconds}),
                                   text(BytesPerSecond{static_cast<double>(p.bytes.v) / p.seconds})};
      if (expected && p.estimate > 0)
        row.insert(row.end(), {text(Seconds{p.estimate}), fmt::format("{:.2f}", p.estimate / p.seconds)});
      else if (expected)
        row.insert(row.end(), {"none", ""});
      out.row(row);
    }
    return out.text();
  }

  static std::string fit_lines(const std::vector<FitLine>& lines) {
    Table out({"fitted", ">points", ">mean error", ">worst"});
    for (const FitLine& l : lines)
      out.row({l.what, std::to_string(l.errors.points), fmt::format("{:.1f} %", 100 * l.errors.mape),
               fmt::format("{:.1f} %", 100 * l.errors.worst)});
    return out.text();
  }

  std::string backend_ = "cpu", sizes_, ranks_, base_, name_ = "this-machine", out_, cluster_out_;
  std::int64_t devices_ = 0;
  double budget_ = 0;
};

}  // namespace

std::unique_ptr<Command> profile_hardware_command() { return std::make_unique<ProfileHardware>(); }

}  // namespace orrery
