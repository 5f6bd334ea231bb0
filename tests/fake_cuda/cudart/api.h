// Shared by the functions that CUDA's runtime exports.
#pragma once
#include <string>

#include "tests/fake_cuda/cudart/audit.h"
#include "tests/fake_cuda/cudart/device.h"

namespace orrery::fake {

// Remembers an error for cudaGetLastError.
cudaError_t noted(cudaError_t);
// Says on stderr what was wrong with a call, and notes the error.
cudaError_t refused(cudaError_t, const std::string& what);
// The error that sticks to the current device, noted.
cudaError_t sticking();

enum class Where : std::uint8_t { device, pinned, pageable, invalid };

// Where the bytes lie; `host` is where the fakes find them. Invalid: an address of a device, but not of one
// allocation of the current one.
Where locate(const void* address, std::size_t bytes, std::byte*& host);

// In a function that can fail: it does where a test asked for that.
#define ORRERY_FAKE_MAY_FAIL \
  if (must_fail(__func__)) return noted(cudaErrorUnknown)

// f(device, stream) for a stream of the current device that `handle` names.
template <class F>
cudaError_t with_stream(cudaStream_t handle, F f) {
  if (const cudaError_t error = sticking(); error != cudaSuccess) return error;
  Device& device = Device::current();
  cudaStream_t stream = device.find_stream(handle);
  if (stream == nullptr)
    return refused(cudaErrorInvalidResourceHandle, "the stream is not one of the current device");
  return noted(f(device, stream));
}

}  // namespace orrery::fake
