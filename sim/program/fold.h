// Teams and groups of a Program, and symmetry folding. Ranks are alike if they have the same device and stage
// and, for every role, groups of the same signature with as many members of each rank class: the coarsest
// such partition, found by refining ranks and groups until nothing changes. A folded team holds the lowest
// rank of each class; a folded group stands for all alike. Complexity: (ranks + memberships) a round; two
// rounds when regular.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/cluster/cluster.h"
#include "sim/plan/plan.h"
#include "sim/program/classes.h"
#include "sim/program/program.h"

namespace orrery {

class Folding {
 public:
  // Fills program.teams and program.groups, and the signatures of `classes`.
  void run(const Cluster&, const Plan&, bool fold, bool embedding_group, Program& program,
           ClassTable& classes);

 private:
  struct Group {  // of all ranks
    Role role;
    std::uint32_t first_member, members;
    GroupSignature signature;
    std::uint64_t color;
  };
  void list_groups(const Cluster&, const Plan&, bool embedding_group);
  void add_group(const Cluster&, Role role, Role other_end);
  void refine(const Cluster&, const Plan&);
  void make_teams(const Plan&, bool fold, Program&);
  void place(Program&, ClassTable&, bool fold);
  std::uint32_t group_of(Role role, std::uint32_t rank) const {
    return membership_[static_cast<std::size_t>(role) * ranks_ + rank];
  }

  std::uint32_t ranks_ = 0, stage_ranks_ = 0;
  std::vector<Group> groups_;
  std::vector<RankId> members_;
  std::vector<RankId> list_;                 // members of the group being added
  std::vector<std::uint32_t> membership_;    // by role and rank: its group, or none
  std::vector<std::uint64_t> color_, next_;  // by rank
};

}  // namespace orrery
