// Devices, errors, and what the other fakes ask for.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/fake_cuda/cudart/api.h"
#include "tests/fake_cuda/cudart/fake.h"
#include "tests/fake_cuda/cudart/settings.h"

namespace orrery::fake {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

struct ErrorName {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define ORRERY_ERROR(name, text) \
  { name, #name, text }
constexpr ErrorName error_names[] = {
    ORRERY_ERROR(cudaSuccess, "no error"),
    ORRERY_ERROR(cudaErrorInvalidValue, "invalid argument"),
    ORRERY_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    ORRERY_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ORRERY_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    ORRERY_ERROR(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
    ORRERY_ERROR(cudaErrorUnknown, "unknown error"),
    ORRERY_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ORRERY_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    ORRERY_ERROR(cudaErrorInvalidPtx, "a PTX JIT compilation failed"),
    ORRERY_ERROR(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    ORRERY_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ORRERY_ERROR(cudaErrorNotReady, "device not ready"),
    ORRERY_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    ORRERY_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    ORRERY_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    ORRERY_ERROR(cudaErrorAssert, "device-side assert triggered"),
    ORRERY_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    ORRERY_ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    ORRERY_ERROR(cudaErrorStreamCaptureInvalidated,
                 "operation failed due to a previous error during capture"),
    ORRERY_ERROR(cudaErrorStreamCaptureMerge,
                 "operation would result in a merge of separate capture sequences"),
    ORRERY_ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    ORRERY_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    ORRERY_ERROR(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
    ORRERY_ERROR(cudaErrorCapturedEvent,
                 "operation not permitted on an event last recorded in a capturing stream"),
    ORRERY_ERROR(cudaErrorNotSupported, "operation not supported"),
};
#undef ORRERY_ERROR

const ErrorName* find_error(cudaError_t error) {
  const auto* found = std::find_if(std::begin(error_names), std::end(error_names),
                                   [&](const ErrorName& e) { return e.error == error; });
  return found != std::end(error_names) ? found : nullptr;
}

}  // namespace

cudaError_t noted(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

cudaError_t refused(cudaError_t error, const std::string& what) {
  std::fprintf(stderr, "fake cuda: %s: %s\n", cudaGetErrorName(error), what.c_str());
  mistake(what);
  return noted(error);
}

cudaError_t sticking() { return noted(Device::current().error()); }

Where locate(const void* address, std::size_t bytes, std::byte*& host) {
  Device& device = Device::current();
  host = device.memory().host(address, bytes);
  if (host != nullptr) return Where::device;
  for (int d = 0; d < settings().devices; ++d)
    if (Device::exists(d) && Device::of(d).memory().owns(address)) return Where::invalid;
  host = static_cast<std::byte*>(const_cast<void*>(address));
  return PinnedMemory::instance().holds(address, bytes) ? Where::pinned : Where::pageable;
}

}  // namespace orrery::fake

using namespace orrery::fake;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  ORRERY_FAKE_MAY_FAIL;
  if (settings().driver / 1000 < CUDART_VERSION / 1000) return noted(cudaErrorInsufficientDriver);
  *count = settings().devices;
  return noted(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int device) {
  ORRERY_FAKE_MAY_FAIL;
  return noted(Device::select(device) ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetDevice(int* device) {
  *device = Device::current_number();
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = settings().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  ORRERY_FAKE_MAY_FAIL;
  if (device < 0 || device >= settings().devices) return noted(cudaErrorInvalidDevice);
  std::memset(p, 0, sizeof *p);
  std::snprintf(p->name, sizeof p->name, "fake GPU (PTX interpreter)");
  p->totalGlobalMem = settings().memory;
  p->major = settings().capability / 10;
  p->minor = settings().capability % 10;
  p->warpSize = 32;
  p->multiProcessorCount = 4;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = 2048;
  p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerBlockOptin = 227 << 10;
  p->sharedMemPerMultiprocessor = 228 << 10;
  p->regsPerBlock = 65536;
  p->l2CacheSize = 50 << 20;
  p->asyncEngineCount = 3;
  p->concurrentKernels = 1;
  p->unifiedAddressing = 1;
  p->pciBusID = device;
  for (int d = 0; d < 3; ++d) {
    p->maxThreadsDim[d] = d < 2 ? 1024 : 64;
    p->maxGridSize[d] = d == 0 ? 0x7fffffff : 65535;
  }
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const DeviceMemory& memory = Device::current().memory();
  *total = memory.limit();
  *free = memory.limit() - memory.used();
  return sticking();
}

cudaError_t cudaDeviceSynchronize() {
  Device& device = Device::current();
  if (device.capturing())
    return refused(cudaErrorStreamCaptureUnsupported, "cudaDeviceSynchronize while a stream is captured");
  device.synchronize();
  return sticking();
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = Device::current().error();  // what sticks is not forgotten
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  const ErrorName* found = find_error(error);
  return found != nullptr ? found->name : "cudaError (not one of the fake's)";
}
const char* cudaGetErrorString(cudaError_t error) {
  const ErrorName* found = find_error(error);
  return found != nullptr ? found->text : "not an error of the fake runtime";
}

cudaError_t orrery_fake_enqueue(cudaStream_t handle, const HostWork* work) {
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    device.enqueue(stream, {work->name, work->run, {}, nullptr, work->nccl});
    return cudaSuccess;
  });
}
void* orrery_fake_host_bytes(const void* address, std::size_t bytes) {
  std::byte* host = nullptr;
  const Where where = locate(address, bytes, host);
  return where == Where::device || where == Where::pinned ? host : nullptr;
}
void orrery_fake_fail(int device, cudaError_t error, const char* message) {
  Device::of(device).fail(error, message);
}
void orrery_fake_stuck_streams(int device, char* text, std::size_t size) {
  std::snprintf(text, size, "%s", Device::of(device).stuck_streams().c_str());
}
unsigned orrery_fake_architecture() { return LoadedProgram::architecture(); }
std::uint64_t orrery_fake_timeout_ms() { return settings().timeout_ms; }

}  // extern "C"
