#include "sim/program/fold.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "sim/base/hash.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = ~0u;

std::uint64_t hash(const GroupSignature& s) {
  std::uint64_t h = 0;
  for (std::uint32_t v : {s.size, s.nodes, s.per_node, s.node_group, s.pods, s.stride}) h = mix(h ^ v);
  return h;
}

// The pairs of roles whose rows one group joins: the two ends of a message.
Role other_end(Role role) {
  return role == Role::to_next ? Role::from_previous : role == Role::to_previous ? Role::from_next : role;
}

}  // namespace

void Folding::run(const Cluster& cluster, const Plan& plan, bool fold, bool embedding_group, Program& program,
                  ClassTable& classes) {
  list_groups(cluster, plan, embedding_group);
  if (fold) refine(cluster, plan);
  make_teams(plan, fold, program);
  place(program, classes, fold);
}

void Folding::add_group(const Cluster& cluster, Role role, Role other) {
  const auto index = static_cast<std::uint32_t>(groups_.size());
  const auto first = static_cast<std::uint32_t>(members_.size());
  members_.insert(members_.end(), list_.begin(), list_.end());
  groups_.push_back({role, first, static_cast<std::uint32_t>(list_.size()), signature(cluster, list_), 0});
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const Role end = i == 0 ? role : other;
    membership_[static_cast<std::size_t>(end) * ranks_ + list_[i].i] = index;
  }
}

void Folding::list_groups(const Cluster& cluster, const Plan& plan, bool embedding_group) {
  const auto tp = static_cast<std::uint32_t>(plan.tp), pp = static_cast<std::uint32_t>(plan.pp);
  stage_ranks_ = tp * static_cast<std::uint32_t>(plan.cp * plan.dp);
  ranks_ = stage_ranks_ * pp;
  groups_.clear();
  members_.clear();
  membership_.assign(std::size_t{role_count} * ranks_, none);
  for (std::uint32_t stage = 0; stage < pp; ++stage) {
    const std::uint32_t base = stage * stage_ranks_;
    for (std::uint32_t first = 0; tp > 1 && first < stage_ranks_; first += tp) {
      list_.clear();
      for (std::uint32_t t = 0; t < tp; ++t) list_.push_back({base + first + t});
      add_group(cluster, Role::tensor, Role::tensor);
    }
    const std::uint32_t ring = tp * static_cast<std::uint32_t>(plan.cp);
    for (std::uint32_t first = 0; plan.cp > 1 && first < stage_ranks_;
         first += first % ring + 1 == tp ? ring - tp + 1 : 1) {
      list_.clear();
      for (std::uint32_t c = 0; c < ring; c += tp) list_.push_back({base + first + c});
      add_group(cluster, Role::context, Role::context);
    }
    for (std::uint32_t t = 0; stage_ranks_ > tp && t < tp; ++t) {
      list_.clear();
      for (std::uint32_t r = t; r < stage_ranks_; r += tp) list_.push_back({base + r});
      add_group(cluster, Role::data, Role::data);
    }
    if (pp == 1) continue;
    const bool last = stage + 1 == pp;
    if (last && plan.virtual_stages == 1) continue;
    const std::uint32_t next = last ? 0 : base + stage_ranks_;
    for (std::uint32_t r = 0; r < stage_ranks_; ++r) {
      list_ = {{base + r}, {next + r}};
      add_group(cluster, Role::to_next, Role::from_previous);
      list_ = {{next + r}, {base + r}};
      add_group(cluster, Role::to_previous, Role::from_next);
    }
  }
  for (std::uint32_t r = 0; embedding_group && r < stage_ranks_; ++r) {
    list_ = {{r}, {(pp - 1) * stage_ranks_ + r}};
    add_group(cluster, Role::embedding, Role::embedding);
  }
  if (ranks_ > 1) {
    list_.clear();
    for (std::uint32_t r = 0; r < ranks_; ++r) list_.push_back({r});
    add_group(cluster, Role::world, Role::world);
  }
}

