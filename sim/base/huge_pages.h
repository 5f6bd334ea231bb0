// Large vectors on huge pages: what streams through tens of megabytes spends up to half of its time on the table of
// small ones.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace orrery {

// Resizes a vector of which no old element is needed, on huge pages where it is large and the kernel has them (a
// wish: nothing else depends on it). New elements are zero; those that were there stay.
template <class T>
void resize_on_huge_pages(std::vector<T>& v, std::size_t size) {
  constexpr std::uintptr_t page = 2 << 20;
  if (size > v.capacity()) {
    v.clear();
    v.reserve(size);
    const auto begin = reinterpret_cast<std::uintptr_t>(v.data()), end = begin + size * sizeof(T);
    const std::uintptr_t first = (begin + page - 1) / page * page;
    if (first + page <= end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
  }
  v.resize(size);
}

}  // namespace orrery
