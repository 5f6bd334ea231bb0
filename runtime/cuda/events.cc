#include "runtime/cuda/events.h"

#include <chrono>
#include <cmath>

#include "runtime/cuda/check.h"

namespace orrery::cuda {

Events::~Events() {
  for (cudaEvent_t e : events_) cudaEventDestroy(e);
  if (origin_) cudaEventDestroy(origin_);
}

void Events::create(std::uint32_t n) {
  events_.reserve(n);
  if (!origin_) check(cudaEventCreateWithFlags(&origin_, cudaEventDefault), "an event");
  while (events_.size() < n) {
    cudaEvent_t made = nullptr;
    check(cudaEventCreateWithFlags(&made, cudaEventDefault), "an event");
    events_.push_back(made);
  }
}

void Events::start(cudaStream_t stream) {
  if (origin_recorded_ || events_.empty()) return;
  check(cudaEventRecord(origin_, stream), "recording an event");
  origin_ns_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
                   .count();
  origin_recorded_ = true;
}

void Events::record(EventIndex event, cudaStream_t stream) {
  start(stream);
  check(cudaEventRecord(events_.at(event), stream), "recording an event");
}

void Events::wait(EventIndex event, cudaStream_t stream) const {
  check(cudaStreamWaitEvent(stream, events_.at(event), 0), "waiting for an event");
}

void Events::synchronize(EventIndex event) const {
  check(cudaEventSynchronize(events_.at(event)), "waiting for an event");
}

Tick Events::time_of(EventIndex event) const {
  float ms = 0;
  check(cudaEventElapsedTime(&ms, origin_, events_.at(event)), "the time of an event");
  return {origin_ns_ * 1000 + std::llround(static_cast<double>(ms) * 1e9)};
}

}  // namespace orrery::cuda
