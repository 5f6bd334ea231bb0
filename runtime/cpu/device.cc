#include "runtime/cpu/device.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sim/base/error.h"

namespace orrery {
namespace {

// The progress thread must get the processor from a thread that computes, at once.
constexpr int compute_niceness = 5;

bool reached(const comm::Point& p) { return p.reached(); }

bool ready(const DeviceItem& item) { return std::all_of(item.after.begin(), item.after.end(), reached); }

}  // namespace

CpuDevice::CpuDevice(comm::Engine& engine, RunKernel run_kernel)
    : engine_(engine), run_kernel_(std::move(run_kernel)), thread_([this] { work(); }) {}

CpuDevice::~CpuDevice() {
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    news = news_.advance();
  }
  if (news) engine_.notify();
  thread_.join();
}

comm::Point CpuDevice::post(DeviceItem item, Stream stream) {
  Queue& queue = queues_[static_cast<std::size_t>(stream)];
  comm::Point end;
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    queue.items.push_back(std::move(item));
    end = {&queue.ended, ++queue.posted};
    news = news_.advance();
    ++news_posted_;
  }
  if (news) engine_.notify();
  return end;
}

void CpuDevice::drain(std::vector<comm::Point> communications) {
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    draining_ = std::move(communications);
    drain_ = true;
    news = news_.advance();
    ++news_posted_;
  }
  if (news) engine_.notify();
  for (;;) {
    const std::uint32_t key = drained_.key();
    {
      const std::lock_guard lock(mutex_);
      if (error_) std::rethrow_exception(error_);
      if (!drain_) return;
    }
    drained_.sleep(key);
  }
}

// The first item of a stream, if it may run; nulls if there is none.
CpuDevice::Ready CpuDevice::next() {
  const std::lock_guard lock(mutex_);
  for (Queue& queue : queues_)
    if (!queue.items.empty() && ready(queue.items.front())) return {&queue, &queue.items.front()};
  return {};
}

// True: something waits for its end.
bool CpuDevice::run_first(Queue& queue, const DeviceItem& item) {
  if (item.times) item.times->start = comm::now_ns();
  if (const auto* kernel = std::get_if<Kernel>(&item.what)) {
    run_kernel_(*kernel, workspace_);
  } else {
    const CopyItem& copy = std::get<CopyItem>(item.what);
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
  if (item.times) item.times->end = comm::now_ns();
  {
    const std::lock_guard lock(mutex_);
    queue.items.pop_front();
  }
  return queue.ended.advance();
}

// Drives communications until the first item of some stream may run, or something is posted. False: that was
// so already.
bool CpuDevice::wait_for_news() {
  std::vector<comm::Point> any;
  {
    const std::lock_guard lock(mutex_);
    if (news_seen_ != news_posted_) {
      news_seen_ = news_posted_;
      return false;
    }
    if (drain_ && idle()) return false;
    any.push_back({&news_, news_seen_ + 1});
    for (const Queue& queue : queues_) {
      if (queue.items.empty()) continue;
      const auto& after = queue.items.front().after;
      const auto open = std::find_if_not(after.begin(), after.end(), reached);
      if (open == after.end()) return false;
      any.push_back(*open);
    }
    for (const comm::Point& p : draining_)
      if (!p.reached()) any.push_back(p);
  }
  return engine_.wait_any(any);
}

bool CpuDevice::idle() const {
  return std::all_of(queues_.begin(), queues_.end(), [](const Queue& q) { return q.items.empty(); }) &&
         std::all_of(draining_.begin(), draining_.end(), reached);
}

void CpuDevice::finish() {
  const std::lock_guard lock(mutex_);
  if (!drain_ || !idle()) return;
  drain_ = false;
  draining_.clear();
  drained_.ring();
}

void CpuDevice::work() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), compute_niceness);
  bool untold = false;  // the engine, that an end is reached for which a communication may wait
  try {
    for (;;) {
      if (const Ready first = next(); first.item) {
        if (untold) engine_.notify();
        untold = run_first(*first.queue, *first.item);
        if (untold) engine_.notify_waiting();
        continue;
      }
      finish();
      {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
      }
      if (wait_for_news()) untold = false;
    }
  } catch (const DeviceError&) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    drained_.ring();
  }
}

}  // namespace orrery
