// What the stand-ins for NCCL and cuBLASLt need of the one for the runtime, and what tests ask of it.
// Exported by libcudart.so.13 beside CUDA's own names.
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

// As cudart/audit.h says.
void orrery_fake_made(const void* object, const char* kind);
int orrery_fake_gone(const void* object, const char* kind);
int orrery_fake_held(const void* object, const char* kind);
void orrery_fake_mistake(const char* what);
int orrery_fake_must_fail(const char* function);

// --- for tests, which find these by dlsym
// The nth call of a function from now on fails; 0: none does.
void orrery_fake_break(const char* function, unsigned nth);
// How often the function was called since.
unsigned orrery_fake_calls(const char* function);
// What was done wrong since the last report, and what the program holds: a line each, cut to `size`.
void orrery_fake_report(char* text, std::size_t size);
// The architecture of the PTX that a kernel was last loaded from, 80 of compute_80; 0: none was.
unsigned orrery_fake_architecture();
}
