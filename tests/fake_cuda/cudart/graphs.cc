// Capture of streams into graphs, and their replay.
#include <algorithm>
#include <random>
#include <thread>

#include "tests/fake_cuda/cudart/device.h"
#include "tests/fake_cuda/cudart/settings.h"

namespace orrery::fake {

void Device::add_node(CUstream_st& s, Node node) {
  Capture& c = *s.capture;
  node.after = s.tail;
  if (node.nccl) {  // NCCL's order of launch is kept in replay
    if (c.last_nccl != Capture::none) node.after.push_back(c.last_nccl);
    c.last_nccl = c.graph.nodes.size();
  }
  s.tail.assign(1, c.graph.nodes.size());
  c.graph.nodes.push_back(std::move(node));
}

bool joined(const Capture& c) {
  std::vector<bool> reached(c.graph.nodes.size(), false);
  std::vector<std::size_t> todo = c.origin->tail;
  while (!todo.empty()) {
    const std::size_t n = todo.back();
    todo.pop_back();
    if (reached[n]) continue;
    reached[n] = true;
    todo.insert(todo.end(), c.graph.nodes[n].after.begin(), c.graph.nodes[n].after.end());
  }
  return std::all_of(c.streams.begin(), c.streams.end(), [&](const CUstream_st* s) {
    return std::all_of(s->tail.begin(), s->tail.end(), [&](std::size_t n) { return reached[n]; });
  });
}

cudaError_t Device::begin_capture(cudaStream_t s) {
  const std::lock_guard lock(mutex_);
  if (s == default_) return cudaErrorStreamCaptureUnsupported;
  if (s->capture) return cudaErrorIllegalState;
  s->capture = std::make_shared<Capture>();
  s->capture->origin = s;
  s->capture->streams.push_back(s);
  s->tail.clear();
  return cudaSuccess;
}

cudaError_t Device::end_capture(cudaStream_t s, std::shared_ptr<const Graph>& graph) {
  const std::lock_guard lock(mutex_);
  if (!s->capture) return cudaErrorIllegalState;
  const std::shared_ptr<Capture> c = s->capture;
  if (c->origin != s) return cudaErrorStreamCaptureUnmatched;
  const bool whole = joined(*c);
  for (CUstream_st* member : c->streams) member->capture.reset();
  c->ended = true;
  if (c->broken) return cudaErrorStreamCaptureInvalidated;
  if (!whole) return cudaErrorStreamCaptureUnjoined;
  graph = std::make_shared<const Graph>(std::move(c->graph));
  return cudaSuccess;
}

bool Device::capturing() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->capture != nullptr; });
}

bool Device::capturing(cudaStream_t s) const {
  const std::lock_guard lock(mutex_);
  return s->capture != nullptr;
}

void Device::break_capture(cudaStream_t s) {
  const std::lock_guard lock(mutex_);
  if (s->capture) s->capture->broken = true;
}

// The whole graph is one operation of the stream; each launch records its events anew.
void Device::launch_graph(const std::shared_ptr<const Graph>& graph, cudaStream_t stream) {
  std::vector<MarkPointer> marks(graph->nodes.size());
  std::uint64_t launch = 0;
  bool nccl = false;
  {
    const std::lock_guard lock(mutex_);
    launch = stream->issued;
    for (std::size_t n = 0; n < graph->nodes.size(); ++n) {
      nccl = nccl || graph->nodes[n].nccl;
      if (graph->nodes[n].records == nullptr) continue;
      marks[n] = std::make_shared<Mark>();
      graph->nodes[n].records->capture.reset();
      graph->nodes[n].records->latest = marks[n];
    }
  }
  const std::uint64_t order =
      mixed(settings().seed, static_cast<std::uint64_t>(number_), stream->number, launch);
  enqueue(stream, {"graph of " + std::to_string(graph->nodes.size()) + " nodes",
                   [this, graph, marks, order] { run_graph(*graph, marks, order); },
                   {},
                   nullptr,
                   nccl});
}

// In the order of capture; with a seed, in a random order that the dependencies allow.
void Device::run_graph(const Graph& graph, const std::vector<MarkPointer>& marks, std::uint64_t order) {
  std::mt19937_64 random(order);
  std::vector<std::size_t> waits(graph.nodes.size()), ready;
  std::vector<std::vector<std::size_t>> next(graph.nodes.size());
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    waits[n] = graph.nodes[n].after.size();
    for (const std::size_t before : graph.nodes[n].after) next[before].push_back(n);
    if (waits[n] == 0) ready.push_back(n);
  }
  while (!ready.empty()) {
    const auto chosen = settings().seed == 0
                            ? std::min_element(ready.begin(), ready.end())
                            : ready.begin() + static_cast<std::ptrdiff_t>(random() % ready.size());
    const std::size_t n = *chosen;
    ready.erase(chosen);
    const Node& node = graph.nodes[n];
    if (node.run && error() == cudaSuccess) node.run();
    if (marks[n]) {
      const std::lock_guard lock(mutex_);
      reach(marks[n]);
    }
    for (const std::size_t after : next[n])
      if (--waits[after] == 0) ready.push_back(after);
  }
}

}  // namespace orrery::fake