// Colours are hashes; a round maps equal neighbourhoods to equal colours, and the number of colours only
// grows.
void Folding::refine(const Cluster& cluster, const Plan&) {
  color_.resize(ranks_);
  next_.resize(ranks_);
  for (std::uint32_t r = 0; r < ranks_; ++r)
    color_[r] = mix(r / stage_ranks_ + (std::uint64_t{seat(cluster, {r}).group} << 32));
  std::vector<std::uint64_t> signatures(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g)
    signatures[g] = mix(hash(groups_[g].signature) ^ static_cast<std::uint64_t>(groups_[g].role));
  std::unordered_set<std::uint64_t> distinct(color_.begin(), color_.end());
  for (std::size_t colors = 0; colors != distinct.size();) {
    colors = distinct.size();
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      Group& group = groups_[g];
      std::uint64_t sum = 0;  // of a multiset: order does not matter but for the ends of a message
      for (std::uint32_t m = 0; m < group.members; ++m) {
        const std::uint64_t c = color_[members_[group.first_member + m].i];
        sum += mix(other_end(group.role) != group.role ? c + m : c);
      }
      group.color = mix(signatures[g] ^ sum);
    }
    for (std::uint32_t r = 0; r < ranks_; ++r) {
      std::uint64_t h = color_[r];
      for (std::size_t role = 0; role < role_count; ++role) {
        const std::uint32_t g = membership_[role * ranks_ + r];
        if (g != none) h = mix(h ^ groups_[g].color ^ role << 56);
      }
      next_[r] = h;
    }
    color_.swap(next_);
    distinct.clear();
    distinct.insert(color_.begin(), color_.end());
  }
}

void Folding::make_teams(const Plan& plan, bool fold, Program& program) {
  program.teams.resize(static_cast<std::size_t>(plan.pp));
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  for (std::uint32_t stage = 0; stage < program.teams.size(); ++stage) {
    Team& team = program.teams[stage];
    team.players.clear();
    team.copies.clear();
    team.player_of.clear();
    seen.clear();
    for (std::uint32_t r = stage * stage_ranks_; r < (stage + 1) * stage_ranks_; ++r) {
      const auto [at, fresh] =
          seen.try_emplace(fold ? color_[r] : r, static_cast<std::uint32_t>(team.players.size()));
      if (fresh) {
        team.players.push_back({r});
        team.copies.push_back(1);
      } else {
        ++team.copies[at->second];
      }
      team.player_of.push_back(at->second);
    }
  }
}

// Which group, meeting and class variant each player has in each role.
void Folding::place(Program& program, ClassTable& classes, bool fold) {
  program.groups.clear();
  std::unordered_map<std::uint64_t, std::uint32_t>
      ids;  // colour (folded) or index of a group -> Program's group
  std::unordered_map<std::uint64_t, std::uint32_t> copies;
  if (fold)
    for (const Group& g : groups_) ++copies[g.color];
  struct Numbered {
    std::uint32_t round = 0, meeting = 0;
  };
  std::vector<Numbered> meeting_of;  // by Program's group: its meeting, if numbered this round
  std::uint32_t round = 0;
  for (std::size_t role = 0; role < role_count; ++role) {
    const auto r = static_cast<Role>(role);
    const bool joint = r == Role::world || r == Role::embedding;
    std::uint32_t meetings = 0;
    ++round;
    Team::InRole* last_of_role = nullptr;
    for (Team& team : program.teams) {
      Team::InRole& in = team.roles[role];
      in = {};
      if (r == Role::self || group_of(r, team.players.front().i) == none) continue;
      // The receiving end of a message meets in the order of the sending end's players, which is the order of
      // their groups: a pair of stages has one group a pair of players.
      if (!joint) {
        meetings = 0;
        ++round;
      }
      for (RankId player : team.players) {
        const std::uint32_t g = group_of(r, player.i);
        const auto key = fold ? groups_[g].color : std::uint64_t{g};
        const auto [at, fresh] = ids.try_emplace(key, static_cast<std::uint32_t>(program.groups.size()));
        if (fresh) {
          const Group& group = groups_[g];
          orrery::Group out{group.role, group.signature, {}, fold ? copies[key] : 1};
          out.members.assign(members_.begin() + group.first_member,
                             members_.begin() + group.first_member + group.members);
          program.groups.push_back(std::move(out));
          meeting_of.emplace_back();
        }
        Numbered& numbered = meeting_of[at->second];
        if (numbered.round != round) numbered = {round, meetings++};
        auto& signatures = classes.signatures(r);
        auto variant = std::find(signatures.begin(), signatures.end(), groups_[g].signature);
        if (variant == signatures.end()) variant = signatures.insert(signatures.end(), groups_[g].signature);
        in.variant.push_back(static_cast<std::uint32_t>(variant - signatures.begin()));
        in.group.push_back(at->second);
        in.meeting.push_back(numbered.meeting);
      }
      in.meetings = meetings;
      in.closes.assign(team.players.size(), 1);
      for (std::size_t p = 0; p < in.group.size(); ++p)
        for (std::size_t q = p + 1; q < in.group.size() && in.closes[p]; ++q)
          in.closes[p] = in.group[q] != in.group[p];
      if (joint && last_of_role) std::fill(last_of_role->closes.begin(), last_of_role->closes.end(), 0);
      if (joint) last_of_role = &in;
    }
    if (joint)
      for (Team& team : program.teams)
        if (!team.roles[role].group.empty()) team.roles[role].meetings = meetings;
  }
}

}  // namespace orrery
