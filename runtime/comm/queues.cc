#include "runtime/comm/queues.h"

#include <algorithm>

#include "runtime/comm/collectives.h"
#include "sim/base/error.h"

namespace orrery::comm {
namespace {

// The lane on which both ends of a message meet: that of the stream that sends.
Stream message_lane(Stream s) {
  if (s == Stream::receive_previous) return Stream::send_next;
  return s == Stream::receive_next ? Stream::send_previous : s;
}

Apply apply_of(const Communication& c) {
  if (c.kind != Kind::all_reduce && c.kind != Kind::reduce_scatter) return Apply::copy;
  return c.reduction == Reduction::sum ? Apply::sum : Apply::max;
}

Signature signature(const Communication& c, const Group& group) {
  std::int64_t elements = 0;
  for (const Transfer& t : c.transfers) elements += t.count;
  return {.bytes = static_cast<std::uint64_t>(elements * size_of(c.dtype)),
          .group = group.id,
          .sequence = c.sequence,
          .kind = c.kind == Kind::receive ? Kind::send : c.kind,
          .dtype = c.dtype,
          .apply = apply_of(c)};
}

}  // namespace

Queues::Queues(Channel& channel, Arena& arena, bool fixed_order)
    : channel_(channel), fixed_order_(fixed_order) {
  for (std::uint32_t i = 0; i < lane_count; ++i) lanes_.push_back(std::make_unique<Lane>(arena));
}

std::uint32_t Queues::open_group(std::uint32_t rank, std::uint32_t id,
                                 std::span<const std::uint32_t> members) {
  const auto me = std::find(members.begin(), members.end(), rank);
  ORRERY_CHECK(me != members.end());
  groups_.push_back({id, {members.begin(), members.end()}, static_cast<std::uint32_t>(me - members.begin())});
  return static_cast<std::uint32_t>(groups_.size()) - 1;
}

Point Queues::post(const Communication& c, Stream stream, std::span<const Point> after, Times* times) {
  ORRERY_CHECK(is_meeting(c.kind) && c.group < groups_.size());
  ORRERY_CHECK(apply_of(c) == Apply::copy || c.dtype == DType::fp32 || c.dtype == DType::bf16);
  ORRERY_CHECK((c.kind != Kind::send && c.kind != Kind::receive) || groups_[c.group].members.size() == 2);
  const Group& group = groups_[c.group];
  Lane& lane = *lanes_[static_cast<std::size_t>(stream)];
  unfinished_.fetch_add(1);
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back({c, &group, stream, {after.begin(), after.end()}, times, nullptr, {}, 0, 0});
  }
  any_posted_.store(true);
  return {&lane.ended, ++lane.posted};
}

bool Queues::take_posted() {
  if (!any_posted_.load()) return false;
  const std::lock_guard lock(mutex_);
  for (Entry& e : posted_) lanes_[static_cast<std::size_t>(e.lane)]->entries.push_back(std::move(e));
  posted_.clear();
  any_posted_.store(false);
  return true;
}

bool Queues::turn() {
  bool moved = take_posted();
  for (auto& lane : lanes_) {
    while (!lane->entries.empty() && advance(*lane)) moved = true;
  }
  return moved;
}

Queues::State Queues::look() const {
  if (any_posted_.load()) return State::ready;
  State state = State::blocked;
  for (const auto& lane : lanes_) {
    if (lane->entries.empty()) continue;
    const Entry& e = lane->entries.front();
    if (e.call) {
      state = State::under_way;
    } else if (std::none_of(e.after.begin(), e.after.end(), [](const Point& p) { return p.watch(); })) {
      return State::ready;
    }
  }
  return state;
}

void Queues::start(Entry& e, Scratch& scratch) {
  e.start = now_ns();
  e.call =
      std::make_unique<Call>(channel_, message_lane(e.lane), *e.group, signature(e.what, *e.group), scratch);
  e.task = carry_out(*e.call, e.what.kind, e.what.transfers, fixed_order_);
  e.task.handle().resume();
}

// False: the first of the lane cannot go on.
bool Queues::advance(Lane& lane) {
  Entry& e = lane.entries.front();
  if (!e.call) {
    if (!std::all_of(e.after.begin(), e.after.end(), [](const Point& p) { return p.reached(); }))
      return false;
    start(e, lane.scratch);
  } else {
    if (!e.call->ready()) return false;
    e.call->resume().resume();
  }
  e.since = now_ns();
  if (!e.task.done()) return true;
  if (e.times != nullptr) *e.times = {e.start, e.since};
  lane.entries.pop_front();
  lane.ended.advance();
  unfinished_.fetch_sub(1);
  return true;
}

Waiting Queues::longest_wait() const {
  const Entry* longest = nullptr;
  for (const auto& lane : lanes_) {
    if (lane->entries.empty() || !lane->entries.front().call) continue;
    const Entry& e = lane->entries.front();
    if (longest == nullptr || e.since < longest->since) longest = &e;
  }
  if (longest == nullptr) return {};
  Waiting w{longest->since, longest->call->receive_from(), longest->call->send_to(), {}};
  std::string text = describe(longest->call->signature());
  if (!longest->what.label.empty()) text = std::string(longest->what.label) + ", " + text;
  text.copy(w.operation, sizeof w.operation - 1);
  return w;
}

}  // namespace orrery::comm
