// orrery doctor: what this machine has for each backend, and why one that isn't there isn't.
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>

#include "runtime/cpu/kernels/isa.h"
#include "runtime/cpu/kernels/workspace.h"
#include "runtime/launch/plug_in.h"
#include "tools/disk.h"
#include "tools/errors.h"
#include "tools/session.h"
#include "tools/version.h"

namespace orrery {
namespace {

// A library that is looked for, and what it says of itself.
class Library {
 public:
  explicit Library(const char* name) : name_(name), handle_(dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {}
  bool there() const { return handle_ != nullptr; }
  std::string missing() const { return fmt::format("{} is not there", name_); }

  // What a function of signature int(Result*) gives; nothing if it is missing or fails.
  template <class Result, class... Arguments>
  std::optional<Result> ask(const char* function, Arguments... arguments) const {
    const auto call =
        handle_ ? reinterpret_cast<int (*)(Result*, Arguments...)>(dlsym(handle_, function)) : nullptr;
    Result result{};
    if (call == nullptr || call(&result, arguments...) != 0) return {};
    return result;
  }
  template <class Function>
  Function* find(const char* function) const {
    return handle_ ? reinterpret_cast<Function*>(dlsym(handle_, function)) : nullptr;
  }

 private:
  const char* name_;
  void* handle_;  // stays loaded
};

std::string cuda_version(int v) { return fmt::format("CUDA {}.{}", v / 1000, v % 1000 / 10); }

class Doctor : public Command {
 public:
  std::string_view name() const override { return "doctor"; }
  std::string_view summary() const override {
    return "Say what this machine has for each backend, and why one is missing";
  }
  std::string_view example() const override { return "orrery doctor --backend cuda"; }
  std::vector<Flag> flags() override {
    return {{"--backend", "NAME", "exit 1 if it is not ready", &backend_, false, {"cpu", "cuda"}}};
  }
  int run(Session&) override;

 private:
  void line(std::string_view what, std::string_view found) {
    text_ += fmt::format("  {:<18} {}\n", what, found);
  }
  void cpu();
  void driver();
  void libraries();
  bool cuda();

  std::string backend_, text_;
};

void Doctor::cpu() {
  constexpr std::string_view sets[] = {"portable", "AVX2", "AVX-512"};
  text_ += "cpu: ready\n";
  line("cores", std::to_string(std::thread::hardware_concurrency()));
  line("kernels", sets[static_cast<std::size_t>(best_isa())]);
  line("products", available(MatrixLibrary::onednn) ? "oneDNN" : "Eigen (oneDNN is not built in)");
  const std::string mpi = shipped_library("orrery_mpi.so");
  line("machines", mpi.empty() ? "one: orrery_mpi.so is not built" : "many, by MPI: " + mpi);
}

void Doctor::driver() {
  const Library driver("libcuda.so.1");
  if (!driver.there()) return line("driver", "none: " + driver.missing());
  const auto version = driver.ask<int>("cuDriverGetVersion");
  auto* const start = driver.find<int(unsigned)>("cuInit");
  const int started = start ? start(0) : -1;
  line("driver", fmt::format("{}{}", version ? cuda_version(*version) : "of unknown version",
                             started == 0 ? "" : fmt::format(", but it does not start (error {})", started)));
  const int gpus = started == 0 ? driver.ask<int>("cuDeviceGetCount").value_or(0) : 0;
  line("GPUs", std::to_string(gpus));
  for (int i = 0; i < gpus; ++i) {
    char name[256] = "?";
    std::size_t memory = 0;
    const auto device = driver.ask<int>("cuDeviceGet", i);
    if (!device) continue;
    if (auto* const f = driver.find<int(char*, int, int)>("cuDeviceGetName")) f(name, sizeof name, *device);
    if (auto* const f = driver.find<int(std::size_t*, int)>("cuDeviceTotalMem_v2")) f(&memory, *device);
    line("", fmt::format("{}: {}, {:.1f} GiB", i, name, static_cast<double>(memory) / (1 << 30)));
  }
}

void Doctor::libraries() {
  const Library runtime("libcudart.so.13"), products("libcublasLt.so.13"), nccl("libnccl.so.2");
  const auto version = runtime.ask<int>("cudaRuntimeGetVersion");
  line("cudart", version ? cuda_version(*version) : runtime.missing());
  line("cuBLASLt", products.there() ? "there" : products.missing());
  const auto of_nccl = nccl.ask<int>("ncclGetVersion");
  line("NCCL", of_nccl ? fmt::format("{}.{}.{}", *of_nccl / 10000, *of_nccl / 100 % 100, *of_nccl % 100)
               : nccl.there() ? "there, of unknown version"
                              : nccl.missing());
  const Library clocks("libnvidia-ml.so.1"), tracer("libcupti.so.13");
  line("NVML", clocks.there() ? "there" : clocks.missing() + ": profiles do without clocks and power");
  line("CUPTI", tracer.there() ? "there" : tracer.missing() + ": profiles do without times of kernels");
}

// Whether a rank could start.
bool Doctor::cuda() {
  const std::string plug_in = shipped_library("liborrery_cuda.so");
  std::string problem =
                  "liborrery_cuda.so is neither beside orrery nor in lib/orrery of its installation: it is "
                  "built where a CUDA Toolkit is found",
              gpu;
  std::vector<Fact> facts;
  if (!plug_in.empty()) try {
      const std::unique_ptr<Backend> backend = load_backend(plug_in, {});
      gpu = backend->properties().name;
      facts = backend->facts();
      problem.clear();
    } catch (const DeviceError& e) {
      problem = e.what();
    }
  text_ += problem.empty() ? "cuda: ready (" + gpu + ")\n" : "cuda: not ready: " + problem + "\n";
  line("plug-in", plug_in.empty() ? "none" : plug_in);
  driver();
  libraries();
  constexpr std::string_view said[] = {"driver", "cudart", "NCCL", "CUPTI"};
  for (const Fact& f : facts)
    if (std::find(std::begin(said), std::end(said), f.name) == std::end(said)) line(f.name, f.value);
  return problem.empty();
}

int Doctor::run(Session& session) {
  text_ = fmt::format("orrery {}\n", version);
  cpu();
  const bool ready = cuda();
  session.print(text_);
  return backend_ == "cuda" && !ready ? exit_no : exit_ok;
}

}  // namespace

std::unique_ptr<Command> doctor_command() { return std::make_unique<Doctor>(); }

}  // namespace orrery
