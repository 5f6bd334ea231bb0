// What the environment asks of the fakes, read once; docs/fake-cuda.md explains each. All names begin with
// FAKE_CUDA_.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace orrery::fake {

struct Settings {
  int devices = 8;                    // FAKE_CUDA_DEVICES
  int driver = CUDART_VERSION;        // FAKE_CUDA_DRIVER: the CUDA it is for, 12040 of 12.4; 0: there is none
  std::uint64_t memory = 4ULL << 30;  // FAKE_CUDA_MEMORY: bytes of a device
  std::uint64_t seed = 0;             // FAKE_CUDA_SEED: of random delays before operations; 0: none
  std::uint64_t delay_us = 2000;      // FAKE_CUDA_DELAY_US: the longest of them
  bool check_shared = true;           // FAKE_CUDA_CHECK_SHARED: races in shared memory
  bool serial_nccl =
      false;            // FAKE_CUDA_SERIAL_NCCL: one NCCL operation a device at a time, in order of launch
  bool trace = false;   // FAKE_CUDA_TRACE: a line an operation on stderr
  int capability = 90;  // FAKE_CUDA_CAPABILITY: 10 * major + minor
  std::uint64_t timeout_ms = 30000;  // FAKE_CUDA_TIMEOUT_MS: of NCCL, without progress
};

const Settings& settings();

// A number for each (seed, device, stream, operation), the same in every run.
std::uint64_t mixed(std::uint64_t seed, std::uint64_t device, std::uint64_t stream, std::uint64_t operation);

}  // namespace orrery::fake
