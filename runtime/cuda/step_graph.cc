#include "runtime/cuda/step_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/cuda/check.h"

namespace orrery::cuda {
namespace {

bool same(const Kernel& a, const Kernel& b) {
  return a.name == b.name && std::equal(std::begin(a.in), std::end(a.in), std::begin(b.in)) &&
         std::equal(std::begin(a.out), std::end(a.out), std::begin(b.out)) && a.attributes == b.attributes &&
         a.segments.data() == b.segments.data() && a.segments.size() == b.segments.size() && a.step == b.step;
}

bool same(const Communication& a, const Communication& b) {
  return a.kind == b.kind && a.group == b.group && a.sequence == b.sequence && a.dtype == b.dtype &&
         a.reduction == b.reduction && a.transfers.data() == b.transfers.data() &&
         a.transfers.size() == b.transfers.size();
}

bool same(const Calls& a, const Calls& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Call& x, const Call& y) { return cuda::same(x, y); });
}

}  // namespace

bool same(const Call& a, const Call& b) {
  return a.what == b.what && a.stream == b.stream && a.event == b.event && a.evaluates == b.evaluates &&
         a.to == b.to && a.from == b.from && a.bytes == b.bytes && same(a.kernel, b.kernel) &&
         same(a.communication, b.communication);
}

// Streams join the capture from the one it begins on, and join it again at its end. Order within the graph is
// by events of its own.
class StepGraph::Capture {
 public:
  Capture(const Calls& calls, const std::array<cudaStream_t, stream_count>& streams,
          const std::vector<cudaEvent_t>& timing)
      : calls_(calls), streams_(streams), timing_(timing) {
    std::set<EventIndex> recorded;
    for (const Call& c : calls) {
      used_.insert(static_cast<std::size_t>(c.stream));
      if (c.what == Call::What::record) recorded.insert(c.event);
    }
    for (const Call& c : calls)
      if (c.what == Call::What::wait) recorded.erase(c.event);
    timed_ = !recorded.empty();
  }
  ~Capture() {
    for (const auto& [index, e] : events_) cudaEventDestroy(e);
  }

  cudaGraph_t run(const RunCall& run) {
    const cudaStream_t origin = streams_[0];
    check(cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal), "beginning a graph");
    cudaGraph_t graph = nullptr;
    try {
      link(origin, fork, true);
      for (const Call& c : calls_) take(c, run);
      link(origin, join, false);
    } catch (...) {
      cudaStreamEndCapture(origin, &graph);
      if (graph) cudaGraphDestroy(graph);
      cudaGetLastError();
      throw;
    }
    check(cudaStreamEndCapture(origin, &graph), "ending a graph");
    return graph;
  }

 private:
  static constexpr std::uint64_t fork = std::uint64_t{1} << 32,
                                 join = fork + 1;  // beside the backend's events

  cudaEvent_t event(std::uint64_t index) {
    cudaEvent_t& e = events_[index];
    if (!e) check(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), "an event");
    return e;
  }

  void link(cudaStream_t origin, std::uint64_t first, bool from_origin) {
    if (from_origin) check(cudaEventRecord(event(first), origin), "a graph's beginning");
    for (const std::size_t s : used_) {
      if (streams_[s] == origin) continue;
      const std::uint64_t index = from_origin ? first : first + s;
      if (!from_origin) check(cudaEventRecord(event(index), streams_[s]), "a graph's end");
      check(cudaStreamWaitEvent(from_origin ? streams_[s] : origin, event(index), 0), "a graph's streams");
    }
  }

  void take(const Call& c, const RunCall& run) {
    const cudaStream_t stream = streams_[static_cast<std::size_t>(c.stream)];
    if (c.what == Call::What::record) {
      check(cudaEventRecord(event(c.event), stream), "recording an event");
      if (timed_)
        check(cudaEventRecordWithFlags(timing_.at(c.event), stream, cudaEventRecordExternal),
              "recording an event");
    } else if (c.what == Call::What::wait) {
      // Recorded in an earlier step only: it has been reached.
      if (events_.count(c.event) != 0)
        check(cudaStreamWaitEvent(stream, event(c.event), 0), "waiting for an event");
    } else {
      run(c);
    }
  }

  const Calls& calls_;
  const std::array<cudaStream_t, stream_count>& streams_;
  const std::vector<cudaEvent_t>& timing_;
  std::set<std::size_t> used_;
  std::map<std::uint64_t, cudaEvent_t> events_;
  bool timed_ = false;
};

StepGraph::StepGraph(Calls calls, const std::array<cudaStream_t, stream_count>& streams,
                     const std::vector<cudaEvent_t>& timing, const RunCall& run)
    : calls_(std::move(calls)) {
  Capture capture(calls_, streams, timing);
  const cudaGraph_t graph = capture.run(run);
  const cudaError_t result = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  check(result, "a graph of the step");
}

StepGraph::~StepGraph() { cudaGraphExecDestroy(executable_); }

void StepGraph::launch(cudaStream_t stream) const {
  check(cudaGraphLaunch(executable_, stream), "launching a step's graph");
}

const StepGraph* StepGraphs::find(const Calls& calls,
                                  const std::function<std::unique_ptr<StepGraph>(const Calls&)>& capture) {
  if (calls.size() < least) return nullptr;
  for (const auto& g : graphs_)
    if (same(g->calls(), calls)) return g.get();
  const auto seen = std::find_if(seen_.begin(), seen_.end(), [&](const Calls& c) { return same(c, calls); });
  if (seen == seen_.end()) {
    if (seen_.size() == most) seen_.erase(seen_.begin());
    seen_.push_back(calls);
    return nullptr;
  }
  seen_.erase(seen);
  if (graphs_.size() == most) graphs_.erase(graphs_.begin());
  return graphs_.emplace_back(capture(calls)).get();
}

}  // namespace orrery::cuda
