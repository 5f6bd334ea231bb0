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

// Multiplications of a core in 0.1 ms or so, and what it does to so many elements or bytes one by one.
constexpr double brief_products = 4e6, brief_elements = 1e5;
constexpr std::size_t brief_bytes = 1 << 20;

double products(const Kernel& k) {
  const auto elements = static_cast<double>(k.out[0].elements());
  switch (k.name) {
    case KernelName::matmul:
      return elements * static_cast<double>(k.attributes.transpose_a ? k.in[0].rows : k.in[0].columns);
    case KernelName::attention:
    case KernelName::attention_gradient:
      return elements * static_cast<double>(2 * k.attributes.sequence);
    case KernelName::scores:
      return elements * static_cast<double>(k.attributes.head_dim);
    case KernelName::context:
    case KernelName::context_gradient:
    case KernelName::scores_gradient:
      return elements * static_cast<double>(k.attributes.sequence);
    default:
      return 0;
  }
}

double touched(const Kernel& k) {
  double out = 0;
  for (const Segment& s : k.segments) out += static_cast<double>(s.count);
  return std::max(out, static_cast<double>(std::max(k.in[0].elements(), k.out[0].elements())));
}

bool reached(const comm::Point& p) { return p.reached(); }

bool ready(const DeviceItem& item) { return std::all_of(item.after.begin(), item.after.end(), reached); }

}  // namespace

bool brief_on_cpu(const Kernel& k) { return products(k) < brief_products && touched(k) < brief_elements; }

CpuDevice::CpuDevice(comm::Engine& engine, RunKernel run_kernel, IsBrief is_brief)
    : engine_(engine), run_kernel_(std::move(run_kernel)), is_brief_(is_brief), thread_([this] { work(); }) {}

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

bool CpuDevice::brief(const DeviceItem& item) const {
  if (const auto* kernel = std::get_if<Kernel>(&item.what)) return is_brief_(*kernel);
  return std::get<CopyItem>(item.what).bytes < brief_bytes;
}

// True: something waits for its end.
bool CpuDevice::run_first(Queue& queue, const DeviceItem& item) {
  const bool back_soon = brief(item);
  if (!back_soon) engine_.attend(false);
  if (item.times) item.times->start = comm::now_ns();
  if (const auto* kernel = std::get_if<Kernel>(&item.what)) {
    run_kernel_(*kernel, workspace_);
  } else {
    const CopyItem& copy = std::get<CopyItem>(item.what);
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
  if (item.times) item.times->end = comm::now_ns();
  if (!back_soon) engine_.attend(true);
  {
    const std::lock_guard lock(mutex_);
    queue.items.pop_front();
  }
  return queue.ended.advance();
}

// Drives communications until the first item of some stream may run, or something is posted.
void CpuDevice::wait_for_news() {
  std::vector<comm::Point> any;
  {
    const std::lock_guard lock(mutex_);
    if (news_seen_ != news_posted_) {
      news_seen_ = news_posted_;
      return;
    }
    if (drain_ && idle()) return;
    any.push_back({&news_, news_seen_ + 1});
    for (const Queue& queue : queues_) {
      if (queue.items.empty()) continue;
      const auto& after = queue.items.front().after;
      const auto open = std::find_if_not(after.begin(), after.end(), reached);
      if (open == after.end()) return;
      any.push_back(*open);
    }
    for (const comm::Point& p : draining_)
      if (!p.reached()) any.push_back(p);
  }
  engine_.wait_any(any);
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
  engine_.attend(true);
  try {
    for (;;) {
      if (const Ready first = next(); first.item) {
        if (run_first(*first.queue, *first.item)) engine_.notify_waiting();
        engine_.go_on();
        continue;
      }
      finish();
      {
        const std::lock_guard lock(mutex_);
        if (stop_) break;
      }
      wait_for_news();
    }
  } catch (const DeviceError&) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    drained_.ring();
  }
  engine_.attend(false);
}

}  // namespace orrery
