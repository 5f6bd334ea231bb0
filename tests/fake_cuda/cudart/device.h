// One fake device: memory, streams, the error that sticks, and the kernels of the program as this device
// holds them. Calls come from any thread. Devices live as long as the process.
#pragma once
#include <cuda_runtime_api.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/fake_cuda/cudart/device_memory.h"
#include "tests/fake_cuda/cudart/program.h"
#include "tests/fake_cuda/cudart/stream.h"

namespace orrery::fake {

class Device {
 public:
  static Device& of(int number);
  static bool exists(int number);  // whether it was used
  static Device& current();        // of the calling thread
  static int current_number();
  static bool select(int number);

  explicit Device(int number);
  int number() const { return number_; }
  DeviceMemory& memory() { return memory_; }
  LoadedProgram& program() { return program_; }

  // --- streams
  cudaStream_t create_stream(bool blocking, int priority);
  void destroy_stream(cudaStream_t);
  // The stream behind a handle, the default one for null; null if the handle is none of this device's.
  cudaStream_t find_stream(cudaStream_t handle);
  // Queues; in a capture, adds a node.
  void enqueue(cudaStream_t, Operation);
  void synchronize(cudaStream_t);
  void synchronize();  // all streams
  bool idle(cudaStream_t);

  // --- events
  void record(cudaEvent_t, cudaStream_t, bool outside_capture);
  cudaError_t wait(cudaStream_t, cudaEvent_t);
  cudaError_t query(cudaEvent_t);
  cudaError_t synchronize(cudaEvent_t);
  cudaError_t elapsed(float* milliseconds, cudaEvent_t start, cudaEvent_t end);

  // --- graphs
  cudaError_t begin_capture(cudaStream_t);
  cudaError_t end_capture(cudaStream_t, std::shared_ptr<const Graph>&);
  void launch_graph(const std::shared_ptr<const Graph>&, cudaStream_t);
  bool capturing() const;  // whether any stream is
  bool capturing(cudaStream_t s) const;
  void break_capture(cudaStream_t);

  // --- errors. The first one sticks: nothing runs after it.
  cudaError_t error() const;
  void fail(cudaError_t, const std::string& message);

  // What each stream waits for, a line a stream that is not idle.
  std::string stuck_streams() const;

 private:
  void work(cudaStream_t);
  void run(CUstream_st&, Operation&, std::unique_lock<std::mutex>&);
  void delay(const CUstream_st&) const;
  void add_node(CUstream_st&, Node);
  void queue(CUstream_st&, Operation);
  MarkPointer mark_tail(CUstream_st&);
  void reach(const MarkPointer&);
  void run_graph(const Graph&, const std::vector<MarkPointer>& marks, std::uint64_t order);

  int number_;
  DeviceMemory memory_;
  LoadedProgram program_;
  mutable std::mutex mutex_;
  std::condition_variable host_;
  std::vector<std::unique_ptr<CUstream_st>> streams_;
  std::uint64_t streams_created_ = 0;
  cudaStream_t default_ = nullptr;
  MarkPointer last_nccl_;
  cudaError_t error_ = cudaSuccess;
};

// A check of the capture: all streams that joined must have been joined to the origin.
bool joined(const Capture&);

}  // namespace orrery::fake
