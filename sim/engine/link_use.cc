#include "sim/engine/link_use.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "sim/cluster/groups.h"
#include "sim/engine/shared_input.h"

namespace orrery::engine {
namespace {

Pattern pattern(Kind kind) {
  switch (kind) {
    case Kind::all_reduce:
      return Pattern::all_reduce;
    case Kind::reduce_scatter:
      return Pattern::reduce_scatter;
    case Kind::all_gather:
      return Pattern::all_gather;
    case Kind::all_to_all:
      return Pattern::all_to_all;
    case Kind::broadcast:
      return Pattern::broadcast;
    case Kind::exchange:
      return Pattern::ring_exchange;
    default:
      return Pattern::message;
  }
}

struct OnLink {
  std::uint32_t link, path, copy;
  double bytes;
};

class Finder {
 public:
  Finder(const Program& p, const Cluster& cluster, const Topology& topology)
      : p_(p), cluster_(cluster), topology_(topology) {
    for (const std::uint32_t copies : p.teams.empty() ? std::vector<std::uint32_t>{} : p.teams[0].copies)
      out_.stage_ranks += copies;
  }

  LinkUse run() {
    find_paths();
    for (std::uint32_t path = 0; path < out_.paths.size(); ++path) load(path);
    make_columns();
    place_copies();
    return std::move(out_);
  }

 private:
  // Which groups communicate how, and by which classes. Each block and team once.
  void find_paths() {
    classes_.resize(p_.groups.size() * SharedInput::kinds);
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
        if (is_meeting(p_.rows[r].kind)) add_row(p_.rows[r], p_.team(call, p_.rows[r].slot));
    }
    for (std::uint32_t i = 0; i < classes_.size(); ++i)
      if (!classes_[i].empty())
        out_.paths.push_back({i / SharedInput::kinds, i % SharedInput::kinds, std::move(classes_[i]), {}, 0});
  }

  // A message is its sender's.
  void add_row(const Row& row, const Team& team) {
    const Kind kind = row.kind == Kind::receive ? Kind::send : row.kind;
    const auto k = static_cast<std::size_t>(kind) - static_cast<std::size_t>(Kind::all_reduce);
    const Team::InRole& in = team.roles[static_cast<std::size_t>(row.role)];
    for (std::size_t i = 0; i < in.group.size(); ++i) {
      std::vector<std::uint32_t>& known = classes_[std::size_t{in.group[i]} * SharedInput::kinds + k];
      const std::uint32_t mine = row.cost_class + in.variant[i];
      if (std::find(known.begin(), known.end(), mine) == known.end()) known.push_back(mine);
    }
  }

  void load(std::uint32_t path) {
    LinkUse::Path& of = out_.paths[path];
    const Group& group = p_.groups[of.group];
    const Pattern how = pattern(static_cast<Kind>(of.kind + static_cast<std::uint32_t>(Kind::all_reduce)));
    for (const LinkLoad& l : topology_.loads(group.members, how)) {
      on_links_.push_back({l.link.i, path, 0, l.bytes_per_byte});
      const std::uint32_t rate = topology_.rate_of()[l.link.i];
      const auto known = std::find_if(of.peaks.begin(), of.peaks.end(),
                                      [&](const LinkUse::Peak& p) { return p.rate == rate; });
      if (known == of.peaks.end())
        of.peaks.push_back({rate, l.bytes_per_byte});
      else
        known->bytes = std::max(known->bytes, l.bytes_per_byte);
    }
    if (group.copies > 1) load_copies(group, how, path);
  }

