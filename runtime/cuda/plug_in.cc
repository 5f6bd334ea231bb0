// What liborrery_cuda.so exports.
#include <cstdio>

#include "runtime/cuda/backend.h"

extern "C" [[gnu::visibility("default")]] orrery::Backend* orrery_backend_create(
    std::uint32_t abi, const orrery::BackendConfig* config, char* error, std::size_t error_size) {
  if (abi != orrery::backend_abi) {
    std::snprintf(error, error_size, "it is of another version of Orrery (interface %u, wanted %u)",
                  orrery::backend_abi, abi);
    return nullptr;
  }
  try {
    return new orrery::cuda::CudaBackend(*config);
  } catch (const std::exception& e) {
    std::snprintf(error, error_size, "%s", e.what());
    return nullptr;
  }
}
