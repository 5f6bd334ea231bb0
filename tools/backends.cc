#include "tools/backends.h"

#include "profiler/measure/cpu_device.h"
#include "profiler/measure/plug_in_device.h"
#include "sim/base/error.h"
#include "tools/disk.h"

namespace orrery {

std::string backend_library(const std::string& backend) {
  if (backend == "cpu") return {};
  const std::string library = "liborrery_" + backend + ".so";
  std::string path = shipped_library(library);
  if (path.empty())
    throw DeviceError("--backend " + backend + " needs " + library +
                      ", which is neither beside orrery nor in lib/orrery of its installation: it is built "
                      "where a CUDA Toolkit is found");
  return path;
}

WithDevice device_of(const std::string& backend) {
  const std::string library = backend_library(backend);
  return library.empty() ? cpu_device() : plug_in_device(library);
}

WithRanks ranks_of(const std::string& backend) {
  const std::string library = backend_library(backend);
  return library.empty() ? cpu_ranks() : plug_in_ranks(library);
}

}  // namespace orrery
