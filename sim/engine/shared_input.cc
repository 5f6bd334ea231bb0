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

Pattern pattern(Kind kind) {
  switch (kind) {
    case Kind::all_reduce: return Pattern::all_reduce;
    case Kind::reduce_scatter: return Pattern::reduce_scatter;
    case Kind::all_gather: return Pattern::all_gather;
    case Kind::all_to_all: return Pattern::all_to_all;
    case Kind::broadcast: return Pattern::broadcast;
    case Kind::exchange: return Pattern::ring_exchange;
    default: return Pattern::message;
  }
}

// The load of one copy of a path on a link: seconds of the link a byte of the buffer.
struct Load {
  std::uint32_t link, path, copy;
  double seconds;
};

class Builder {
 public:
  Builder(const Program& p, std::span<const Price> prices, const Cluster& cluster, const Topology& topology)
      : p_(p), prices_(prices), cluster_(cluster), topology_(topology) {
    for (const std::uint32_t copies : p.teams.empty() ? std::vector<std::uint32_t>{} : p.teams[0].copies)
      stage_ranks_ += copies;
  }

  SharedInput run(std::span<const double> slowdown) {
    out_.slowdown.assign(slowdown.begin(), slowdown.end());
    set_demands();
    find_paths();
    std::sort(loads_.begin(), loads_.end(), [](const Load& a, const Load& b) {
      return std::tie(a.link, a.path, a.copy) < std::tie(b.link, b.path, b.copy);
    });
    keep_links();
    compare_copies();
    link_cores();
    for (std::size_t i = 0; i < paths_.size() && !core_links_.empty(); ++i) share_cores(paths_[i], peaks_[i]);
    number_paths();
    for (std::size_t t = 0; t < p_.teams.size() && !core_links_.empty(); ++t) add_computing(p_.teams[t]);
    return std::move(out_);
  }

 private:
  struct Path {
    std::uint32_t group, kind;
    double greatest = 0;                  // bytes of the buffer a second, of any class that uses it
    std::vector<engine::Share> shares;
  };

  void set_demands() {
    for (std::size_t c = 0; c < p_.classes.size(); ++c) {
      const double seconds = to_seconds(prices_[c].flow).v;
      out_.demand.push_back(is_meeting(p_.classes[c].kind) && seconds > 0
                                ? static_cast<double>(p_.classes[c].bytes.v) / seconds : 0);
    }
  }

