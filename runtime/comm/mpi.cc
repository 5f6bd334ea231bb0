#include "runtime/comm/mpi.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "sim/base/error.h"

namespace orrery::comm {

bool started_by_mpi() {
  constexpr const char* of_launchers[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE"};
  return std::any_of(std::begin(of_launchers), std::end(of_launchers),
                     [](const char* variable) { return std::getenv(variable) != nullptr; });
}

std::unique_ptr<Connection> connect_by_mpi(const std::string& plug_in, const MpiConfig& config) {
  // Global: MPI's own plug-ins look for its symbols. Never unloaded: neither is MPI.
  void* const library = dlopen(plug_in.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) throw DeviceError("cannot load the MPI plug-in: " + std::string(dlerror()));
  const auto connect = reinterpret_cast<MpiConnect>(dlsym(library, mpi_connect_symbol));
  if (connect == nullptr) throw DeviceError(plug_in + ": not an MPI plug-in: " + std::string(dlerror()));
  char error[512] = {};
  std::unique_ptr<Connection> connection(connect(mpi_abi, &config, error, sizeof error));
  if (!connection) throw DeviceError(plug_in + ": " + error);
  return connection;
}

}  // namespace orrery::comm
