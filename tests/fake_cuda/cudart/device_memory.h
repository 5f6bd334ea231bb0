// The memory of one fake device. An address that the program sees is reserved but can't be touched: a host
// that dereferences it crashes at once, as with a GPU. The bytes lie elsewhere; the fakes find them by
// `host()`. Allocations are filled with 0xff (NaN in every float type) and lie apart. Thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "tests/fake_cuda/ptx/memory.h"

namespace orrery::fake {

class DeviceMemory {
 public:
  explicit DeviceMemory(std::uint64_t limit);
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* allocate(std::size_t bytes);  // null if the limit does not allow it; 512-byte aligned
  bool free(void*);                   // false if it is not the start of an allocation
  std::uint64_t limit() const { return limit_; }
  std::uint64_t used() const;
  // Whether the address is one of this device, allocated or not.
  bool owns(const void*) const;
  // The bytes behind `bytes` at an address, or null if they don't lie in one allocation.
  std::byte* host(const void* address, std::size_t bytes) const;
  // What a kernel may touch: this device's allocations and pinned host memory.
  std::shared_ptr<const ptx::MemoryMap> map() const;

 private:
  std::byte* reserve(std::size_t bytes, int protection) const;
  std::byte* behind(std::uint64_t address) const { return bytes_ + (address - begin_); }

  std::uint64_t limit_, reserved_, begin_ = 0;
  std::byte* bytes_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> allocations_;  // begin to size
  std::uint64_t used_ = 0;
  mutable std::shared_ptr<const ptx::MemoryMap> map_;
  mutable std::uint64_t map_of_pinned_ = 0;
};

// Page-locked host memory, of the whole process.
class PinnedMemory {
 public:
  static PinnedMemory& instance();
  void* allocate(std::size_t bytes);
  bool free(void*);
  bool holds(const void*, std::size_t bytes) const;
  std::uint64_t version() const;  // changes with every allocation
  void append_to(ptx::MemoryMap&) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> allocations_;
  std::uint64_t version_ = 1;
};

}  // namespace orrery::fake
