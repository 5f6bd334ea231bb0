#include "runtime/rehearsal/world.h"

#include <sys/prctl.h>

#include <algorithm>

#include "sim/base/error.h"

namespace orrery::rehearsal {
namespace {

// Sleeps end late; the rest of a wait is spun if every rank has a core.
constexpr std::chrono::microseconds spun{100};

Kind ends_of(Kind k) { return k == Kind::receive ? Kind::send : k; }

std::string said(std::uint32_t rank, const Invitation& i) {
  return "rank " + std::to_string(rank) + " comes with " + std::to_string(i.bytes) + " bytes to " +
         std::string(i.label.empty() ? name(i.kind) : i.label);
}

}  // namespace

World::World(std::uint32_t ranks, std::uint32_t hosts, Clock clock) : clock_(clock), hosts_(hosts) {
  for (std::uint32_t r = 0; r < ranks; ++r) ranks_.emplace_back().idle = !clock_.is_real();
  if (!clock_.is_real()) return;
  for (std::uint32_t r = 0; r < ranks; ++r) ranks_[r].thread = std::thread([this, r] { drive(r); });
}

World::~World() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    for (Rank& r : ranks_) r.news.notify_one();
  }
  for (Rank& r : ranks_)
    if (r.thread.joinable()) r.thread.join();
}

void World::open_group(std::uint32_t id, const std::vector<std::uint32_t>& members) {
  const std::lock_guard lock(mutex_);
  const std::vector<std::uint32_t>& known = groups_.try_emplace(id, members).first->second;
  if (known != members) fail_all("ranks name different members of group " + std::to_string(id));
}

void World::work(std::uint32_t rank, Stream stream, Tick issued, Tick duration) {
  post(rank, stream, {What::work, issued, duration, nullptr, nullptr, {}});
}

void World::meet(std::uint32_t rank, Stream stream, Tick issued, Tick duration, const Invitation& meeting) {
  post(rank, stream, {What::meet, issued, duration, nullptr, nullptr, meeting});
}

void World::record(std::uint32_t rank, Stream stream, Tick issued, Record& record) {
  record.stream = stream;
  post(rank, stream, {What::record, issued, {}, &record, nullptr, {}});
}

void World::wait(std::uint32_t rank, Stream stream, const Record& record) {
  post(rank, stream, {What::wait, {}, {}, nullptr, &record, {}});
}

void World::post(std::uint32_t rank, Stream stream, Item&& item) {
  const std::lock_guard lock(mutex_);
  Rank& r = ranks_[rank];
  Lane& lane = r.lanes[static_cast<std::size_t>(stream)];
  if (!clock_.is_real() && lane.items.empty() && item.what != What::meet) {
    if (run(rank, stream, item)) return go_on(rank);
  }
  Item& queued = lane.items.emplace_back(std::move(item));
  if (queued.what == What::meet) queued.meeting.label = queued.label = queued.meeting.label;
  r.busy |= 1U << static_cast<unsigned>(stream);
  go_on(rank);
}

void World::go_on(std::uint32_t rank) {
  Rank& r = ranks_[rank];
  if (clock_.is_real()) {
    r.idle = false;
    r.news.notify_one();
    return;
  }
  moved_.push_back(rank);
  while (!moved_.empty()) {
    const std::uint32_t next = moved_.back();
    moved_.pop_back();
    advance(next);
    ranks_[next].host.notify_all();
  }
}

// Runs what can run, on all lanes of a rank.
void World::advance(std::uint32_t rank) {
  Rank& r = ranks_[rank];
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t left = r.busy; left != 0; left &= left - 1) {
      const auto s = static_cast<unsigned>(__builtin_ctz(left));
      Lane& lane = r.lanes[s];
      while (!lane.items.empty() && run(rank, static_cast<Stream>(s), lane.items.front())) {
        lane.items.pop_front();
        moved = true;
      }
      if (lane.items.empty()) r.busy &= ~(1U << s);
    }
  }
}

void World::begin_work(Lane& lane, Tick now) {
  for (Record* r : lane.starting) r->time = now;
  lane.starting.clear();
}

// Runs the first item of a lane if it can: true.
bool World::run(std::uint32_t rank, Stream stream, Item& item) {
  Lane& lane = ranks_[rank].lanes[static_cast<std::size_t>(stream)];
  const Tick ready = std::max(lane.at, item.issued);
  if (lane.met || !clock_.passed(ready)) return false;
  switch (item.what) {
    case What::wait:
      if (!item.awaits->reached) return false;
      lane.at = std::max(lane.at, item.awaits->time);
      return true;
    case What::record:
      item.reaches->time = clock_.read(ready);
      item.reaches->reached = true;
      if (!lane.after_work) lane.starting.push_back(item.reaches);
      lane.after_work = false;
      return true;
    case What::work: {
      const Tick now = clock_.read(ready);
      begin_work(lane, now);
      lane.at = now + item.duration;
      lane.after_work = true;
      return true;
    }
    case What::meet: {
      const Tick now = clock_.read(ready);
      begin_work(lane, now);
      return come(rank, stream, item, now);
    }
  }
  return false;
}

