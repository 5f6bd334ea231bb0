// Allocation, copies and fills.
#include <cstring>

#include "tests/fake_cuda/cudart/api.h"

using namespace orrery::fake;

namespace {

bool is_device(Where w) { return w == Where::device; }

bool kind_fits(cudaMemcpyKind kind, bool to_device, bool from_device) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
      return to_device && from_device;
    default:
      return true;
  }
}

struct Copy {
  std::byte* to = nullptr;
  std::byte* from = nullptr;
  bool pageable = false;
};

cudaError_t prepare(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Copy& copy) {
  if (const cudaError_t error = sticking(); error != cudaSuccess) return error;
  const Where target = locate(to, bytes, copy.to), source = locate(from, bytes, copy.from);
  const std::string what = "cudaMemcpy of " + std::to_string(bytes) + " bytes: ";
  if (target == Where::invalid)
    return refused(cudaErrorInvalidValue, what + "the target is not in an allocation of this device");
  if (source == Where::invalid)
    return refused(cudaErrorInvalidValue, what + "the source is not in an allocation of this device");
  if (!kind_fits(kind, is_device(target), is_device(source)))
    return refused(cudaErrorInvalidValue, what + "the kind does not fit a copy from " +
                                              (is_device(source) ? "device" : "host") + " to " +
                                              (is_device(target) ? "device" : "host") + " memory");
  copy.pageable = target == Where::pageable || source == Where::pageable;
  return cudaSuccess;
}

cudaError_t copy_in_stream(const Copy& copy, std::size_t bytes, cudaStream_t handle, bool wait) {
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    if (wait && device.capturing(stream)) {
      device.break_capture(stream);
      return refused(cudaErrorStreamCaptureUnsupported,
                     "a copy from or to pageable memory can't be captured");
    }
    std::byte* to = copy.to;
    const std::byte* from = copy.from;
    device.enqueue(stream, {"copy of " + std::to_string(bytes) + " bytes",
                            [=] { std::memmove(to, from, bytes); },
                            {},
                            nullptr,
                            false});
    if (wait) device.synchronize(stream);
    return device.error();
  });
}

// Allocating waits for nothing, but is not allowed while this device captures.
cudaError_t may_allocate(const char* function) {
  if (const cudaError_t error = sticking(); error != cudaSuccess) return error;
  if (Device::current().capturing())
    return refused(cudaErrorStreamCaptureUnsupported, std::string(function) + " while a stream is captured");
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  *address = nullptr;
  ORRERY_FAKE_MAY_FAIL;
  if (const cudaError_t error = may_allocate("cudaMalloc"); error != cudaSuccess) return error;
  if (bytes == 0) return cudaSuccess;
  *address = Device::current().memory().allocate(bytes);
  if (*address == nullptr) return noted(cudaErrorMemoryAllocation);
  made(*address, "allocations of device memory");
  return cudaSuccess;
}

cudaError_t cudaFree(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (const cudaError_t error = may_allocate("cudaFree"); error != cudaSuccess) return error;
  Device& device = Device::current();
  device.synchronize();
  if (!device.memory().free(address))
    return refused(cudaErrorInvalidValue, "cudaFree of what is no allocation of this device");
  gone(address, "allocations of device memory");
  return sticking();
}

cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  *address = nullptr;
  ORRERY_FAKE_MAY_FAIL;
  *address = PinnedMemory::instance().allocate(bytes);
  if (*address == nullptr) return noted(cudaErrorMemoryAllocation);
  made(*address, "allocations of pinned memory");
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  Device::current().synchronize();
  if (!PinnedMemory::instance().free(address))
    return refused(cudaErrorInvalidValue, "cudaFreeHost of what is no pinned allocation");
  gone(address, "allocations of pinned memory");
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  ORRERY_FAKE_MAY_FAIL;
  Copy copy;
  if (bytes == 0) return sticking();
  if (const cudaError_t error = prepare(to, from, bytes, kind, copy); error != cudaSuccess) return error;
  return copy_in_stream(copy, bytes, stream, copy.pageable);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  ORRERY_FAKE_MAY_FAIL;
  Copy copy;
  if (bytes == 0) return sticking();
  if (const cudaError_t error = prepare(to, from, bytes, kind, copy); error != cudaSuccess) return error;
  return copy_in_stream(copy, bytes, nullptr, true);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t handle) {
  ORRERY_FAKE_MAY_FAIL;
  if (const cudaError_t error = sticking(); error != cudaSuccess || bytes == 0) return error;
  std::byte* host = nullptr;
  const Where where = locate(to, bytes, host);
  if (where != Where::device && where != Where::pinned)
    return refused(cudaErrorInvalidValue, "cudaMemset of " + std::to_string(bytes) +
                                              " bytes that are not in an allocation of this device");
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    device.enqueue(stream, {"fill of " + std::to_string(bytes) + " bytes",
                            [=] { std::memset(host, value, bytes); },
                            {},
                            nullptr,
                            false});
    return cudaSuccess;
  });
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  const cudaError_t error = cudaMemsetAsync(to, value, bytes, nullptr);
  return error != cudaSuccess ? error : cudaStreamSynchronize(nullptr);
}

}  // extern "C"
