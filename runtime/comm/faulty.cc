#include "runtime/comm/faulty.h"

#include <algorithm>
#include <csignal>

namespace orrery::comm {

Faulty::Faulty(std::unique_ptr<Channel> under, FaultPlan plan)
    : ChannelDecorator(std::move(under)), plan_(plan), random_(plan.seed) {}

void Faulty::send(const Outgoing& m) {
  ++m.request->pending;
  held_.push_back({m, turn_ + random_() % (std::uint64_t{plan_.longest_hold} + 1)});
}

// A message goes when its turn has come and no earlier one of its peer and lane is held.
bool Faulty::progress() {
  if (stalled_) return false;
  ++turn_;
  bool moved = !held_.empty();  // time passes
  for (auto h = held_.begin(); h != held_.end() && !stalled_;) {
    const bool behind = std::any_of(held_.begin(), h, [&](const Held& earlier) {
      return earlier.message.peer == h->message.peer && earlier.message.lane == h->message.lane;
    });
    if (behind || h->turn > turn_) {
      ++h;
      continue;
    }
    const Outgoing message = h->message;
    h = held_.erase(h);
    send_on(message);
  }
  return ChannelDecorator::progress() || moved;
}

void Faulty::send_on(Outgoing m) {
  if (sent_++ == plan_.at_message) {
    switch (plan_.fault) {
      case Fault::none:
        break;
      case Fault::cut:
        cut_ = m.peer;
        break;
      case Fault::stall:
        stalled_ = true;
        return;
      case Fault::truncate:
        m.bytes -= static_cast<std::size_t>(size_of(m.signature.dtype));
        break;
      case Fault::kill:
        raise(SIGKILL);
    }
  }
  if (m.peer == cut_) return;
  if (m.bytes > 0) ChannelDecorator::send(m);
  --m.request->pending;  // that of holding it
}

}  // namespace orrery::comm
