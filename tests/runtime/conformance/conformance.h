// What every Backend must do, as tests over worlds of ranks: streams.cc, programs.cc, communications.cc,
// arithmetic.cc. A backend takes part by a World of its own and INSTANTIATE_TEST_SUITE_P (cpu_test.cc).
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend.h"

namespace orrery::testing {

class World {
 public:
  virtual ~World() = default;
  virtual std::uint32_t most_ranks() const = 0;
  // Plays `body` as each of `ranks` ranks at once, with a backend that is new. What each ended with: nothing,
  // or the message of a DeviceError.
  virtual std::vector<std::string> play(std::uint32_t ranks,
                                        const std::function<void(Backend&, std::uint32_t rank)>& body) = 0;
};
using MakeWorld = std::unique_ptr<World> (*)();

class Conformance : public ::testing::TestWithParam<MakeWorld> {
 protected:
  // Every rank must come to its end.
  void play(std::uint32_t ranks, const std::function<void(Backend&, std::uint32_t rank)>& body) {
    const std::vector<std::string> errors = world_->play(ranks, body);
    for (std::size_t r = 0; r < errors.size(); ++r)
      EXPECT_EQ(errors[r], "") << "rank " << r << " of " << ranks;
  }
  const std::unique_ptr<World> world_ = GetParam()();
};

// Memory of one place, handed out again and again: backends allocate before the first step only.
class Slab {
 public:
  Slab(Backend& backend, Memory place, std::size_t bytes)
      : base_(static_cast<std::byte*>(backend.allocate({static_cast<std::int64_t>(bytes)}, place))),
        size_(bytes) {}
  void* take(std::size_t bytes) {
    std::byte* const out = base_ + used_;
    used_ += (bytes + 255) / 256 * 256;
    EXPECT_LE(used_, size_);
    return out;
  }
  float* floats(std::size_t count) { return static_cast<float*>(take(count * sizeof(float))); }
  void reset() { used_ = 0; }

 private:
  std::byte* base_;
  std::size_t size_, used_ = 0;
};

inline Bytes bytes_of(std::size_t floats) { return {static_cast<std::int64_t>(floats * sizeof(float))}; }

// Keeps a stream busy for some time, in memory of its own.
class Delay {
 public:
  explicit Delay(Slab& device) {
    for (float*& m : matrices_) m = device.floats(side * side);
  }
  void launch(Backend& backend, Stream stream) const {
    const auto ref = [](float* m) { return TensorRef{m, DType::fp32, side, side}; };
    Kernel k{.name = KernelName::matmul};
    k.in[0] = ref(matrices_[0]);
    k.in[1] = ref(matrices_[1]);
    k.out[0] = ref(matrices_[2]);
    backend.launch(k, stream);
  }

 private:
  static constexpr std::int64_t side = 160;
  float* matrices_[3]{};
};

// to += from, or to = 0.
inline void launch_add(Backend& backend, float* to, float* from, std::size_t count, Stream stream) {
  const auto ref = [&](float* p) { return TensorRef{p, DType::fp32, 1, static_cast<std::int64_t>(count)}; };
  Kernel k{.name = from ? KernelName::add : KernelName::zero};
  if (from) k.in[0] = ref(from);
  k.out[0] = ref(to);
  backend.launch(k, stream);
}

}  // namespace orrery::testing
