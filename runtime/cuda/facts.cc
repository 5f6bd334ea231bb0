#include "runtime/cuda/facts.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstdio>

#include "runtime/cuda/optional_library.h"

namespace orrery::cuda {
namespace {

std::string version(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }

// Since NCCL 2.3: 22809 is 2.28.9.
std::string nccl_version(int v) {
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

// The functions of NVML that are asked, after the header of version 12 (nvml.h); all return 0 on success.
struct Nvml : OptionalLibrary {
  Nvml() : OptionalLibrary("libnvidia-ml.so.1") {}

  using Gpu = struct nvmlDevice_st*;
  static constexpr unsigned sm_clock = 1, memory_clock = 2,
                            core_temperature = 0;  // nvmlClockType_t and so on

  int (*init)() = find<int (*)()>("nvmlInit_v2");
  int (*by_bus)(const char*, Gpu*) = find<int (*)(const char*, Gpu*)>("nvmlDeviceGetHandleByPciBusId_v2");
  int (*driver)(char*, unsigned) = find<int (*)(char*, unsigned)>("nvmlSystemGetDriverVersion");
  using OfKind = int (*)(Gpu, unsigned, unsigned*);
  using Number = int (*)(Gpu, unsigned*);
  OfKind clock = find<OfKind>("nvmlDeviceGetClockInfo"),
         most_clock = find<OfKind>("nvmlDeviceGetMaxClockInfo"),
         temperature = find<OfKind>("nvmlDeviceGetTemperature");
  Number power = find<Number>("nvmlDeviceGetPowerUsage"),
         limit = find<Number>("nvmlDeviceGetEnforcedPowerLimit");  // mW
  int (*reasons)(Gpu, unsigned long long*) =
      find<int (*)(Gpu, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons");
};

// The library stays loaded and initialised.
const Nvml& nvml() {
  static const Nvml library;
  return library;
}

// Bits of nvmlClocksThrottleReasons*.
std::string reasons_text(unsigned long long bits) {
  constexpr struct {
    unsigned long long bit;
    const char* name;
  } known[] = {{0x1, "idle"},           {0x2, "set clocks"},   {0x4, "power cap"},
               {0x8, "hardware"},       {0x10, "sync boost"},  {0x20, "thermal"},
               {0x40, "hardware heat"}, {0x80, "power brake"}, {0x100, "display clocks"}};
  std::string out;
  for (const auto& k : known)
    if (bits & k.bit) out += (out.empty() ? "" : ", ") + std::string(k.name);
  return out.empty() ? "none" : out;
}

class Questions {
 public:
  explicit Questions(Nvml::Gpu gpu) : gpu_(gpu) {}

  void ask(const char* name, Nvml::OfKind f, unsigned kind, const char* unit) {
    unsigned value = 0;
    if (f && f(gpu_, kind, &value) == 0) facts.push_back({name, std::to_string(value) + unit});
  }
  void ask_power(const char* name, Nvml::Number f) {
    unsigned milliwatts = 0;
    if (f == nullptr || f(gpu_, &milliwatts) != 0) return;
    char text[32];
    std::snprintf(text, sizeof text, "%.1f W", milliwatts / 1e3);
    facts.push_back({name, text});
  }
  std::vector<Fact> facts;

 private:
  Nvml::Gpu gpu_;
};

}  // namespace

std::vector<Fact> library_facts() {
  std::vector<Fact> out;
  int number = 0;
  if (cudaGetDeviceCount(&number) == cudaSuccess) out.push_back({"usable GPUs", std::to_string(number)});
  if (cudaDriverGetVersion(&number) == cudaSuccess) out.push_back({"driver", "CUDA " + version(number)});
  if (cudaRuntimeGetVersion(&number) == cudaSuccess) out.push_back({"cudart", "CUDA " + version(number)});
  if (ncclGetVersion(&number) == ncclSuccess) out.push_back({"NCCL", nccl_version(number)});
  return out;
}

std::vector<Fact> nvml_facts(const std::string& bus) {
  const Nvml& n = nvml();
  if (!n) return {{"NVML", "not there: clocks and power are not known"}};
  Nvml::Gpu gpu = nullptr;
  const int started = n.init ? n.init() : -1;
  const int found = started == 0 && n.by_bus ? n.by_bus(bus.c_str(), &gpu) : -1;
  if (found != 0)
    return {{"NVML", "does not know this GPU (error " + std::to_string(started != 0 ? started : found) +
                         "): clocks and power are not known"}};
  Questions q(gpu);
  char driver[96] = {};
  if (n.driver && n.driver(driver, sizeof driver) == 0) q.facts.push_back({"driver version", driver});
  q.ask("SM clock", n.clock, Nvml::sm_clock, " MHz");
  q.ask("SM clock at most", n.most_clock, Nvml::sm_clock, " MHz");
  q.ask("memory clock", n.clock, Nvml::memory_clock, " MHz");
  q.ask("temperature", n.temperature, Nvml::core_temperature, " C");
  q.ask_power("power", n.power);
  q.ask_power("power limit", n.limit);
  unsigned long long bits = 0;
  if (n.reasons && n.reasons(gpu, &bits) == 0) q.facts.push_back({"clocks held by", reasons_text(bits)});
  return std::move(q.facts);
}

}  // namespace orrery::cuda
