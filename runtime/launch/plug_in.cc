#include "runtime/launch/plug_in.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/comm/channel.h"
#include "sim/base/error.h"

namespace orrery {

std::unique_ptr<Backend> load_backend(const std::string& plug_in, const BackendConfig& config) {
  void* const library = dlopen(plug_in.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw DeviceError("the plug-in " + plug_in + " can't be loaded: " + std::string(dlerror()));
  const auto create = reinterpret_cast<BackendFactory>(dlsym(library, backend_factory_symbol));
  if (create == nullptr) throw DeviceError(plug_in + " is no plug-in of Orrery: " + std::string(dlerror()));
  char error[512] = {};
  std::unique_ptr<Backend> backend(create(backend_abi, &config, error, sizeof error));
  if (!backend) throw DeviceError(error);
  return backend;
}

void BoardLink::gather(const void* mine, std::size_t bytes, void* all) {
  std::vector<std::int64_t> words((bytes + sizeof(std::int64_t) - 1) / sizeof(std::int64_t));
  std::memcpy(words.data(), mine, bytes);
  auto* to = static_cast<std::byte*>(all);
  for (const std::vector<std::int64_t>& theirs : world_.gather(std::span<const std::int64_t>(words))) {
    std::memcpy(to, theirs.data(), bytes);
    to += bytes;
  }
}

void BoardLink::waits(std::string_view operation, std::int32_t receive_from, std::int32_t send_to) {
  comm::Waiting w;
  w.since = comm::now_ns();
  w.receive_from = receive_from;
  w.send_to = send_to;
  operation.copy(w.operation, std::min(operation.size(), sizeof w.operation - 1));
  board_.set_waiting(world_.rank(), w);
}

}  // namespace orrery
