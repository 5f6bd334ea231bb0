// Streams, events and graphs.
#include <mutex>
#include <vector>

#include "tests/fake_cuda/cudart/api.h"

using namespace orrery::fake;

namespace {

constexpr const char *streams = "streams", *events = "events", *graphs = "graphs",
                     *executables = "executable graphs";

// Graphs may name an event after it was destroyed, so destroyed events are kept.
cudaError_t retire(cudaEvent_t event) {
  static std::mutex mutex;
  static auto* retired = new std::vector<std::unique_ptr<CUevent_st>>;
  const std::lock_guard lock(mutex);
  retired->emplace_back(event);
  return cudaSuccess;
}

constexpr int greatest_priority = -5;
constexpr const char* no_graph = "this is no graph, or it was destroyed";
constexpr const char *another_device = "the event is of another device",
                     *no_event = "this is no event, or it was destroyed";

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  ORRERY_FAKE_MAY_FAIL;
  if (const cudaError_t error = sticking(); error != cudaSuccess) return error;
  if ((flags & ~cudaStreamNonBlocking) != 0)
    return refused(cudaErrorInvalidValue, "flags of a stream that are not known");
  *stream = Device::current().create_stream((flags & cudaStreamNonBlocking) == 0, priority);
  made(*stream, streams);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  ORRERY_FAKE_MAY_FAIL;
  *least = 0;
  *greatest = greatest_priority;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  Device& device = Device::current();
  cudaStream_t stream = handle != nullptr ? device.find_stream(handle) : nullptr;
  if (stream == nullptr)
    return refused(cudaErrorInvalidResourceHandle, "cudaStreamDestroy of what is no stream of this device");
  gone(stream, streams);
  device.destroy_stream(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  ORRERY_FAKE_MAY_FAIL;
  return with_stream(handle, [](Device& device, cudaStream_t stream) {
    if (device.capturing(stream)) {
      device.break_capture(stream);
      return refused(cudaErrorStreamCaptureUnsupported, "cudaStreamSynchronize of a stream that is captured");
    }
    device.synchronize(stream);
    return device.error();
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return with_stream(handle, [](Device& device, cudaStream_t stream) {
    if (device.capturing(stream)) return cudaErrorStreamCaptureUnsupported;
    return device.idle(stream) ? device.error() : cudaErrorNotReady;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* data) {
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    device.enqueue(stream, {"host function", [=] { function(data); }, {}, nullptr, false});
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  ORRERY_FAKE_MAY_FAIL;
  if ((flags & ~static_cast<unsigned>(cudaEventDisableTiming | cudaEventBlockingSync)) != 0)
    return refused(cudaErrorInvalidValue, "flags of an event that are not known");
  *event = new CUevent_st;
  (*event)->device = &Device::current();
  (*event)->timing = (flags & cudaEventDisableTiming) == 0;
  made(*event, events);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!gone(event, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
  return retire(event);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t handle, unsigned flags) {
  ORRERY_FAKE_MAY_FAIL;
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    if (!held(event, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
    if (event->device != &device) return refused(cudaErrorInvalidResourceHandle, another_device);
    device.record(event, stream, flags == cudaEventRecordExternal);
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  ORRERY_FAKE_MAY_FAIL;
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    if (!held(event, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
    if (flags != cudaEventWaitDefault)
      return refused(cudaErrorNotSupported, "flags of cudaStreamWaitEvent are not supported");
    if (event->device != &device) return refused(cudaErrorNotSupported, another_device);
    return device.wait(stream, event);
  });
}
// These three may be asked by threads whose current device is another one.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!held(event, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
  const cudaError_t answer = event->device->query(event), sticks = event->device->error();
  return noted(sticks != cudaSuccess ? sticks : answer);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  ORRERY_FAKE_MAY_FAIL;
  if (!held(event, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
  const cudaError_t answer = event->device->synchronize(event);
  return noted(answer != cudaSuccess ? answer : event->device->error());
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  ORRERY_FAKE_MAY_FAIL;
  if (!held(start, events) || !held(end, events)) return refused(cudaErrorInvalidResourceHandle, no_event);
  if (start->device != end->device) return refused(cudaErrorInvalidResourceHandle, another_device);
  return noted(start->device->elapsed(milliseconds, start, end));
}

// The mode says which other calls are refused meanwhile; here, all that any mode refuses.
cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode) {
  ORRERY_FAKE_MAY_FAIL;
  return with_stream(handle,
                     [](Device& device, cudaStream_t stream) { return device.begin_capture(stream); });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    *status = device.capturing(stream) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  *graph = nullptr;
  ORRERY_FAKE_MAY_FAIL;
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    std::shared_ptr<const Graph> captured;
    const cudaError_t error = device.end_capture(stream, captured);
    if (error != cudaSuccess) return error;
    *graph = new CUgraph_st{captured};
    made(*graph, graphs);
    return error;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  ORRERY_FAKE_MAY_FAIL;
  if (flags != 0) return refused(cudaErrorNotSupported, "flags of cudaGraphInstantiate are not supported");
  if (!held(graph, graphs)) return refused(cudaErrorInvalidValue, no_graph);
  *executable = new CUgraphExec_st{graph->graph};
  made(*executable, executables);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t handle) {
  ORRERY_FAKE_MAY_FAIL;
  if (!held(executable, executables)) return refused(cudaErrorInvalidValue, no_graph);
  return with_stream(handle, [&](Device& device, cudaStream_t stream) {
    if (device.capturing(stream))
      return refused(cudaErrorNotSupported, "a graph inside a graph is not supported");
    device.launch_graph(executable->graph, stream);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (!gone(graph, graphs)) return refused(cudaErrorInvalidValue, no_graph);
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  if (!gone(executable, executables)) return refused(cudaErrorInvalidValue, no_graph);
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