  // Which groups communicate how, and at what rate at most. Each block and team once.
  void find_paths() {
    out_.path.assign(p_.groups.size() * SharedInput::kinds, SharedInput::no_path);
    std::vector<double> greatest(out_.path.size(), 0);
    std::vector<std::uint8_t> seen(p_.blocks.size() * p_.teams.size(), 0);
    for (std::size_t c = 0; c < p_.call_count(); ++c) {
      const Call& call = p_.calls[c];
      const Block& block = p_.blocks[call.block];
      if (block.slots == 1) {
        std::uint8_t& known = seen[call.block * p_.teams.size() + p_.call_teams[call.first_team]];
        if (known) continue;
        known = 1;
      }
      for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r)
        if (is_meeting(p_.rows[r].kind)) add_row(p_.rows[r], p_.team(call, p_.rows[r].slot), greatest);
    }
    for (std::uint32_t g = 0; g < p_.groups.size(); ++g)
      for (std::uint32_t k = 0; k < SharedInput::kinds; ++k)
        if (greatest[g * SharedInput::kinds + k] > 0) add_path(g, k, greatest[g * SharedInput::kinds + k]);
  }

  static Kind kind_of(std::uint32_t kind) { return static_cast<Kind>(kind + static_cast<std::uint32_t>(Kind::all_reduce)); }
  // A message is its sender's.
  static std::size_t index(std::uint32_t group, Kind kind) {
    const Kind k = kind == Kind::receive ? Kind::send : kind;
    return std::size_t{group} * SharedInput::kinds + static_cast<std::size_t>(k) - static_cast<std::size_t>(Kind::all_reduce);
  }

  void add_row(const Row& row, const Team& team, std::vector<double>& greatest) const {
    const Team::InRole& in = team.roles[static_cast<std::size_t>(row.role)];
    for (std::size_t i = 0; i < in.group.size(); ++i) {
      double& most = greatest[index(in.group[i], row.kind)];
      most = std::max(most, out_.demand[row.cost_class + in.variant[i]]);
    }
  }

  void add_path(std::uint32_t g, std::uint32_t kind, double greatest) {
    const Group& group = p_.groups[g];
    const Pattern how = pattern(kind_of(kind));
    const auto path = static_cast<std::uint32_t>(paths_.size());
    paths_.push_back({g, kind, greatest, {}});
    out_.path[g * SharedInput::kinds + kind] = path;
    double peak = 0;
    add_loads(topology_.loads(group.members, how), path, 0, &peak);
    peaks_.push_back(peak);
    if (group.copies > 1) add_copies(group, how, path);
  }

  void add_loads(const std::vector<LinkLoad>& loads, std::uint32_t path, std::uint32_t copy, double* peak) {
    for (const LinkLoad& load : loads) {
      const double seconds = load.bytes_per_byte / topology_.links()[load.link.i].capacity.v;
      loads_.push_back({load.link.i, path, copy, seconds});
      if (peak) *peak = std::max(*peak, seconds);
    }
  }

  // The groups that a folded group stands for are shifts of it within its stage, where ranks are numbered regularly:
  // those of equal signature, as many as there are. A group of stride s and n members has one of each s ranks and
  // s n further on.
  void add_copies(const Group& group, Pattern how, std::uint32_t path) {
    const std::uint32_t first = group.members.front().i, base = first / stage_ranks_ * stage_ranks_;
    const auto n = static_cast<std::uint32_t>(group.members.size());
    const std::int64_t step = n > 1 ? std::int64_t{group.members[1].i} - first : 1;
    const auto stride = static_cast<std::uint32_t>(step < 0 ? -step : step);
    std::uint32_t copy = 0;
    std::vector<RankId> shifted(n);
    for (std::uint32_t k = 0; copy + 1 < group.copies; ++k) {
      const std::uint32_t at = base + k / stride * stride * n + k % stride;
      if (at >= base + stage_ranks_) break;
      if (at == first) continue;
      for (std::uint32_t m = 0; m < n; ++m) shifted[m] = {group.members[m].i + at - first};
      if (!(signature(cluster_, shifted) == group.signature)) continue;
      add_loads(topology_.loads(shifted, how), path, ++copy, nullptr);
    }
  }

  // One pass over the loads, link by link: sums what a path's copies put on it, and keeps it if it can be full.
  void keep_links() {
    struct Column { std::vector<engine::Share> uses; std::uint32_t link; };  // of a kept link; Share::link: the path
    std::vector<Column> columns;
    std::vector<engine::Share> uses;
    for (std::size_t i = 0; i < loads_.size();) {
      const std::uint32_t link = loads_[i].link;
      double capacity = 1;               // in parts of the link's
      uses.clear();
      for (; i < loads_.size() && loads_[i].link == link; ++i) {
        if (uses.empty() || uses.back().link != loads_[i].path) uses.push_back({loads_[i].path, 0});
        uses.back().weight += loads_[i].seconds;
        capacity = std::max(capacity, loads_[i].seconds * paths_[loads_[i].path].greatest);
      }
      if (greatest_sum(uses) <= capacity * (1 + rounding)) continue;
      for (engine::Share& s : uses) s.weight /= peaks_[s.link] * capacity;
      columns.push_back({uses, link});
    }
    const auto before = [](const engine::Share& a, const engine::Share& b) {
      return std::tie(a.link, a.weight) < std::tie(b.link, b.weight);
    };
    std::sort(columns.begin(), columns.end(), [&](const Column& a, const Column& b) {
      return std::lexicographical_compare(a.uses.begin(), a.uses.end(), b.uses.begin(), b.uses.end(), before);
    });
    kept_.assign(topology_.links().size(), none);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool fresh = i == 0 || columns[i].uses != columns[i - 1].uses;
      if (fresh)
        for (const engine::Share& s : columns[i].uses) paths_[s.link].shares.push_back({out_.links, s.weight});
      out_.links += fresh;
      kept_[columns[i].link] = out_.links - 1;
    }
  }

  // Whether every copy of a path puts the same on the same kinds of links as the first.
  void compare_copies() {
    for (Load& load : loads_) load.link = kept_[load.link];
    std::sort(loads_.begin(), loads_.end(), [](const Load& a, const Load& b) {
      return std::tie(a.path, a.copy, a.link, a.seconds) < std::tie(b.path, b.copy, b.link, b.seconds);
    });
    const auto next = [&](std::size_t i) {  // load of a kept link
      while (i < loads_.size() && loads_[i].link == none) ++i;
      return i;
    };
    for (std::size_t i = next(0); i < loads_.size() && out_.alike;) {
      const std::size_t first = i;
      const auto same_copy = [&](std::size_t a, std::size_t b) {
        return b < loads_.size() && loads_[a].path == loads_[b].path && loads_[a].copy == loads_[b].copy;
      };
      const std::uint32_t path = loads_[first].path;
      std::uint32_t copies = 0;
      for (; i < loads_.size() && loads_[i].path == path && out_.alike; ++copies) {
        std::size_t mine = i, model = first;
        for (; same_copy(i, mine) && same_copy(first, model); mine = next(mine + 1), model = next(model + 1))
          out_.alike &= loads_[mine].link == loads_[model].link && loads_[mine].seconds == loads_[model].seconds;
        out_.alike &= !same_copy(i, mine) && !same_copy(first, model);
        i = mine;
      }
      out_.alike &= copies == p_.groups[paths_[path].group].copies;
    }
  }

  // At most what all groups take at once: of a group's paths, one at a time. A group's paths are adjacent.
  double greatest_sum(const std::vector<engine::Share>& column) const {
    double sum = 0;
    for (std::size_t i = 0; i < column.size();) {
      double most = 0;
      const std::uint32_t group = paths_[column[i].link].group;
      for (; i < column.size() && paths_[column[i].link].group == group; ++i)
        most = std::max(most, column[i].weight * paths_[column[i].link].greatest);
      sum += most;
    }
    return sum;
  }

  // Paths with a link left get their numbers; a message has one for both ends.
  void number_paths() {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const Path& path = paths_[i];
      std::uint32_t& number = out_.path[path.group * SharedInput::kinds + path.kind];
      if (path.shares.empty()) {
        number = SharedInput::no_path;
        continue;
      }
      number = static_cast<std::uint32_t>(out_.peak.size());
      if (kind_of(path.kind) == Kind::send)
        (&number)[static_cast<std::size_t>(Kind::receive) - static_cast<std::size_t>(Kind::send)] = number;
      out_.peak.push_back(peaks_[i]);
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
  void share_cores(Path& path, double peak) const {
    const Group& group = p_.groups[path.group];
    const double level = path.greatest * peak;
    const double members = pattern(kind_of(path.kind)) == Pattern::message ? 0.5 : 1;
    std::vector<engine::Share> shares;
    for (const RankId member : group.members) add(shares, core_of(member.i), members * group.copies / level);
    path.shares.insert(path.shares.end(), shares.begin(), shares.end());
  }

  void add_computing(const Team& team) {
    const std::uint32_t base = team.players.front().i / stage_ranks_ * stage_ranks_;
    std::vector<std::vector<engine::Share>> shares(team.players.size());
    for (std::uint32_t r = 0; r < stage_ranks_; ++r) add(shares[team.player_of[r]], core_of(base + r), 1);
    for (const std::vector<engine::Share>& mine : shares) {
      out_.alike &= std::all_of(mine.begin(), mine.end(), [&](const engine::Share& s) { return s.weight == mine[0].weight; });
      out_.compute_path.push_back(mine.empty() ? SharedInput::no_path : static_cast<std::uint32_t>(out_.peak.size()));
      if (mine.empty()) continue;
      out_.peak.push_back(1);
      out_.shares.insert(out_.shares.end(), mine.begin(), mine.end());
      out_.first_share.push_back(static_cast<std::uint32_t>(out_.shares.size()));
    }
  }

  const Program& p_;
  std::span<const Price> prices_;
  const Cluster& cluster_;
  const Topology& topology_;
  std::uint32_t stage_ranks_ = 0;
  std::vector<Path> paths_;
  std::vector<double> peaks_;                          // by path, of one group
  std::vector<Load> loads_;
  std::vector<std::uint32_t> kept_;                    // by link of the topology: its number, or none
  std::vector<std::uint32_t> core_links_;              // by node: of its cores, or none; empty where all are none
  SharedInput out_;
};

}  // namespace

bool SharedInput::empty() const {
  return shares.empty() && std::all_of(slowdown.begin(), slowdown.end(), [](double s) { return s == 1; });
}

SharedInput shared_input(const Program& p, std::span<const Price> prices, const Cluster& cluster, const Topology& topology,
                         std::span<const double> slowdown) {
  ORRERY_CHECK(prices.size() == p.classes.size() && slowdown.size() == p.classes.size());
  return Builder(p, prices, cluster, topology).run(slowdown);
}

}  // namespace orrery
