// What a rank queues between two synchronisations, kept as data, so that a step that repeats an earlier one
// call by call can be captured as a CUDA graph and launched as a whole.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/backend.h"

namespace orrery::cuda {

// One call of a Backend. `wait` and `record` have an event, the others what their name says.
struct Call {
  enum class What : std::uint8_t { launch, communicate, copy, record, wait };
  What what = What::launch;
  Stream stream = Stream::compute;
  EventIndex event = 0;
  bool evaluates = false;  // of a kernel's step: some kernels are launched otherwise
  Kernel kernel{};
  Communication communication{};
  void* to = nullptr;
  const void* from = nullptr;
  Bytes bytes{};
};
bool same(const Call&, const Call&);
using Calls = std::vector<Call>;

// How calls are carried out, one by one, on streams that are being captured.
using RunCall = std::function<void(const Call&)>;

class StepGraph {
 public:
  // Captures calls on the streams; `run` carries out all but events. `timing` are the backend's events:
  // recorded in the graph too if some event is recorded that no call waits for, as in steps that are
  // measured.
  StepGraph(Calls, const std::array<cudaStream_t, stream_count>& streams,
            const std::vector<cudaEvent_t>& timing, const RunCall& run);
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  const Calls& calls() const { return calls_; }
  void launch(cudaStream_t) const;

 private:
  class Capture;
  Calls calls_;
  cudaGraphExec_t executable_ = nullptr;
};

// The graphs of the steps seen so far.
class StepGraphs {
 public:
  // The graph of these calls; null if they have not been seen before. `capture` makes one for calls that have
  // been carried out once.
  const StepGraph* find(const Calls&, const std::function<std::unique_ptr<StepGraph>(const Calls&)>& capture);

 private:
  static constexpr std::size_t least = 8, most = 4;  // calls worth a graph; steps that are kept
  std::vector<std::unique_ptr<StepGraph>> graphs_;
  std::vector<Calls> seen_;
};

}  // namespace orrery::cuda
