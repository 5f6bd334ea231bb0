// orrery profile hardware: what this machine's devices and the links between them do, and under mpirun or
// srun those between machines, as a cluster and a calibration.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "profiler/measure/hardware.h"
#include "profiler/measure/hosts.h"
#include "profiler/measure/machine.h"
#include "runtime/comm/mpi.h"
#include "runtime/launch/launch.h"
#include "sim/base/units.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tools/backends.h"
#include "tools/disk.h"
#include "tools/errors.h"
#include "tools/numbers.h"
#include "tools/session.h"
#include "tools/table.h"

namespace orrery {
namespace {

// Who measures: this process alone, or it is one of several.
struct Measurers {
  WithDevice device;  // calls on one rank only
  WithRanks ranks;
  Watch& watch;  // stop() is asked by all at once
  HostShape shape;
  std::uint32_t cores;  // ranks that compute at once to see what they have in common
};

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
            {"--ranks", "LIST", "sizes of groups on one machine (default 2; of a launcher: all on a host)",
             &ranks_},
            {"--devices", "N", "of the described machine (default: the largest of --ranks)", &devices_},
            {"--base", "NAME|FILE", "the calibration to lay the measurements over", &base_},
            {"--name", "NAME", "of the machine (default this-machine)", &name_},
            {"--budget", "SECONDS", "stop measuring after this long", &budget_},
            {"--out", "FILE", "write the calibration", &out_},
            {"--cluster-out", "FILE", "write the cluster, for scenarios to refer to", &cluster_out_}};
  }

  int run(Session& session) override {
    if (comm::started_by_mpi()) return run_under_launcher(session);
    HardwareProfile h = describe_job({});
    const Calibration base = read_base(session);
    measure(session,
            {device_of(backend_),
             ranks_of(backend_),
             session.watch(),
             {},
             std::clamp(std::thread::hardware_concurrency(), 1U, 64U)},
            h);
    conclude(session, h, base);
    return exit_ok;
  }

 private:
  HardwareSizes sizes() const {
    if (sizes_ == "test") return test_sizes();
    return sizes_ == "gpu" || (sizes_.empty() && backend_ != "cpu") ? gpu_sizes() : cpu_sizes();
  }

  // One of the ranks of an MPI launcher.
  int run_under_launcher(Session& session) {
    const Bytes memory = links_memory(sizes().links);
    LaunchOptions launch;
    launch.ranks = 0;
    launch.tensors = memory;
    launch.arena = {memory.v + (std::int64_t{256} << 20)};
    launch.watchdog.wait_ms = std::int64_t{1000} * 86'400;  // the others wait while the first measures alone
    launch.mpi_plug_in = shipped_library("orrery_mpi.so");
    int code = exit_ok;
    run_ranks(launch, [&](comm::Connection& c) {
      const bool first = c.rank() == 0;
      if (!first) session.be_silent();
      try {
        code = measure_together(session, c, memory);
      } catch (const DeviceError&) {
        if (first || !c.region().board().aborted()) throw;
        code = exit_environment;  // what ended the job is said by the rank that found it, or the first
      }
    });
    return code;
  }

  int measure_together(Session& session, comm::Connection& c, Bytes memory) {
    Hosts hosts(c, memory);
    HardwareProfile h;
    Calibration base;
    int code = by_the_first(hosts, [&] {
      h = describe_job(hosts.shape());
      base = read_base(session);
    });
    if (code != exit_ok) return code;
    if (c.rank() != 0) h = describe_job(hosts.shape());
    SharedWatch watch(hosts.world(), session.watch());
    const WithDevice nobody = [](Bytes, const std::function<void(Backend&)>&) {};
    measure(session,
            {c.rank() == 0 ? device_of(backend_) : nobody, hosts.ranks(), watch, hosts.shape(),
             static_cast<std::uint32_t>(hosts.shape().per_host)},
            h);
    return by_the_first(hosts, [&] { conclude(session, h, base); });
  }

  // What rank 0 does alone and says if it fails: then all end with its exit code.
  template <class Do>
  static int by_the_first(Hosts& hosts, Do&& act) {
    std::int64_t code = exit_ok;
    if (hosts.world().rank() == 0)
      code = guarded([&] {
        act();
        return int{exit_ok};
      });
    return static_cast<int>(hosts.world().gather(std::span<const std::int64_t>(&code, 1))[0][0]);
  }

  // What the command line says of the job, checked.
  HardwareProfile describe_job(HostShape shape) {
    const bool alone = !comm::started_by_mpi();
    const std::vector<std::int64_t> standard =
        alone ? std::vector<std::int64_t>{2} : std::vector<std::int64_t>{shape.per_host};
    groups_.clear();
    for (const std::int64_t n : read_counts("--ranks", ranks_, standard)) {
      if (n > 64) throw UsageError("--ranks takes up to 64");
      if (!alone && n > shape.per_host)
        throw UsageError(fmt::format("--ranks {}: the launcher has started {} on a host", n, shape.per_host));
      if (n > 1) groups_.push_back(static_cast<int>(n));
    }
    if (devices_ < 0 || devices_ > 64) throw UsageError("--devices takes 1 to 64");
    if (!alone && devices_ > 0 && devices_ != shape.per_host)
      throw UsageError(
          fmt::format("--devices {}: the launcher has started {} on a host", devices_, shape.per_host));
    if (!alone && backend_ != "cpu")
      throw UsageError("--backend " + backend_ +
                       " measures one machine, without a launcher: not supported between machines");
    if (!(budget_ >= 0)) throw UsageError("--budget takes seconds");
    HardwareProfile h;
    h.name = name_;
    h.backend = backend_;
    h.hosts = shape.hosts;
    h.devices = static_cast<int>(devices_ > 0      ? devices_
                                 : !alone          ? shape.per_host
                                 : groups_.empty() ? 1
                                                   : *std::max_element(groups_.begin(), groups_.end()));
    return h;
  }

  Calibration read_base(Session& session) const {
    session.watch().set_budget(budget_);
    Calibration base;
    Library library = session.library().fresh();
    if (!base_.empty())
      base = read_calibration(session.files(), find_calibration(library, base_, {"--base", "", 0}));
    base.held_out = {};
    return base;
  }

  void conclude(Session& session, HardwareProfile& h, const Calibration& base) const {
    if (backend_ == "cpu")
      h.memory = {static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / h.devices};
    const Cluster cluster = describe_cluster(h);
    const HardwareFit fitted = fit_hardware(h, cluster, base);
    print(session, h, cluster, fitted);
    if (!out_.empty()) write_file(out_, write_calibration(fitted.calibration).dump() + "\n");
    if (!cluster_out_.empty()) write_file(cluster_out_, write_cluster(cluster).dump() + "\n");
  }

  // What a budget may cut off comes last: the shapes of matrix products, which are many.
  void measure(Session& session, const Measurers& by, HardwareProfile& h) const {
    const bool host = backend_ == "cpu";
    const HardwareSizes s = sizes();
    by.device(hardware_memory(s), [&](Backend& b) {
      h.memory_rate = measure_memory_rate(b, s);
      h.launch = measure_launch(b, s);
      if (host) return;
      describe(b.properties(), h);
      h.host_rate = measure_host_rate(b, s);
    });
    if (!groups_.empty()) {
      if (host) h.cores = measure_cores(by.ranks, by.cores, s.links);
      h.links = measure_links(by.ranks, groups_, by.watch, s.links);
      h.overlap = measure_overlap(by.ranks, s.links);
    }
    if (by.shape.hosts > 1) {
      const LinkOptions far = far_links(s.links);
      h.far_links = measure_far_links(by.ranks, by.shape.hosts, by.shape.per_host, by.watch, far);
      h.far_overlap = measure_overlap(by.ranks, far, static_cast<std::uint32_t>(by.shape.per_host));
    }
    const auto products = [&](DType dtype, std::vector<MatmulPoint>& points) {
      if (by.watch.stop()) return;
      by.device(hardware_memory(s),
                [&](Backend& b) { points = measure_matmuls(b, dtype, session.watch(), s); });
    };
    products(DType::fp32, h.fp32);
    products(DType::bf16, h.bf16);
    if (!host) by.device(hardware_memory(s), [&](Backend& b) { ask(b, s, h); });
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
    session.print(fmt::format("{}, backend {}", h.name, h.backend));
    session.print(h.hosts > 1 ? fmt::format(", {} hosts of {} ranks\n", h.hosts, h.devices) : "\n");
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
    if (!h.far_links.empty()) {
      session.print(fmt::format("\nbetween hosts    {} a NIC, one a host\n",
                                text(cluster.groups.front().node.nics.bandwidth)));
      session.print(
          fmt::format("overlap          compute {:.2f} times, communication {:.2f} times as long\n\n",
                      h.far_overlap.compute, h.far_overlap.communication));
      session.print(link_table(h.far_links));
    }
    session.print("\n" + fit_lines(fitted.lines));
  }

  static std::string link_table(const std::vector<CollectivePoint>& points) {
    const bool expected =
        std::any_of(points.begin(), points.end(), [](const CollectivePoint& p) { return p.estimate > 0; });
    const bool far =
        std::any_of(points.begin(), points.end(), [](const CollectivePoint& p) { return p.nodes > 1; });
    std::vector<std::string> head{"communication", ">ranks", ">bytes", ">time", ">rate"};
    if (far) head.insert(head.begin() + 2, ">hosts");
    if (expected) head.insert(head.end(), {">NCCL's estimate", ">over time"});
    Table out(head);
    for (const CollectivePoint& p : points) {
      std::vector<std::string> row{std::string(orrery::name(p.kind)), std::to_string(p.ranks), text(p.bytes),
                                   text(Seconds{p.seconds}),
                                   text(BytesPerSecond{static_cast<double>(p.bytes.v) / p.seconds})};
      if (far) row.insert(row.begin() + 2, std::to_string(p.nodes));
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
  std::vector<int> groups_;  // of --ranks, those of two and more
};

}  // namespace

std::unique_ptr<Command> profile_hardware_command() { return std::make_unique<ProfileHardware>(); }

}  // namespace orrery