// A member has come to a meeting; true: it was the last.
bool World::come(std::uint32_t rank, Stream stream, Item& item, Tick now) {
  const auto group = groups_.find(item.meeting.group);
  ORRERY_CHECK(group != groups_.end());
  Meeting& m = meetings_[key(item.meeting)];
  if (m.come.empty()) {
    m.first = item.meeting;
  } else if (ends_of(m.first.kind) != ends_of(item.meeting.kind) || m.first.bytes != item.meeting.bytes) {
    fail_all(said(rank, item.meeting) + ", but " + said(m.come.front().rank, m.first) +
             ": both are meeting " + std::to_string(item.meeting.sequence) + " of group " +
             std::to_string(item.meeting.group));
    return false;
  }
  m.come.push_back({rank, stream});
  m.begin = std::max(m.begin, now);
  m.duration = std::max(m.duration, item.duration);
  if (m.come.size() < group->second.size()) {
    ranks_[rank].lanes[static_cast<std::size_t>(stream)].met = true;
    return false;
  }
  end(m, rank);
  meetings_.erase(key(item.meeting));
  return true;
}

void World::end(const Meeting& m, std::uint32_t last) {
  for (const Member& member : m.come) {
    Rank& r = ranks_[member.rank];
    Lane& lane = r.lanes[static_cast<std::size_t>(member.stream)];
    lane.at = m.begin + m.duration;
    lane.after_work = true;
    if (member.rank == last) continue;  // its item is being run
    lane.met = false;
    lane.items.pop_front();
    if (lane.items.empty()) r.busy &= ~(1U << static_cast<unsigned>(member.stream));
    if (clock_.is_real()) {
      r.idle = false;
      r.news.notify_one();
    } else {
      moved_.push_back(member.rank);
    }
  }
}

bool World::drained(const Rank& r, std::uint32_t streams) const {
  if ((r.busy & streams) != 0) return false;
  for (; streams != 0; streams &= streams - 1)
    if (!clock_.passed(r.lanes[static_cast<std::size_t>(__builtin_ctz(streams))].at)) return false;
  return true;
}

// When a lane that time may have held up at `seen` goes on. What has come since then is due, not over.
std::optional<Tick> World::next_due(const Rank& r, Tick seen) const {
  std::optional<Tick> first;
  for (const Lane& lane : r.lanes) {
    if (lane.met) continue;
    const Tick at = lane.items.empty() ? lane.at : std::max(lane.at, lane.items.front().issued);
    if (at >= seen) first = first ? std::min(*first, at) : at;
  }
  return first;
}

// The thread of a rank on the real clock.
void World::drive(std::uint32_t rank) {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // ns
  const bool spins = ranks_.size() <= std::thread::hardware_concurrency();
  std::unique_lock lock(mutex_);
  Rank& r = ranks_[rank];
  while (!stop_) {
    const Tick seen = clock_.now();
    advance(rank);
    r.host.notify_all();
    if (const std::optional<Tick> due = next_due(r, seen)) {
      const auto when = clock_.when(*due);
      if (!spins) {
        r.news.wait_until(lock, when);
      } else if (r.news.wait_until(lock, when - spun) == std::cv_status::timeout) {
        lock.unlock();
        while (std::chrono::steady_clock::now() < when) {
        }
        lock.lock();
      }
      continue;
    }
    r.idle = true;
    if (stuck()) fail_all(deadlock());
    while (r.idle && !stop_) r.news.wait(lock);
  }
}

bool World::host_waits(const Rank& r) const {
  return (r.drains != 0 && !drained(r, r.drains)) || (r.awaits && !r.awaits->reached);
}

bool World::stuck() const {
  if (!failure_.empty()) return false;
  std::uint32_t waiting = 0, left = 0;
  for (const Rank& r : ranks_) {
    if (!r.idle) return false;
    waiting += host_waits(r);
    left += r.left;
  }
  return waiting > 0 && waiting + left >= hosts_;
}

void World::fail_all(std::string reason) {
  if (failure_.empty()) failure_ = std::move(reason);
  for (Rank& r : ranks_) r.host.notify_all();
}

void World::let_host_wait(std::unique_lock<std::mutex>& lock, Rank& r) {
  if (stuck()) fail_all(deadlock());
  while (failure_.empty() && host_waits(r)) r.host.wait(lock);
  r.drains = 0;
  r.awaits = nullptr;
  if (!failure_.empty()) throw DeviceError(failure_);
}

void World::forget(std::uint32_t rank) {
  const std::lock_guard lock(mutex_);
  for (Lane& lane : ranks_[rank].lanes) lane.starting.clear();
}

Tick World::drain(std::uint32_t rank, std::uint32_t streams) {
  std::unique_lock lock(mutex_);
  Rank& r = ranks_[rank];
  r.drains = streams;
  let_host_wait(lock, r);
  Tick last{};
  for (; streams != 0; streams &= streams - 1)
    last = std::max(last, r.lanes[static_cast<std::size_t>(__builtin_ctz(streams))].at);
  return last;
}

Tick World::await(std::uint32_t rank, const Record& record) {
  std::unique_lock lock(mutex_);
  ranks_[rank].awaits = &record;
  let_host_wait(lock, ranks_[rank]);
  return record.time;
}

void World::leave(std::uint32_t rank) {
  const std::lock_guard lock(mutex_);
  ranks_[rank].left = true;
  if (stuck()) fail_all(deadlock());
}

}  // namespace orrery::rehearsal
