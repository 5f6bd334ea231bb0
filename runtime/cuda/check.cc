#include "runtime/cuda/check.h"

#include "sim/base/error.h"

namespace orrery::cuda {

void fail(cudaError_t result, std::string_view what) {
  throw DeviceError(std::string(what) + ": " + cudaGetErrorString(result) + " (" + cudaGetErrorName(result) +
                    ")");
}

}  // namespace orrery::cuda
