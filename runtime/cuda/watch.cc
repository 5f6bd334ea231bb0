#include "runtime/cuda/watch.h"

#include <chrono>

#include "runtime/cuda/check.h"

namespace orrery::cuda {
namespace {

constexpr std::chrono::milliseconds look_every{100};

}  // namespace

Watch::Watch(const Device& device, Communicators& communicators, JobLink* job)
    : device_(device), communicators_(communicators), job_(job) {
  if (job_) thread_ = std::thread([this] { run(); });
}

Watch::~Watch() {
  if (!job_) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (const Pending& p : pending_)
    for (cudaEvent_t e : {p.begun, p.ended}) cudaEventDestroy(e);
  for (cudaEvent_t e : free_) cudaEventDestroy(e);
}

void Watch::add_events() {
  for (int i = 0; i < 2; ++i) {
    cudaEvent_t made = nullptr;
    check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "an event");
    free_.push_back(made);
  }
}

void Watch::begins(const Communication& what, cudaStream_t stream) {
  if (!job_) return;
  const std::lock_guard lock(mutex_);
  if (free_.size() < 2) add_events();
  Pending& p = pending_.emplace_back();
  p.what = what;
  for (cudaEvent_t* e : {&p.begun, &p.ended}) {
    *e = free_.back();
    free_.pop_back();
  }
  check(cudaEventRecord(p.begun, stream), "recording an event");
}

void Watch::queued(cudaStream_t stream) {
  if (!job_) return;
  const std::lock_guard lock(mutex_);
  check(cudaEventRecord(pending_.back().ended, stream), "recording an event");
  pending_.back().queued = true;
}

void Watch::step_ended() {
  if (!job_) return;
  const std::lock_guard lock(mutex_);
  for (const Pending& p : pending_) free_.insert(free_.end(), {p.begun, p.ended});
  pending_.clear();
  waits_no_more();
}

void Watch::waits_no_more() {
  if (waiting_) job_->waits_no_more();
  waiting_ = nullptr;
}

void Watch::run() {
  device_.use();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, look_every, [this] { return stop_; })) {
    look_at_oldest();
    lock.unlock();
    look();
    lock.lock();
  }
}

void Watch::look() {
  if (const std::string broken = communicators_.error(); !broken.empty() && job_->stopped().empty())
    job_->stop(broken);
  if (!job_->stopped().empty()) communicators_.abort();
}

// Says what the oldest communication waits for that has begun and not ended.
void Watch::look_at_oldest() {
  if (waiting_ && cudaEventQuery(waiting_) == cudaSuccess) waits_no_more();
  while (!pending_.empty() && pending_.front().queued &&
         cudaEventQuery(pending_.front().ended) == cudaSuccess) {
    free_.insert(free_.end(), {pending_.front().begun, pending_.front().ended});
    pending_.pop_front();
  }
  if (waiting_) return;
  for (const Pending& p : pending_) {
    if (!p.queued || cudaEventQuery(p.begun) != cudaSuccess || cudaEventQuery(p.ended) == cudaSuccess)
      continue;
    const std::int32_t from = communicators_.awaited(p.what);
    job_->waits(communicators_.describe(p.what), from, from < 0 ? communicators_.send_to(p.what) : -1);
    waiting_ = p.ended;
    return;
  }
}

}  // namespace orrery::cuda
