// A Channel behind links of a given rate and latency: how a network that is not there is emulated, without
// privileges. A message goes in pieces; each is held until the link is free, plus bytes / rate, plus latency,
// and is then sent on. Both ends must be behind one, so that both cut alike.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "runtime/comm/channel.h"
#include "sim/base/quantity.h"

namespace orrery::comm {

struct Link {
  BytesPerSecond rate{0};  // 0: no limit
  Seconds latency{0};
};

class DelayLine final : public ChannelDecorator {
 public:
  // `link_of[peer]` indexes `links`: peers of one link share its rate, as those behind one network card do.
  DelayLine(std::unique_ptr<Channel>, std::vector<Link> links, std::vector<std::uint32_t> link_of);

  void send(const Outgoing&) override;
  void receive(const Incoming&) override;
  bool progress() override;
  std::int64_t wake_at() const override;

 private:
  struct Held {
    Outgoing piece;
    std::int64_t due = 0;  // now_ns()
  };
  struct Line {
    Link link;
    std::int64_t free = 0;  // when its last piece so far has left
    std::deque<Held> held;  // by due time
  };
  std::vector<Line> lines_;
  std::vector<std::uint32_t> line_of_;
};

}  // namespace orrery::comm