  // The groups that a folded group stands for are shifts of it within its stage, where ranks are numbered
  // regularly: those of equal signature, as many as there are. A group of stride s and n members has one of
  // each s ranks and s n further on.
  void load_copies(const Group& group, Pattern how, std::uint32_t path) {
    const std::uint32_t first = group.members.front().i, base = first / out_.stage_ranks * out_.stage_ranks;
    const auto n = static_cast<std::uint32_t>(group.members.size());
    const std::int64_t step = n > 1 ? std::int64_t{group.members[1].i} - first : 1;
    const auto stride = static_cast<std::uint32_t>(step < 0 ? -step : step);
    std::uint32_t copy = 0;
    std::vector<RankId> shifted(n);
    for (std::uint32_t k = 0; copy + 1 < group.copies; ++k) {
      const std::uint32_t at = base + k / stride * stride * n + k % stride;
      if (at >= base + out_.stage_ranks) break;
      if (at == first) continue;
      for (std::uint32_t m = 0; m < n; ++m) shifted[m] = {group.members[m].i + at - first};
      if (!(signature(cluster_, shifted) == group.signature)) continue;
      ++copy;
      for (const LinkLoad& l : topology_.loads(shifted, how))
        on_links_.push_back({l.link.i, path, copy, l.bytes_per_byte});
    }
  }

  void make_columns() {
    std::sort(on_links_.begin(), on_links_.end(), [](const OnLink& a, const OnLink& b) {
      return std::tie(a.link, a.path, a.copy) < std::tie(b.link, b.path, b.copy);
    });
    using Key = std::pair<std::uint32_t, std::vector<std::pair<std::uint32_t, double>>>;
    std::map<Key, std::uint32_t> known;
    column_of_.assign(topology_.links().size(), 0);
    for (std::size_t i = 0; i < on_links_.size();) {
      const std::uint32_t link = on_links_[i].link;
      Key key{topology_.rate_of()[link], {}};
      for (; i < on_links_.size() && on_links_[i].link == link; ++i)
        key.second.push_back({on_links_[i].path, on_links_[i].bytes});
      const auto [at, fresh] = known.emplace(std::move(key), static_cast<std::uint32_t>(out_.columns.size()));
      column_of_[link] = at->second;
      if (!fresh) continue;
      out_.columns.push_back({at->first.first, static_cast<std::uint32_t>(out_.loads.size())});
      for (const auto& [path, bytes] : at->first.second) out_.loads.push_back({path, bytes});
    }
    out_.columns.push_back({0, static_cast<std::uint32_t>(out_.loads.size())});
  }

  void place_copies() {
    std::vector<LinkUse::Placed> all;
    for (const OnLink& l : on_links_) all.push_back({l.path, l.copy, column_of_[l.link], l.bytes});
    std::sort(all.begin(), all.end(), [](const LinkUse::Placed& a, const LinkUse::Placed& b) {
      return std::tie(a.path, a.copy, a.column, a.bytes) < std::tie(b.path, b.copy, b.column, b.bytes);
    });
    for (auto at = all.begin(); at != all.end();) {
      LinkUse::Path& path = out_.paths[at->path];
      const std::uint32_t index = at->path;
      std::set<std::vector<std::pair<std::uint32_t, double>>> different;  // by columns and bytes
      std::uint32_t found = 0;
      while (at != all.end() && at->path == index) {
        const auto first = at;
        std::vector<std::pair<std::uint32_t, double>> copy;
        for (; at != all.end() && at->path == index && at->copy == first->copy; ++at)
          copy.push_back({at->column, at->bytes});
        ++found;
        if (different.insert(std::move(copy)).second) out_.placed.insert(out_.placed.end(), first, at);
      }
      path.copies = found == p_.groups[path.group].copies ? static_cast<std::uint32_t>(different.size())
                                                          : LinkUse::unknown;
    }
  }

  const Program& p_;
  const Cluster& cluster_;
  const Topology& topology_;
  std::vector<std::vector<std::uint32_t>> classes_;  // by group and kind
  std::vector<OnLink> on_links_;
  std::vector<std::uint32_t> column_of_;  // by link that is loaded
  LinkUse out_;
};

}  // namespace

LinkUse link_use(const Program& p, const Cluster& cluster, const Topology& topology) {
  return Finder(p, cluster, topology).run();
}

}  // namespace orrery::engine
