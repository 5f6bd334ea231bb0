#include "tests/fake_cuda/cudart/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace orrery::fake {
namespace {

constexpr std::uint64_t alignment = 512, gap = 4096, huge_page = 2 << 20;

std::uint64_t rounded_up(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }
std::uint64_t number(const void* address) { return reinterpret_cast<std::uint64_t>(address); }

// The allocation that holds [address, address + bytes), or end().
template <class Map>
auto holder(const Map& allocations, std::uint64_t address, std::uint64_t bytes) {
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) return allocations.end();
  const auto found = std::prev(after);
  const std::uint64_t offset = address - found->first;
  return offset <= found->second && bytes <= found->second - offset ? found : allocations.end();
}

}  // namespace

// Twice the limit leaves room for gaps.
DeviceMemory::DeviceMemory(std::uint64_t limit)
    : limit_(limit), reserved_(rounded_up(2 * limit, huge_page) + huge_page) {
  begin_ = rounded_up(number(reserve(reserved_ + huge_page, PROT_NONE)), huge_page);
  std::byte* bytes = reserve(reserved_ + huge_page, PROT_READ | PROT_WRITE);
  bytes_ = bytes + (rounded_up(number(bytes), huge_page) - number(bytes));
  madvise(bytes_, reserved_, MADV_HUGEPAGE);
}

std::byte* DeviceMemory::reserve(std::size_t bytes, int protection) const {
  void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p != MAP_FAILED) return static_cast<std::byte*>(p);
  std::perror("fake cuda: reserving the memory of a device");
  std::abort();
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > limit_ - used_) return nullptr;
  std::uint64_t begin = begin_;
  for (const auto& [taken, size] : allocations_) {  // the first gap that is large enough
    if (begin + bytes + gap <= taken) break;
    begin = rounded_up(taken + size + gap, alignment);
  }
  if (begin + bytes > begin_ + reserved_) return nullptr;
  allocations_[begin] = bytes;
  used_ += bytes;
  map_.reset();
  std::memset(behind(begin), 0xff, bytes);
  return reinterpret_cast<void*>(begin);
}

bool DeviceMemory::free(void* address) {
  const std::lock_guard lock(mutex_);
  const auto found = allocations_.find(number(address));
  if (found == allocations_.end()) return false;
  used_ -= found->second;
  allocations_.erase(found);
  map_.reset();
  return true;
}

std::uint64_t DeviceMemory::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

bool DeviceMemory::owns(const void* address) const {
  return number(address) >= begin_ && number(address) < begin_ + reserved_;
}

std::byte* DeviceMemory::host(const void* address, std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return holder(allocations_, number(address), bytes) != allocations_.end() ? behind(number(address))
                                                                            : nullptr;
}

std::shared_ptr<const ptx::MemoryMap> DeviceMemory::map() const {
  const PinnedMemory& pinned = PinnedMemory::instance();
  const std::lock_guard lock(mutex_);
  const std::uint64_t version = pinned.version();
  if (map_ && map_of_pinned_ == version) return map_;
  auto map = std::make_shared<ptx::MemoryMap>();
  for (const auto& [begin, size] : allocations_) map->push_back({begin, begin + size, behind(begin), true});
  pinned.append_to(*map);
  std::sort(map->begin(), map->end(),
            [](const ptx::Region& a, const ptx::Region& b) { return a.begin < b.begin; });
  map_of_pinned_ = version;
  map_ = std::move(map);
  return map_;
}

PinnedMemory& PinnedMemory::instance() {
  static auto* memory = new PinnedMemory;  // outlives every thread
  return *memory;
}

void* PinnedMemory::allocate(std::size_t bytes) {
  void* p = std::aligned_alloc(4096, rounded_up(std::max<std::size_t>(bytes, 1), 4096));
  if (p == nullptr) return nullptr;
  std::memset(p, 0xff, bytes);
  const std::lock_guard lock(mutex_);
  allocations_[number(p)] = bytes;
  ++version_;
  return p;
}

bool PinnedMemory::free(void* address) {
  const std::lock_guard lock(mutex_);
  if (allocations_.erase(number(address)) == 0) return false;
  ++version_;
  std::free(address);
  return true;
}

bool PinnedMemory::holds(const void* address, std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return holder(allocations_, number(address), bytes) != allocations_.end();
}

std::uint64_t PinnedMemory::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

void PinnedMemory::append_to(ptx::MemoryMap& map) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [begin, size] : allocations_)
    map.push_back({begin, begin + size, reinterpret_cast<std::byte*>(begin), true});
}

}  // namespace orrery::fake
