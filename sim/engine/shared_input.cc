#include "sim/engine/shared_input.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "sim/base/error.h"
#include "sim/cluster/groups.h"

namespace orrery {
namespace {

constexpr double rounding = 1e-9;
constexpr std::uint32_t none = ~0u;

bool is_message(std::uint32_t kind) {
  return kind + static_cast<std::uint32_t>(Kind::all_reduce) == static_cast<std::uint32_t>(Kind::send);
}

class Builder {
 public:
  Builder(const engine::LinkUse& use, const Program& p, std::span<const Price> prices, const Cluster& cluster,
          const Topology& topology)
      : use_(use), p_(p), prices_(prices), cluster_(cluster) {
    for (const BytesPerSecond rate : topology.rates(cluster)) rates_.push_back(rate.v);
  }

  SharedInput run(std::span<const double> slowdown) {
    out_.slowdown.assign(slowdown.begin(), slowdown.end());
    set_demands();
    set_paths();
    keep_columns();
    compare_copies();
    link_cores();
    for (std::size_t i = 0; i < paths_.size() && !core_links_.empty(); ++i) share_cores(i);
    number_paths();
    for (std::size_t t = 0; t < p_.teams.size() && !core_links_.empty(); ++t) add_computing(p_.teams[t]);
    return std::move(out_);
  }

 private:
  struct Path {
    double greatest = 0;                  // bytes of the buffer a second, of any class that uses it; 0: none flows
    double peak = 0;                      // seconds of its busiest link a byte of the buffer, of one group
    std::vector<engine::Share> shares;
  };

  void set_demands() {
    for (std::size_t c = 0; c < p_.classes.size(); ++c) {
      const double seconds = to_seconds(prices_[c].flow).v;
      out_.demand.push_back(is_meeting(p_.classes[c].kind) && seconds > 0
                                ? static_cast<double>(p_.classes[c].bytes.v) / seconds : 0);
    }
  }

  void set_paths() {
    for (const engine::LinkUse::Path& path : use_.paths) {
      Path& mine = paths_.emplace_back();
      for (const std::uint32_t c : path.classes) mine.greatest = std::max(mine.greatest, out_.demand[c]);
      for (const engine::LinkUse::Peak& peak : path.peaks) mine.peak = std::max(mine.peak, peak.bytes / rates_[peak.rate]);
    }
  }

  // Sums what a path's copies put on a link, and keeps the link if it can be full.
  void keep_columns() {
    struct Kept { std::vector<engine::Share> uses; std::uint32_t column; };  // Share::link: the path
    std::vector<Kept> all;
    std::vector<engine::Share> uses;
    for (std::uint32_t c = 0; c + 1 < use_.columns.size(); ++c) {
      double capacity = 1;               // in parts of the link's
      uses.clear();
      for (std::uint32_t l = use_.columns[c].first_load; l < use_.columns[c + 1].first_load; ++l) {
        const auto& [path, bytes] = use_.loads[l];
        if (paths_[path].greatest == 0) continue;
        const double seconds = bytes / rates_[use_.columns[c].rate];
        if (uses.empty() || uses.back().link != path) uses.push_back({path, 0});
        uses.back().weight += seconds;
        capacity = std::max(capacity, seconds * paths_[path].greatest);
      }
      if (greatest_sum(uses) <= capacity * (1 + rounding)) continue;
      for (engine::Share& s : uses) s.weight /= paths_[s.link].peak * capacity;
      all.push_back({uses, c});
    }
    const auto before = [](const engine::Share& a, const engine::Share& b) {
      return std::tie(a.link, a.weight) < std::tie(b.link, b.weight);
    };
    std::sort(all.begin(), all.end(), [&](const Kept& a, const Kept& b) {
      return std::lexicographical_compare(a.uses.begin(), a.uses.end(), b.uses.begin(), b.uses.end(), before);
    });
    kept_.assign(use_.columns.size(), none);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool fresh = i == 0 || all[i].uses != all[i - 1].uses;
      if (fresh)
        for (const engine::Share& s : all[i].uses) paths_[s.link].shares.push_back({out_.links, s.weight});
      out_.links += fresh;
      kept_[all[i].column] = out_.links - 1;
    }
  }

  // Whether every copy of a path puts the same on the same kinds of links as the first.
  void compare_copies() {
    struct Load { std::uint32_t path, copy, link; double seconds; };
    std::vector<Load> loads;
    for (const engine::LinkUse::Placed& l : use_.placed)
      if (paths_[l.path].greatest > 0 && kept_[l.column] != none)
        loads.push_back({l.path, l.copy, kept_[l.column], l.bytes / rates_[use_.columns[l.column].rate]});
    std::sort(loads.begin(), loads.end(), [](const Load& a, const Load& b) {
      return std::tie(a.path, a.copy, a.link, a.seconds) < std::tie(b.path, b.copy, b.link, b.seconds);
    });
    for (std::size_t i = 0; i < loads.size() && out_.alike;) {
      const std::size_t first = i;
      const auto same_copy = [&](std::size_t a, std::size_t b) {
        return b < loads.size() && loads[a].path == loads[b].path && loads[a].copy == loads[b].copy;
      };
      const std::uint32_t path = loads[first].path;
      std::uint32_t copies = 0;
      for (; i < loads.size() && loads[i].path == path && out_.alike; ++copies) {
        std::size_t mine = i, model = first;
        for (; same_copy(i, mine) && same_copy(first, model); ++mine, ++model)
          out_.alike &= loads[mine].link == loads[model].link && loads[mine].seconds == loads[model].seconds;
        out_.alike &= !same_copy(i, mine) && !same_copy(first, model);
        i = mine;
      }
      out_.alike &= copies == use_.paths[path].copies;
    }
  }

