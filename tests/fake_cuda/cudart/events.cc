// Events of a device.
#include "tests/fake_cuda/cudart/device.h"

namespace orrery::fake {

void Device::record(cudaEvent_t event, cudaStream_t stream, bool outside_capture) {
  const std::lock_guard lock(mutex_);
  CUstream_st& s = *stream;
  if (s.capture && outside_capture) {
    add_node(s, {"record", {}, {}, event, false});
    return;
  }
  if (s.capture) {
    event->capture = s.capture;
    event->nodes = s.tail;
    return;
  }
  event->capture.reset();
  event->latest = std::make_shared<Mark>();
  queue(s, {"record", {}, {}, event->latest, false});
}

cudaError_t Device::wait(cudaStream_t stream, cudaEvent_t event) {
  const std::lock_guard lock(mutex_);
  CUstream_st& s = *stream;
  if (event->capture && event->capture->ended) return cudaErrorCapturedEvent;
  if (event->capture) {
    if (s.capture && s.capture != event->capture) return cudaErrorStreamCaptureMerge;
    if (!s.capture) {
      s.capture = event->capture;
      s.tail.clear();
      s.capture->streams.push_back(&s);
    }
    s.tail.insert(s.tail.end(), event->nodes.begin(), event->nodes.end());
    return cudaSuccess;
  }
  if (s.capture) {  // what lies outside a graph can't be waited for in it
    s.capture->broken = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (event->latest) queue(s, {"wait for an event", {}, {event->latest}, nullptr, false});
  return cudaSuccess;
}

cudaError_t Device::query(cudaEvent_t event) {
  const std::lock_guard lock(mutex_);
  if (event->capture) return cudaErrorCapturedEvent;
  return !event->latest || event->latest->reached ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t Device::synchronize(cudaEvent_t event) {
  std::unique_lock lock(mutex_);
  if (event->capture) return cudaErrorCapturedEvent;
  if (const MarkPointer mark = event->latest) host_.wait(lock, [&] { return mark->reached; });
  return cudaSuccess;
}

cudaError_t Device::elapsed(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const std::lock_guard lock(mutex_);
  if (!start->timing || !end->timing || !start->latest || !end->latest) return cudaErrorInvalidResourceHandle;
  if (!start->latest->reached || !end->latest->reached) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(end->latest->when - start->latest->when).count();
  return cudaSuccess;
}

}  // namespace orrery::fake
