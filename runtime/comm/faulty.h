// A Channel on which things go wrong, for tests: at the n-th message that is sent one fault happens, and
// messages may be held for a random number of turns, so that a seed is an interleaving. The lanes of a pair
// stay in order.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "runtime/comm/channel.h"

namespace orrery::comm {

enum class Fault : std::uint8_t {
  none,
  cut,       // nothing is sent any more to the peer of this message
  stall,     // the channel moves nothing any more
  truncate,  // the message arrives one element short
  kill       // the process is killed
};

struct FaultPlan {
  Fault fault = Fault::none;
  std::uint64_t at_message = 0;
  std::uint32_t longest_hold = 0;  // turns
  std::uint64_t seed = 0;
};

class Faulty final : public ChannelDecorator {
 public:
  Faulty(std::unique_ptr<Channel>, FaultPlan);

  void send(const Outgoing&) override;
  bool progress() override;

 private:
  struct Held {
    Outgoing message;
    std::uint64_t turn = 0;  // when it is sent on
  };
  void send_on(Outgoing);

  const FaultPlan plan_;
  std::mt19937_64 random_;
  std::uint64_t turn_ = 0, sent_ = 0;
  bool stalled_ = false;
  std::optional<std::uint32_t> cut_;
  std::deque<Held> held_;
};

}  // namespace orrery::comm