  // At most what all groups take at once: of a group's paths, one at a time. A group's paths are adjacent.
  double greatest_sum(const std::vector<engine::Share>& column) const {
    double sum = 0;
    for (std::size_t i = 0; i < column.size();) {
      double most = 0;
      const std::uint32_t group = use_.paths[column[i].link].group;
      for (; i < column.size() && use_.paths[column[i].link].group == group; ++i)
        most = std::max(most, column[i].weight * paths_[column[i].link].greatest);
      sum += most;
    }
    return sum;
  }

  // Paths with a link left get their numbers; a message has one for both ends.
  void number_paths() {
    out_.path.assign(p_.groups.size() * SharedInput::kinds, SharedInput::no_path);
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const auto& [group, kind, classes, peaks, copies] = use_.paths[i];
      const Path& path = paths_[i];
      if (path.shares.empty()) continue;
      std::uint32_t& number = out_.path[group * SharedInput::kinds + kind];
      number = static_cast<std::uint32_t>(out_.peak.size());
      if (is_message(kind))
        (&number)[static_cast<std::size_t>(Kind::receive) - static_cast<std::size_t>(Kind::send)] = number;
      out_.peak.push_back(path.peak);
      out_.shares.insert(out_.shares.end(), path.shares.begin(), path.shares.end());
      out_.first_share.push_back(static_cast<std::uint32_t>(out_.shares.size()));
    }
  }

  // A link for each node that has fewer cores than its ranks take when all compute and communicate.
  void link_cores() {
    const std::uint32_t before = out_.links;
    for (const NodeGroup& g : cluster_.groups)
      for (int n = 0; n < g.nodes; ++n)
        core_links_.push_back(g.node.cores > 0 && g.node.gpus * 2 > g.node.cores ? out_.links++ : none);
    if (out_.links == before) core_links_.clear();
  }

  // What a rank that takes a core adds to the link of its node.
  engine::Share core_of(std::uint32_t rank) const {
    const Seat at = seat(cluster_, {rank});
    return {core_links_[at.node], 1.0 / cluster_.groups[at.group].node.cores};
  }
  static void add(std::vector<engine::Share>& to, engine::Share s, double factor) {
    if (s.link == none) return;
    if (to.empty() || to.back().link != s.link) to.push_back({s.link, 0});
    to.back().weight += s.weight * factor;
  }

  // Its members move the bytes of a communication: each takes a core at the greatest rate, of a message the receiver.
  // Between nodes the network does, at a rate that a part of a core keeps up with; what that costs compute is
  // slowdown_network.
  void share_cores(std::size_t i) {
    Path& path = paths_[i];
    if (path.greatest == 0) return;
    const Group& group = p_.groups[use_.paths[i].group];
    if (group.signature.nodes > 1) return;
    const double level = path.greatest * path.peak;
    const double members = is_message(use_.paths[i].kind) ? 0.5 : 1;
    std::vector<engine::Share> shares;
    for (const RankId member : group.members) add(shares, core_of(member.i), members * group.copies / level);
    path.shares.insert(path.shares.end(), shares.begin(), shares.end());
  }

  void add_computing(const Team& team) {
    const std::uint32_t base = team.players.front().i / use_.stage_ranks * use_.stage_ranks;
    std::vector<std::vector<engine::Share>> shares(team.players.size());
    for (std::uint32_t r = 0; r < use_.stage_ranks; ++r) add(shares[team.player_of[r]], core_of(base + r), 1);
    for (const std::vector<engine::Share>& mine : shares) {
      out_.alike &= std::all_of(mine.begin(), mine.end(), [&](const engine::Share& s) { return s.weight == mine[0].weight; });
      out_.compute_path.push_back(mine.empty() ? SharedInput::no_path : static_cast<std::uint32_t>(out_.peak.size()));
      if (mine.empty()) continue;
      out_.peak.push_back(1);
      out_.shares.insert(out_.shares.end(), mine.begin(), mine.end());
      out_.first_share.push_back(static_cast<std::uint32_t>(out_.shares.size()));
    }
  }

  const engine::LinkUse& use_;
  const Program& p_;
  std::span<const Price> prices_;
  const Cluster& cluster_;
  std::vector<double> rates_;                          // capacities in bytes a second, by rate of the topology
  std::vector<Path> paths_;                            // as use_.paths
  std::vector<std::uint32_t> kept_;                    // by column: its number, or none
  std::vector<std::uint32_t> core_links_;              // by node: of its cores, or none; empty where all are none
  SharedInput out_;
};

}  // namespace

bool SharedInput::empty() const {
  return shares.empty() && std::all_of(slowdown.begin(), slowdown.end(), [](double s) { return s == 1; });
}

SharedInput shared_input(const engine::LinkUse& use, const Program& p, std::span<const Price> prices,
                         const Cluster& cluster, const Topology& topology, std::span<const double> slowdown) {
  ORRERY_CHECK(prices.size() == p.classes.size() && slowdown.size() == p.classes.size());
  return Builder(use, p, prices, cluster, topology).run(slowdown);
}

SharedInput shared_input(const Program& p, std::span<const Price> prices, const Cluster& cluster, const Topology& topology,
                         std::span<const double> slowdown) {
  return shared_input(engine::link_use(p, cluster, topology), p, prices, cluster, topology, slowdown);
}

}  // namespace orrery
