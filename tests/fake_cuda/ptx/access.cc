#include "tests/fake_cuda/ptx/access.h"

#include <cinttypes>
#include <cstdio>
#include <string>

namespace orrery::ptx {
namespace {

using Addresses = std::array<std::uint64_t, warp_size>;

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value);
  return text;
}

std::string verb(Access access) {
  return access == Access::read ? "reads " : access == Access::write ? "writes " : "updates ";
}

void addresses_of(const Lanes& lanes, const Instruction& i, std::uint32_t active, Addresses& addresses) {
  const auto offset = static_cast<std::uint64_t>(i.offset);
  if (i.wide_address) {
    const View<std::uint64_t> base(lanes, i.source[0]);
    for_lanes(active, [&](int lane) { addresses[lane] = base[lane] + offset; });
  } else {
    const View<std::uint32_t> base(lanes, i.source[0]);
    for_lanes(active, [&](int lane) { addresses[lane] = base[lane] + offset; });
  }
}

void check_alignment(const Lanes& lanes, std::uint32_t active, const Addresses& addresses,
                     std::size_t bytes) {
  std::array<std::uint64_t, warp_size> low{};
  for_lanes(active, [&](int lane) { low[lane] = addresses[lane] & (bytes - 1); });
  std::uint64_t any = 0;
  for (const std::uint64_t l : low) any |= l;
  if (any == 0) return;
  const int lane =
      static_cast<int>(std::find_if(low.begin(), low.end(), [](auto l) { return l != 0; }) - low.begin());
  lanes.fault(FaultKind::misaligned, lane,
              "address " + hex(addresses[lane]) + " is not a multiple of " + std::to_string(bytes));
}

std::byte* global(const Lanes& lanes, int lane, std::uint64_t address, std::size_t bytes, Access access) {
  const Region* region = find(*lanes.environment->memory, address);
  if (region == nullptr || !region->holds(address, bytes)) {
    std::string what = verb(access) + std::to_string(bytes) + " bytes at " + hex(address);
    const MemoryMap& map = *lanes.environment->memory;
    const auto after = std::upper_bound(map.begin(), map.end(), address,
                                        [](std::uint64_t a, const Region& r) { return a < r.begin; });
    if (after != map.begin()) {
      const Region& before = *std::prev(after);
      what += ", " + std::to_string(address - before.begin) + " bytes into an allocation of " +
              std::to_string(before.end - before.begin);
    } else {
      what += ", which is no device memory";
    }
    lanes.fault(FaultKind::address, lane, what);
  }
  if (access != Access::read && !region->writable)
    lanes.fault(FaultKind::address, lane, "writes constant memory");
  lanes.environment->region_of[lanes.pc] = region;
  return region->host + (address - region->begin);
}

void resolve_global(const Lanes& lanes, std::uint32_t active, const Addresses& addresses, std::size_t bytes,
                    Access access, Pointers& to) {
  const Region* known = lanes.environment->region_of[lanes.pc];
  if (known != nullptr && (access == Access::read || known->writable)) {
    bool inside = true;
    const std::uint64_t begin = known->begin, last = known->end - known->begin - bytes;
    if (known->end - known->begin >= bytes) {
      std::byte* host = known->host;
      for_lanes(active, [&](int lane) {
        const std::uint64_t offset = addresses[lane] - begin;
        inside = inside && offset <= last;
        to[lane] = host + offset;
      });
      if (inside) return;
    }
  }
  for (std::uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    to[lane] = global(lanes, lane, addresses[lane], bytes, access);
  }
}

[[noreturn]] void outside(const Lanes& lanes, int lane, const char* space, std::uint64_t address,
                          std::size_t bytes, std::size_t size, Access access) {
  lanes.fault(FaultKind::address, lane,
              verb(access) + std::to_string(bytes) + " bytes at " + std::to_string(address) + " of " + space +
                  ", which has " + std::to_string(size));
}

std::byte* shared(const Lanes& lanes, int lane, std::uint64_t address, std::size_t bytes, Access access) {
  SharedMemory& memory = *lanes.shared;
  if (address > memory.size() || bytes > memory.size() - address)
    outside(lanes, lane, "shared memory", address, bytes, memory.size(), access);
  const auto thread = lanes.warp * warp_size + static_cast<unsigned>(lane);
  if (!memory.note(access, address, bytes, thread))
    lanes.fault(FaultKind::launch, lane, memory.mistake(access, address, bytes, thread));
  return memory.data() + address;
}

std::byte* local(const Lanes& lanes, int lane, std::uint64_t address, std::size_t bytes, Access access) {
  const std::size_t size = lanes.kernel().local_bytes;
  if (address > size || bytes > size - address)
    outside(lanes, lane, "local memory", address, bytes, size, access);
  return lanes.local + static_cast<std::size_t>(lane) * size + address;
}

std::byte* parameter(const Lanes& lanes, int lane, std::uint64_t address, std::size_t bytes, Access access) {
  const std::size_t size = lanes.kernel().parameter_bytes;
  if (access != Access::read || address > size || bytes > size - address)
    outside(lanes, lane, "the parameters", address, bytes, size, access);
  return const_cast<std::byte*>(lanes.environment->parameters) + address;  // read only, as checked
}

std::byte* in_space(const Lanes& lanes, Space space, int lane, std::uint64_t address, std::size_t bytes,
                    Access access) {
  switch (space) {
    case Space::shared:
      return shared(lanes, lane, address, bytes, access);
    case Space::local:
      return local(lanes, lane, address, bytes, access);
    case Space::param:
      return parameter(lanes, lane, address, bytes, access);
    default:
      return global(lanes, lane, address, bytes, access);
  }
}

Space space_of(std::uint64_t generic) {
  switch (generic >> window_shift) {
    case 1:
      return Space::shared;
    case 2:
      return Space::local;
    case 3:
      return Space::param;
    default:
      return Space::global;
  }
}

}  // namespace

void resolve(Lanes& lanes, const Instruction& i, std::uint32_t active, std::size_t bytes, Access access,
             Pointers& to) {
  Addresses addresses;
  addresses_of(lanes, i, active, addresses);
  if (bytes > 1) check_alignment(lanes, active, addresses, bytes);
  if (i.space == Space::global) {
    resolve_global(lanes, active, addresses, bytes, access, to);
    return;
  }
  if (i.space == Space::shared) {
    for (std::uint32_t left = active; left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      to[lane] = shared(lanes, lane, addresses[lane], bytes, access);
    }
    return;
  }
  for (std::uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const std::uint64_t address = addresses[lane];
    to[lane] =
        i.space == Space::generic
            ? in_space(lanes, space_of(address), lane,
                       space_of(address) == Space::global ? address : address & in_window, bytes, access)
            : in_space(lanes, i.space, lane, address, bytes, access);
  }
}

}  // namespace orrery::ptx
