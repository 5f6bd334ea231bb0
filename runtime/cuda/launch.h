// What a kernel is launched with: its stream, and what the stream keeps from launch to launch.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/kernel.h"

namespace orrery::cuda {

// StepArguments as kernels read them from device memory, with Adam's bias corrections.
struct StepValues {
  std::uint64_t step = 0, seed = 0;
  float learning_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0, clip = 0;
  float correction1 = 1, root_correction2 = 1;  // 1 - beta1^t, sqrt(1 - beta2^t)
  std::uint32_t evaluate = 0;
  bool operator==(const StepValues&) const = default;
};
StepValues values_of(const StepArguments&);

// Memory for what a kernel computes on the way, handed out from the start again for each kernel: a stream is
// in order. Grows in the first step.
class Scratch {
 public:
  explicit Scratch(Device& device) : device_(device) {}
  void start() { block_ = used_ = 0; }
  // 256-byte aligned, until the next start().
  template <class T>
  T* take(std::int64_t count) {
    return static_cast<T*>(bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  void* bytes(std::size_t);
  struct Block {
    std::byte* data;
    std::size_t size;
  };
  Device& device_;
  std::vector<Block> blocks_;  // used in order; one is found or added for what does not fit the ones before
  std::size_t block_ = 0, used_ = 0;
};

// What lives in device memory as long as the backend does: tables computed on the host once.
class Tables {
 public:
  explicit Tables(Device& device) : device_(device) {}

  const float* rotary(const Rotary&, std::int64_t positions, std::int64_t head_dim);

  // Segments in pieces of at most `piece` elements, one a block of threads.
  static constexpr std::int64_t piece = 8192;
  struct Piece {
    std::uint32_t segment = 0;
    std::int64_t first = 0;
  };
  struct Segments {
    std::vector<Segment> host;
    Segment* segments = nullptr;  // on the device
    Piece* pieces = nullptr;
    std::uint32_t count = 0;  // of pieces
  };
  const Segments& segments(std::span<const Segment>);

 private:
  template <class T>
  T* upload(const std::vector<T>&);
  struct RotaryTable {
    Rotary rotary;
    std::int64_t positions = 0, head_dim = 0;
    const float* values = nullptr;
  };
  Device& device_;
  std::vector<RotaryTable> rotary_;
  std::vector<std::unique_ptr<Segments>> segments_;
};

struct Launch {
  cudaStream_t stream;
  Scratch& scratch;
  Tables& tables;
  const StepValues* step;  // on the device; null: the kernel has none
};

}  // namespace orrery::cuda
