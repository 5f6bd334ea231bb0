#include "runtime/cpu/backend.h"

#include <algorithm>
#include <iterator>

#include "sim/base/error.h"

namespace orrery {

BackendProperties CpuBackend::properties() const {
  BackendProperties p;
  p.name = "cpu";
  return p;
}

void* CpuBackend::allocate(Bytes bytes, Memory memory) {
  const auto size = static_cast<std::size_t>(bytes.v);
  if (memory == Memory::device) return arena_.allocate(size);
  return host_memory_.emplace_back(size).data();
}

void CpuBackend::open_groups(std::span<const GroupMembers> groups, std::span<const std::uint32_t> ids) {
  ORRERY_CHECK(groups.size() == ids.size());
  for (std::size_t g = 0; g < groups.size(); ++g)
    groups_.push_back(engine_.open_group(ids[g], groups[g].members));
}

// Times of earlier steps are no longer asked for.
void CpuBackend::forget() {
  synchronized_ = false;
  times_.clear();
  for (Tail& tail : tails_) {
    tail.times = nullptr;
    tail.at_start.clear();
    tail.waits.clear();
  }
  for (Event& e : events_) e = {};
}

comm::Times* CpuBackend::begin(Tail& tail, bool communication, std::vector<comm::Point>& after) {
  comm::Times* times = &times_.emplace_back();
  after = std::move(tail.waits);
  tail.waits.clear();
  if (tail.times && tail.communication != communication) after.push_back(tail.end);
  for (EventIndex e : tail.at_start) events_[e].next = times;
  tail.at_start.clear();
  return times;
}

void CpuBackend::end(Tail& tail, comm::Point point, const comm::Times* times, bool communication) {
  tail.end = point;
  tail.times = times;
  tail.communication = communication;
}

void CpuBackend::post(DeviceItem item, Stream stream) {
  if (synchronized_) forget();
  Tail& tail = tails_[static_cast<std::size_t>(stream)];
  comm::Times* times = begin(tail, false, item.after);
  item.times = times;
  end(tail, device_.post(std::move(item), stream), times, false);
}

void CpuBackend::launch(const Kernel& kernel, Stream stream) { post({kernel, {}, nullptr}, stream); }

void CpuBackend::copy(void* to, const void* from, Bytes bytes, Stream stream) {
  post({CopyItem{to, from, static_cast<std::size_t>(bytes.v)}, {}, nullptr}, stream);
}

void CpuBackend::communicate(const Communication& what, Stream stream) {
  if (synchronized_) forget();
  Tail& tail = tails_[static_cast<std::size_t>(stream)];
  std::vector<comm::Point> after;
  comm::Times* times = begin(tail, true, after);
  Communication mine = what;
  mine.group = groups_.at(what.group);
  end(tail, engine_.post(mine, stream, after, times), times, true);
}

void CpuBackend::record(EventIndex event, Stream stream) {
  if (synchronized_) forget();
  Tail& tail = tails_[static_cast<std::size_t>(stream)];
  Event& e = events_.at(event);
  e.points = tail.waits;
  if (tail.times) e.points.push_back(tail.end);
  e.before = tail.times;
  e.next = nullptr;
  tail.at_start.push_back(event);
}

void CpuBackend::wait(EventIndex event, Stream stream) {
  if (synchronized_) forget();
  Tail& tail = tails_[static_cast<std::size_t>(stream)];
  // What was recorded before this wait and after an item has its time from the item.
  std::erase_if(tail.at_start, [this](EventIndex e) { return events_[e].before != nullptr; });
  const std::vector<comm::Point>& points = events_.at(event).points;
  tail.waits.insert(tail.waits.end(), points.begin(), points.end());
}

void CpuBackend::synchronize() {
  std::vector<comm::Point> communications;
  for (const Tail& tail : tails_)
    if (tail.times && tail.communication) communications.push_back(tail.end);
  device_.drain(std::move(communications));
  synchronized_ = true;
}

void CpuBackend::synchronize(EventIndex event) {
  for (const comm::Point& p : events_.at(event).points) engine_.wait(p);
}

Tick CpuBackend::time_of(EventIndex event) const {
  const Event& e = events_.at(event);
  const std::int64_t ns = e.next ? e.next->start : e.before ? e.before->end : 0;
  return {ns * 1000};
}

}  // namespace orrery
