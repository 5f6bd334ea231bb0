// Transfers over links that can be full, in a step under constant prices, and whether any link is over-full
// while they last. Internal to the engine.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/engine/shared_input.h"
#include "sim/program/program.h"

namespace orrery::engine {

struct Transfer {
  std::int64_t begin, flow, end;  // flow: when it begins to use links
  std::uint32_t cost_class, path;
};

// Collects the transfers of meetings. The rows of one meeting a group are added, then closed.
class Transfers {
 public:
  Transfers(std::span<const Price> prices, const SharedInput& input) : prices_(prices), input_(input) {}

  // `end(player)`: when the row ends on that player of the team, in ticks.
  template <class End>
  void add(const Row& row, const Team& team, End&& end) {
    const Team::InRole& in = team.roles[static_cast<std::size_t>(row.role)];
    if (meetings_.size() < in.meetings) meetings_.resize(in.meetings);
    for (std::size_t i = 0; i < in.meeting.size(); ++i) {
      Meeting& m = meetings_[in.meeting[i]];
      const std::uint32_t cost_class = row.cost_class + in.variant[i];
      const std::int64_t price = prices_[cost_class].total().v, dearest = prices_[m.cost_class].total().v;
      if (m.end < 0 || price > dearest || (price == dearest && cost_class < m.cost_class))
        m = {cost_class, input_.path_of(in.group[i], row.kind), end(i)};
    }
  }
  void close() {
    for (const Meeting& m : meetings_) {
      const Price& price = prices_[m.cost_class];
      if (m.end < 0 || m.path == SharedInput::no_path || price.flow.v == 0) continue;
      out_.push_back({m.end - price.total().v, m.end - price.flow.v, m.end, m.cost_class, m.path});
    }
    meetings_.clear();
  }
  std::vector<Transfer> take() { return std::move(out_); }

 private:
  struct Meeting {
    std::uint32_t cost_class = 0, path = SharedInput::no_path;
    std::int64_t end = -1;
  };
  std::span<const Price> prices_;
  const SharedInput& input_;
  std::vector<Meeting> meetings_;
  std::vector<Transfer> out_;
};

bool overfull(const SharedInput&, const std::vector<Transfer>&);

}  // namespace orrery::engine
