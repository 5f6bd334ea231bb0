// The GPU of a rank: chosen by its number on the machine, with its streams and its memory.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace orrery::cuda {

// What a GPU is and has.
struct GpuProperties {
  std::string name;
  std::size_t memory = 0;
  int multiprocessors = 0;
  int major = 0, minor = 0;  // compute capability
  std::string bus;           // "00000000:1b:00.0", as NVML names it
};

class Device {
 public:
  // GPU `number` of this machine, for the calling thread. Throws a DeviceError that says why there is none.
  explicit Device(std::uint32_t number);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void use() const;  // by every further thread, once
  const GpuProperties& properties() const { return properties_; }
  cudaStream_t stream(Stream s) const { return streams_[static_cast<std::size_t>(s)]; }
  const std::array<cudaStream_t, stream_count>& streams() const { return streams_; }

  // Freed with the device. Throws a DeviceError that says how much there is.
  void* allocate(std::size_t bytes);
  void* allocate_host(std::size_t bytes);  // pinned

 private:
  struct Number {
    int value;
  };
  explicit Device(Number n) : number_(n.value) {}
  int number_;
  GpuProperties properties_;
  std::array<cudaStream_t, stream_count> streams_{};
  std::vector<void*> device_memory_, host_memory_;
};

}  // namespace orrery::cuda
