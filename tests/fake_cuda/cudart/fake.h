// What the stand-ins for NCCL and cuBLASLt need of the one for the runtime. Exported by libcudart.so.13
// beside CUDA's own names.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace orrery::fake {

struct HostWork {
  const char* name = "";
  std::function<void()> run;
  bool nccl = false;  // takes part in FAKE_CUDA_SERIAL_NCCL
};

}  // namespace orrery::fake

extern "C" {
// Queues work behind what the stream of the current device holds; in a capture, as a node.
cudaError_t orrery_fake_enqueue(cudaStream_t, const orrery::fake::HostWork*);
// The bytes behind an address of the current device or of pinned memory; null if not `bytes` lie there.
void* orrery_fake_host_bytes(const void* address, std::size_t bytes);
// What went wrong in queued work of a device: sticks, as a failed kernel does, and is printed.
void orrery_fake_fail(int device, cudaError_t, const char* message);
// What the streams of a device wait for, a line each, cut to `size`.
void orrery_fake_stuck_streams(int device, char* text, std::size_t size);
// Number of milliseconds that FAKE_CUDA_TIMEOUT_MS says.
std::uint64_t orrery_fake_timeout_ms();
}
