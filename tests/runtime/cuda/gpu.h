// A GPU as a place for kernels, one after the other.
#pragma once
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "tests/runtime/cuda/ranks.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery::testing {

// A GPU as a place for cases: memory is handed out again after reset().
class Gpu final : public test::Device {
 public:
  explicit Gpu(Backend& backend)
      : backend_(backend), host_(static_cast<std::byte*>(backend.allocate({size}, Memory::host))) {}
  void reset() {
    for (const auto& [bytes, memory] : used_) free_[bytes].push_back(memory);
    used_.clear();
  }
  // Memory of exactly this size: the stand-ins notice every access beyond it.
  void* allocate(std::size_t bytes) override {
    std::vector<void*>& free = free_[bytes];
    if (free.empty()) free.push_back(backend_.allocate({static_cast<std::int64_t>(bytes)}, Memory::device));
    used_.emplace_back(bytes, free.back());
    free.pop_back();
    return used_.back().second;
  }
  void upload(void* to, const void* from, std::size_t bytes) override {
    backend_.synchronize();
    std::memcpy(host_, from, bytes);
    copy(to, host_, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    copy(host_, from, bytes);
    backend_.synchronize();
    std::memcpy(to, host_, bytes);
  }
  void launch(const Kernel& k) override { backend_.launch(k, Stream::compute); }

 private:
  static constexpr std::int64_t size = 32 << 20;
  void copy(void* to, const void* from, std::size_t bytes) {
    backend_.copy(to, from, {static_cast<std::int64_t>(bytes)}, Stream::compute);
  }
  Backend& backend_;
  std::byte* host_;
  std::map<std::size_t, std::vector<void*>> free_;
  std::vector<std::pair<std::size_t, void*>> used_;
};

}  // namespace orrery::testing
