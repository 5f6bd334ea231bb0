#include "runtime/cuda/kernel_tracer.h"

#ifdef ORRERY_CUPTI
#include <cupti.h>
#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "runtime/cuda/optional_library.h"
#endif

namespace orrery::cuda {

#ifndef ORRERY_CUPTI

KernelTracer::KernelTracer() : problem_("not there when this was built: times are those of events") {}
bool KernelTracer::start() { return false; }
std::vector<TracedKernel> KernelTracer::finish() { return {}; }

#else

namespace {

using Record = CUpti_ActivityKernel10;  // of CONCURRENT_KERNEL in the version that is compiled for
constexpr std::size_t buffer_size = std::size_t{1} << 20, alignment = 8;

// CUPTI calls back without a context, so what it found is the process's.
std::mutex mutex;
std::map<std::string, TracedKernel> seen;

struct Cupti : OptionalLibrary {
  Cupti() : OptionalLibrary("libcupti.so.13") {}

  decltype(&cuptiGetVersion) version = find<decltype(&cuptiGetVersion)>("cuptiGetVersion");
  decltype(&cuptiActivityEnable) enable = find<decltype(&cuptiActivityEnable)>("cuptiActivityEnable");
  decltype(&cuptiActivityDisable) disable = find<decltype(&cuptiActivityDisable)>("cuptiActivityDisable");
  decltype(&cuptiActivityFlushAll) flush = find<decltype(&cuptiActivityFlushAll)>("cuptiActivityFlushAll");
  decltype(&cuptiActivityGetNextRecord) next =
      find<decltype(&cuptiActivityGetNextRecord)>("cuptiActivityGetNextRecord");
  decltype(&cuptiActivityRegisterCallbacks) call_back =
      find<decltype(&cuptiActivityRegisterCallbacks)>("cuptiActivityRegisterCallbacks");
  bool whole() const { return version && enable && disable && flush && next && call_back; }
};

const Cupti& cupti() {
  static const Cupti library;
  return library;
}

// "void gemm<float>(int)" of its mangled form.
std::string readable(const char* mangled) {
  if (mangled == nullptr) return "?";
  int status = 0;
  char* const text = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string out = status == 0 ? text : mangled;
  std::free(text);
  return out;
}

void CUPTIAPI give_buffer(std::uint8_t** buffer, std::size_t* size, std::size_t* most_records) {
  *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(alignment, buffer_size));
  *size = *buffer ? buffer_size : 0;
  *most_records = 0;  // as many as there is room for
}

void CUPTIAPI take_buffer(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t valid) {
  CUpti_Activity* record = nullptr;
  {
    const std::lock_guard lock(mutex);
    while (cupti().next(buffer, valid, &record) == CUPTI_SUCCESS) {
      if (record->kind != CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) continue;
      const auto* kernel = reinterpret_cast<const Record*>(record);
      TracedKernel& k = seen[kernel->name ? kernel->name : "?"];
      ++k.count;
      k.total.v += static_cast<double>(kernel->end - kernel->start) * 1e-9;
    }
  }
  std::free(buffer);
}

std::string problem_of(const Cupti& c) {
  if (!c) return "not there: times are those of events";
  std::uint32_t version = 0;
  if (!c.whole() || c.version(&version) != CUPTI_SUCCESS) return "is no CUPTI: times are those of events";
  if (version != CUPTI_API_VERSION)
    return "of version " + std::to_string(version) + ", this was built for " +
           std::to_string(CUPTI_API_VERSION) + ": times are those of events";
  return {};
}

}  // namespace

KernelTracer::KernelTracer() : problem_(problem_of(cupti())) {}

bool KernelTracer::start() {
  if (!problem_.empty()) return false;
  const Cupti& c = cupti();
  CUptiResult result = c.call_back(give_buffer, take_buffer);
  if (result == CUPTI_SUCCESS) result = c.enable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  if (result != CUPTI_SUCCESS) {
    problem_ = "does not trace (error " + std::to_string(result) + "): times are those of events";
    return false;
  }
  const std::lock_guard lock(mutex);
  seen.clear();
  return true;
}

std::vector<TracedKernel> KernelTracer::finish() {
  if (!problem_.empty()) return {};
  cupti().flush(0);
  cupti().disable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  std::vector<TracedKernel> out;
  const std::lock_guard lock(mutex);
  for (auto& [name, kernel] : seen) {
    kernel.name = readable(name.c_str());
    out.push_back(kernel);
  }
  seen.clear();
  std::stable_sort(out.begin(), out.end(),
                   [](const TracedKernel& a, const TracedKernel& b) { return a.total.v > b.total.v; });
  return out;
}

#endif

}  // namespace orrery::cuda
