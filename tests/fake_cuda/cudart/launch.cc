// Launches, and the functions that nvcc's host code calls to register and launch kernels.
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "tests/fake_cuda/cudart/api.h"
#include "tests/fake_cuda/cudart/settings.h"

using namespace orrery::fake;
namespace ptx = orrery::ptx;

namespace {

constexpr std::size_t shared_without_asking = 48 << 10, shared_at_most = 227 << 10;

struct Configuration {
  dim3 grid, block;
  std::size_t shared = 0;
  cudaStream_t stream = nullptr;
};
thread_local std::vector<Configuration> configurations;  // pushed by <<<...>>>

// Dynamic shared memory that cudaFuncSetAttribute allowed, by kernel.
class Allowances {
 public:
  static Allowances& instance() {
    static auto* all = new Allowances;
    return *all;
  }
  void set(const void* function, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_[function] = bytes;
  }
  std::size_t of(const void* function) {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(function);
    return found != bytes_.end() ? found->second : shared_without_asking;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, std::size_t> bytes_;
};

// Why the launch can't be, or empty.
std::string wrong_shape(const ptx::Kernel& kernel, const Configuration& c, std::size_t allowed) {
  const std::size_t threads = std::size_t{c.block.x} * c.block.y * c.block.z;
  if (threads == 0 || std::size_t{c.grid.x} * c.grid.y * c.grid.z == 0) return "an empty grid or block";
  if (c.grid.x > 0x7fffffffU || c.grid.y > 65535 || c.grid.z > 65535) return "the grid is too large";
  if (threads > 1024 || c.block.z > 64) return "blocks of " + std::to_string(threads) + " threads";
  if (threads > kernel.max_threads)
    return "blocks of " + std::to_string(threads) + " threads, __launch_bounds__ says " +
           std::to_string(kernel.max_threads);
  if (c.shared > allowed)
    return std::to_string(c.shared) +
           " bytes of dynamic shared memory without cudaFuncSetAttribute for as many";
  if (kernel.dynamic_shared + c.shared > shared_at_most)
    return std::to_string(kernel.dynamic_shared + c.shared) + " bytes of shared memory";
  return {};
}

cudaError_t error_of(ptx::FaultKind kind) {
  switch (kind) {
    case ptx::FaultKind::address:
      return cudaErrorIllegalAddress;
    case ptx::FaultKind::misaligned:
      return cudaErrorMisalignedAddress;
    case ptx::FaultKind::assertion:
      return cudaErrorAssert;
    default:
      return cudaErrorLaunchFailure;
  }
}

void interpret(Device& device, const ptx::Kernel& kernel, const Configuration& c,
               const std::vector<std::byte>& parameters) {
  ptx::Launch launch;
  launch.grid = {c.grid.x, c.grid.y, c.grid.z};
  launch.block = {c.block.x, c.block.y, c.block.z};
  launch.dynamic_shared = c.shared;
  launch.parameters = parameters.data();
  ptx::Checks checks;
  checks.shared = settings().check_shared;
  checks.seed = settings().seed;
  try {
    ptx::run(kernel, launch, *device.memory().map(), checks);
  } catch (const ptx::Fault& fault) {
    device.fail(error_of(fault.kind), fault.what());
  }
}

cudaError_t launch(const void* function, const Configuration& c, void** arguments) {
  if (must_fail("cudaLaunchKernel")) return noted(cudaErrorUnknown);
  return with_stream(c.stream, [&](Device& device, cudaStream_t stream) {
    const RegisteredFunction* registered = Program::instance().function(function);
    if (registered == nullptr) return refused(cudaErrorInvalidDeviceFunction, "the kernel is not registered");
    const ptx::Kernel* kernel = nullptr;
    try {
      kernel = &device.program().kernel(*registered);
    } catch (const ptx::Unsupported& why) {
      return refused(cudaErrorInvalidPtx, why.what());
    }
    if (const std::string why = wrong_shape(*kernel, c, Allowances::instance().of(function)); !why.empty())
      return refused(cudaErrorInvalidConfiguration, "kernel " + kernel->name + ": " + why);
    std::vector<std::byte> parameters(kernel->parameter_bytes);
    for (std::size_t p = 0; p < kernel->parameters.size(); ++p)
      std::memcpy(parameters.data() + kernel->parameters[p].offset, arguments[p],
                  kernel->parameters[p].bytes);
    device.enqueue(stream, {"kernel " + kernel->name,
                            [&device, kernel, c, parameters] { interpret(device, *kernel, c, parameters); },
                            {},
                            nullptr,
                            false});
    return cudaSuccess;
  });
}

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void* wrapper) {
  return reinterpret_cast<void**>(Program::instance().add(wrapper));
}
void __cudaRegisterFatBinaryEnd(void**) {}
char __cudaInitModule(void**) { return 1; }  // modules load when their first kernel is launched
void __cudaUnregisterFatBinary(void** handle) {
  Program::instance().remove(reinterpret_cast<FatBinary*>(handle));
}
void __cudaRegisterFunction(void** handle, const char* host, char*, const char* name, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
  Program::instance().add_function(host, reinterpret_cast<FatBinary*>(handle), name);
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream) {
  configurations.push_back({grid, block, shared, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  const Configuration c = configurations.back();
  configurations.pop_back();
  *grid = c.grid;
  *block = c.block;
  *shared = c.shared;
  *static_cast<cudaStream_t*>(stream) = c.stream;
  return cudaSuccess;
}

// A kernel's handle is the address of its host function.
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared, cudaStream_t stream) {
  return launch(kernel, {grid, block, shared, stream}, arguments);
}
cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             std::size_t shared, cudaStream_t stream) {
  return launch(function, {grid, block, shared, stream}, arguments);
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  ORRERY_FAKE_MAY_FAIL;
  if (Program::instance().function(function) == nullptr) return noted(cudaErrorInvalidDeviceFunction);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return refused(cudaErrorNotSupported, "this attribute of a kernel is not supported");
  if (value < 0 || static_cast<std::size_t>(value) > shared_at_most) return noted(cudaErrorInvalidValue);
  Allowances::instance().set(function, static_cast<std::size_t>(value));
  return cudaSuccess;
}

}  // extern "C"
