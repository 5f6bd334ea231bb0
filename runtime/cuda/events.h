// The events of a Program, and when they were reached. Times are on one clock from step to step: the host's
// steady clock, read as the first event after a synchronize() is recorded, plus what the GPU measured since.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "runtime/backend.h"

namespace orrery::cuda {

class Events {
 public:
  Events() = default;
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  void create(std::uint32_t n);
  void start(cudaStream_t);  // of the clock, before what is first timed after a synchronize()
  void record(EventIndex, cudaStream_t);
  void wait(EventIndex, cudaStream_t) const;
  void synchronize(EventIndex) const;
  void step_ended() { origin_recorded_ = false; }  // all streams are idle
  Tick time_of(EventIndex) const;
  const std::vector<cudaEvent_t>& all() const { return events_; }

 private:
  std::vector<cudaEvent_t> events_;
  cudaEvent_t origin_ = nullptr;
  bool origin_recorded_ = false;
  std::int64_t origin_ns_ = 0;
};

}  // namespace orrery::cuda
