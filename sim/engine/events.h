// A queue of events by time, ties by order of arrival: a 4-ary heap of 16-byte events. Events are not removed
// when they lapse: whoever owns a slot remembers the key of its valid event and skips the others (keys are unique).
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace orrery::engine {

struct Event {
  std::int64_t time = 0;
  std::uint64_t key = 0;            // sequence (40 bits), slot (24 bits)
  std::uint32_t slot() const { return static_cast<std::uint32_t>(key & 0xFF'FFFF); }
  bool before(const Event& o) const { return time < o.time || (time == o.time && key < o.key); }
};
inline constexpr std::uint32_t slot_limit = 1u << 24;

class EventQueue {
 public:
  void clear() { heap_.clear(), sequence_ = 0; }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Event& top() const { return heap_.front(); }

  // Returns the event's key.
  std::uint64_t push(std::int64_t time, std::uint32_t slot) {
    const Event event{time, sequence_++ << 24 | slot};
    heap_.push_back(event);
    std::size_t i = heap_.size() - 1;
    for (; i > 0 && event.before(heap_[(i - 1) / 4]); i = (i - 1) / 4) heap_[i] = heap_[(i - 1) / 4];
    heap_[i] = event;
    return event.key;
  }

  void pop() {
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(0, last);
  }

  // Drops all events but those for which `valid(event)`.
  template <class Valid>
  void keep(Valid&& valid) {
    heap_.erase(std::remove_if(heap_.begin(), heap_.end(), [&](const Event& e) { return !valid(e); }), heap_.end());
    for (std::size_t i = heap_.size() / 4 + 1; i-- > 0;)
      if (i < heap_.size()) sink(i, heap_[i]);
  }

 private:
  // Puts `event` at i or below, where the heap holds.
  void sink(std::size_t i, Event event) {
    const std::size_t size = heap_.size();
    for (std::size_t child = 4 * i + 1; child < size; child = 4 * i + 1) {
      std::size_t least = child;
      const std::size_t end = std::min(child + 4, size);
      for (std::size_t c = child + 1; c < end; ++c)
        if (heap_[c].before(heap_[least])) least = c;
      if (!heap_[least].before(event)) break;
      heap_[i] = heap_[least];
      i = least;
    }
    heap_[i] = event;
  }

  std::vector<Event> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace orrery::engine
