// Streams as queues, each with a thread that runs its operations in order; marks are what others wait for.
// One mutex a device guards all of them. Also capture: while a stream is captured, its operations become
// nodes of a graph.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace orrery::fake {

class Device;

// A point of a stream: reached when all that was queued before it has run.
struct Mark {
  bool reached = false;
  std::chrono::steady_clock::time_point when;
};
using MarkPointer = std::shared_ptr<Mark>;

struct Operation {
  std::string name;
  std::function<void()> run;       // may be empty
  std::vector<MarkPointer> waits;  // before it runs
  MarkPointer mark;                // reached after it, or null
  bool nccl = false;
};

// A node of a captured graph. `records` is the event that its end records, for events that outlive the
// capture.
struct Node {
  std::string name;
  std::function<void()> run;
  std::vector<std::size_t> after;  // smaller indices
  struct ::CUevent_st* records = nullptr;
  bool nccl = false;
};

struct Graph {
  std::vector<Node> nodes;
};

// One capture, of the stream that began it and those that joined it by events.
struct Capture {
  Graph graph;
  struct ::CUstream_st* origin = nullptr;
  std::vector<struct ::CUstream_st*> streams;
  std::size_t last_nccl = none;
  bool broken = false, ended = false;
  static constexpr std::size_t none = ~std::size_t{0};
};

}  // namespace orrery::fake

struct CUevent_st {
  orrery::fake::Device* device = nullptr;
  orrery::fake::MarkPointer latest;  // of the last record; null: never recorded
  bool timing = true;
  std::shared_ptr<orrery::fake::Capture> capture;  // that the last record belongs to
  std::vector<std::size_t> nodes;                  // after which it stands there
};

struct CUstream_st {
  orrery::fake::Device* device = nullptr;
  std::uint64_t number = 0;  // of the device's streams, in order of creation
  bool blocking = true;      // waits for the legacy default stream, and it for this
  int priority = 0;
  std::deque<orrery::fake::Operation> queue;
  bool busy = false, stop = false;
  std::string now;  // what it runs or waits to run
  std::uint64_t issued = 0, done = 0;
  std::condition_variable changed;
  std::shared_ptr<orrery::fake::Capture> capture;
  std::vector<std::size_t> tail;  // of the capture: what the next node comes after
};

struct CUgraph_st {
  std::shared_ptr<const orrery::fake::Graph> graph;
};

struct CUgraphExec_st {
  std::shared_ptr<const orrery::fake::Graph> graph;
};
