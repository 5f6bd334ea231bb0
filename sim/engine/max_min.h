// Max-min fair sharing of links by flows.
//
// A flow f has a level y_f with 0 <= y_f <= b_f (its bound: the level at which nothing but itself holds it back) and
// weighs a_fl > 0 on each of its links l. A link is full at 1:
//
//     sum over flows f on l of a_fl * y_f  <=  1        for every link l.
//
// Levels are max-min fair if none can be raised without lowering one that is no higher. They are unique, and found
// by progressive filling: raise all levels together; a flow stops at its bound, and all flows of a link stop when
// it is full; go on with the rest. (Bertsekas and Gallager, Data Networks, 1992, §6.5.2; as in SimGrid's lmm, but
// weights belong to the pair of flow and link.)
//
// Example. Links X, Y; flows A on X, B on X and Y, C on Y; all weights 1 and bounds 1, but b_C = 1/4.
//   All rise to 1/4: C stops at its bound. A and B rise on: X is full at 1/2 + 1/2. So y = (1/2, 1/2, 1/4); Y is
//   left a quarter empty, since B can't use it. Without A, B would rise to 3/4, where Y is full.
//
// A change re-solves only the connected component of flows and links that it touches: nothing else can change,
// since filling never looks across components. Cost: (links + flows) a round, rounds <= distinct levels, in the
// component; no allocation after reset().
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace orrery::engine {

struct Share {
  std::uint32_t link = 0;
  double weight = 0;
  bool operator==(const Share&) const = default;
};

// Thread-compatible. Flows and links are numbered from 0; which links a flow uses is fixed by reset(), which of the
// flows are present changes.
class MaxMin {
 public:
  // Flow f uses shares [first_share[f], first_share[f + 1]), each link at most once. Both outlive the solver's use.
  void reset(std::uint32_t links, std::span<const std::uint32_t> first_share, std::span<const Share> shares);

  void add(std::uint32_t flow, double bound);   // bound > 0
  void remove(std::uint32_t flow);

  // Solves the components changed since the last call and returns the flows in them. A level that is within one
  // part in 10^12 of the bound is the bound, so that a link filled exactly to 1 slows nobody by rounding.
  std::span<const std::uint32_t> solve();
  double level(std::uint32_t flow) const { return level_[flow]; }

 private:
  struct User { std::uint32_t flow, share; };
  void touch(std::uint32_t flow);
  void explore(std::uint32_t link);
  void fill();
  double rise(double level);
  void stop(std::uint32_t flow, double level);
  std::span<const Share> shares(std::uint32_t flow) const {
    return shares_.subspan(first_share_[flow], first_share_[flow + 1] - first_share_[flow]);
  }

  std::span<const std::uint32_t> first_share_;
  std::span<const Share> shares_;
  std::vector<std::uint32_t> position_;         // by share: of its flow among the users of its link
  std::vector<User> users_;                     // by link, the present ones first
  std::vector<std::uint32_t> first_user_, present_;  // by link
  std::vector<double> bound_, level_;           // by flow
  std::vector<std::uint8_t> open_;              // by flow: still rising
  std::vector<double> used_, rising_;           // by link: by stopped flows; weights of rising ones
  std::vector<std::uint32_t> rising_flows_;     // by link: how many
  std::vector<std::uint32_t> link_seen_, flow_seen_;  // the solve that visited it
  std::uint32_t stamp_ = 0;
  std::vector<std::uint32_t> touched_, links_, by_bound_, solved_;
};

}  // namespace orrery::engine
