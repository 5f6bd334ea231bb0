// Which links the communications of a Program use, under given prices, and how much they slow compute: what shared
// replay knows of a cluster.
//
// A *path* is what a group uses for one kind of communication. With B bytes in the buffer, c the bytes that a link
// carries for each of them (Topology::loads), C its capacity and T the flow price, the communication takes
// u = B c / (T C) of the link at full rate; alike groups of a folded Program run together and count together.
//
// A price is what a communication takes alone, so a link carries at least what one group puts on it at its price. Links
// that can never be full are left out (a group has one communication at a time, so the sum over groups of their
// greatest u is a bound), and links that are used alike are one. On most clusters little is left, and where nothing
// is, nothing is ever shared.
//
// The cores of a node are a link too, where its ranks compute and communicate on them (Node::cores): a compute
// instruction takes one core at full rate, and so does each member of a communication inside a node while bytes flow
// at the greatest rate.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/cluster/topology.h"
#include "sim/cost/prices.h"
#include "sim/engine/link_use.h"
#include "sim/engine/max_min.h"
#include "sim/program/program.h"

namespace orrery {

struct SharedInput {
  static constexpr std::uint32_t kinds = 9;            // all_reduce ... receive
  static constexpr std::uint32_t no_path = ~0u;
  std::vector<std::uint32_t> path;                     // by group and kind: the path, or no_path
  std::vector<std::uint32_t> first_share = {0};        // by path, into shares; and one more
  std::vector<engine::Share> shares;                   // weight: load of all copies over `peak`
  std::vector<double> peak;                            // by path: seconds of its busiest link a byte of the buffer
  std::vector<double> demand;                          // by class: bytes of the buffer a second at full rate
  std::vector<double> slowdown;                        // by class: of its rank's compute beside it, >= 1
  std::vector<std::uint32_t> compute_path;             // by player; empty where all have cores of their own
  std::uint32_t links = 0;
  // Whether all groups that a folded group stands for load alike links. If not, one flow for all of them takes the
  // worst link of any: shared replay is then approximate, and exact on the unfolded Program.
  bool alike = true;

  std::uint32_t path_of(std::uint32_t group, Kind kind) const {
    const std::size_t i = std::size_t{group} * kinds + static_cast<std::size_t>(kind) - static_cast<std::size_t>(Kind::all_reduce);
    return i < path.size() ? path[i] : no_path;
  }
  std::uint32_t compute_path_of(std::uint32_t player) const {
    return compute_path.empty() ? no_path : compute_path[player];
  }
  // Whether anything can be shared or slowed at all.
  bool empty() const;
  bool operator==(const SharedInput&) const = default;
};

// Of `use`, which is of the Program and of a topology with the wiring of this one: the same result, soon.
SharedInput shared_input(const engine::LinkUse& use, const Program&, std::span<const Price>, const Cluster&,
                         const Topology&, std::span<const double> slowdown);

// `slowdown`: by class, the factor on the duration of compute that runs beside this communication (1 for the others).
SharedInput shared_input(const Program&, std::span<const Price>, const Cluster&, const Topology&,
                         std::span<const double> slowdown);

}  // namespace orrery
