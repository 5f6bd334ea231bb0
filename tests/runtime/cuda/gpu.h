// A GPU as a place for kernels, one after the other.
#pragma once
#include <cstring>

#include "tests/runtime/cuda/ranks.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery::testing {

// A GPU as a place for cases: memory is taken from one allocation and given back by reset().
class Gpu final : public test::Device {
 public:
  explicit Gpu(Backend& backend)
      : backend_(backend),
        device_(static_cast<std::byte*>(backend.allocate({size}, Memory::device))),
        host_(static_cast<std::byte*>(backend.allocate({size}, Memory::host))) {}
  void reset() { used_ = 0; }
  void* allocate(std::size_t bytes) override { return device_ + take(bytes); }
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
  std::size_t take(std::size_t bytes) {
    const std::size_t at = used_;
    used_ += (bytes + 255) / 256 * 256;
    EXPECT_LE(used_, static_cast<std::size_t>(size));
    return at;
  }
  void copy(void* to, const void* from, std::size_t bytes) {
    backend_.copy(to, from, {static_cast<std::int64_t>(bytes)}, Stream::compute);
  }
  Backend& backend_;
  std::byte *device_, *host_;
  std::size_t used_ = 0;
};

}  // namespace orrery::testing
