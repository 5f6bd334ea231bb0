// Watches a rank's communications from a thread of its own: tells the job what the oldest one waits for, and,
// when the job stops or NCCL has failed, ends all that is under way, so that no call waits for ever.
#pragma once
#include <cuda_runtime_api.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/backend.h"
#include "runtime/cuda/communicators.h"
#include "runtime/cuda/device.h"

namespace orrery::cuda {

class Watch {
 public:
  // `job` may be null: then nothing is watched.
  Watch(const Device&, Communicators&, JobLink* job);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Around a communication that is about to be queued, and was; its label and transfers live until it has
  // ended.
  void begins(const Communication&, cudaStream_t);
  void queued(cudaStream_t);
  // All that was queued has ended.
  void step_ended();

 private:
  struct Pending {
    Communication what;
    cudaEvent_t begun = nullptr, ended = nullptr;
    bool queued = false;
  };
  void run();
  void look();
  void look_at_oldest();
  void waits_no_more();
  void add_events();  // to free_, for one communication

  const Device& device_;
  Communicators& communicators_;
  JobLink* const job_;
  std::mutex mutex_;  // of what follows
  std::deque<Pending> pending_;
  std::vector<cudaEvent_t> free_;
  cudaEvent_t waiting_ = nullptr;  // the end of the communication that the job was told of
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace orrery::cuda
