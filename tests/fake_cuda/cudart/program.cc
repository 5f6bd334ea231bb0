#include "tests/fake_cuda/cudart/program.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "tests/fake_cuda/cudart/settings.h"

namespace orrery::fake {
namespace {

// The layout of fat binaries, as nvcc 13 writes them.
struct Wrapper {
  std::uint32_t magic, version;
  const std::byte* image;
  void* file;
};
struct ImageHeader {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t bytes;  // of the entries
};
struct EntryHeader {
  std::uint16_t kind, version;
  std::uint32_t header_bytes;
  std::uint64_t bytes;  // of the payload
  std::uint32_t compressed_bytes, options;
  std::uint16_t minor, major;
  std::uint32_t architecture;
};
constexpr std::uint32_t wrapper_magic = 0x466243b1, image_magic = 0xba55ed50;
constexpr std::uint16_t ptx_kind = 1;

std::atomic<unsigned> last_architecture{0};

template <class T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

FatBinary read_fat_binary(const void* wrapper_address) {
  FatBinary binary;
  const auto wrapper = read<Wrapper>(static_cast<const std::byte*>(wrapper_address));
  if (wrapper.magic != wrapper_magic) return binary;
  const auto header = read<ImageHeader>(wrapper.image);
  if (header.magic != image_magic) return binary;
  const std::byte* at = wrapper.image + header.header_bytes;
  const std::byte* end = at + header.bytes;
  while (at + sizeof(EntryHeader) <= end) {
    const auto entry = read<EntryHeader>(at);
    const auto* payload = reinterpret_cast<const char*>(at + entry.header_bytes);
    const std::string text(payload, strnlen(payload, entry.bytes));
    if (entry.kind == ptx_kind && text.find(".version") != std::string::npos)
      binary.ptx[entry.architecture] = text;
    at += entry.header_bytes + entry.bytes;
  }
  return binary;
}

Program& Program::instance() {
  static auto* program = new Program;  // objects unregister at the very end
  return *program;
}

FatBinary* Program::add(const void* wrapper) {
  const std::lock_guard lock(mutex_);
  binaries_.push_back(std::make_unique<FatBinary>(read_fat_binary(wrapper)));
  return binaries_.back().get();
}

// What was loaded stays: another thread may still run it.
void Program::remove(FatBinary* binary) {
  const std::lock_guard lock(mutex_);
  std::erase_if(functions_, [&](const auto& entry) { return entry.second.binary == binary; });
}

void Program::add_function(const void* host, const FatBinary* binary, const char* name) {
  const std::lock_guard lock(mutex_);
  functions_[host] = {binary, name};
}

const RegisteredFunction* Program::function(const void* host) const {
  const std::lock_guard lock(mutex_);
  const auto found = functions_.find(host);
  return found != functions_.end() ? &found->second : nullptr;
}

unsigned LoadedProgram::architecture() { return last_architecture; }

// The newest PTX that the device can run.
LoadedProgram::LoadedModule& LoadedProgram::module(const FatBinary& binary) {
  if (const auto found = modules_.find(&binary); found != modules_.end()) return found->second;
  const auto after = binary.ptx.upper_bound(static_cast<unsigned>(settings().capability));
  if (after == binary.ptx.begin())
    throw ptx::Unsupported("the fat binary holds no plain PTX for compute_" +
                           std::to_string(settings().capability) +
                           " or older: compile with --no-compress and code=compute_..");
  LoadedModule loaded;
  last_architecture = std::prev(after)->first;
  loaded.module = ptx::parse(std::prev(after)->second);
  loaded.places = ptx::shared_places(loaded.module);
  for (const ptx::Variable& v : loaded.module.variables) {
    if (v.space != ptx::Space::global || v.bytes == 0) continue;
    void* address = memory_.allocate(v.bytes);
    if (address == nullptr) throw ptx::Unsupported("no memory for the variable " + v.name);
    std::byte* bytes = memory_.host(address, v.bytes);
    std::memset(bytes, 0, v.bytes);
    std::memcpy(bytes, v.initial.data(), std::min(v.initial.size(), v.bytes));
    loaded.places.global[v.name] = reinterpret_cast<std::uint64_t>(address);
  }
  return modules_[&binary] = std::move(loaded);
}

const ptx::Kernel& LoadedProgram::kernel(const RegisteredFunction& function) {
  const std::lock_guard lock(mutex_);
  LoadedModule& m = module(*function.binary);
  const auto found = m.kernels.find(function.name);
  if (found != m.kernels.end()) return found->second;
  return m.kernels[function.name] = ptx::decode(m.module, function.name, m.places);
}

}  // namespace orrery::fake
