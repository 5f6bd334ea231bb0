// Results of CUDA calls as DeviceErrors: what was done, and what the library says of it.
#pragma once
#include <cuda_runtime_api.h>

#include <string>
#include <string_view>

namespace orrery::cuda {

// "WHAT: invalid device ordinal (cudaErrorInvalidDevice)".
[[noreturn]] void fail(cudaError_t, std::string_view what);

inline void check(cudaError_t result, std::string_view what) {
  if (result != cudaSuccess) fail(result, what);
}

}  // namespace orrery::cuda
