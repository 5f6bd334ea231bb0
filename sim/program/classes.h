// The cost classes of a Program while it is built: equal work is one class. A communication gets one class
// for each signature that groups of its role have in this Program, at consecutive ids, since one row serves
// players whose groups differ; a player's variant (Team::InRole) picks among them.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "sim/program/program.h"

namespace orrery {

class ClassTable {
 public:
  explicit ClassTable(std::vector<CostClass>& classes) : classes_(classes) {}
  void clear();

  // The signatures of a role's groups, in order of variant; the two ends of messages share theirs.
  std::vector<GroupSignature>& signatures(Role role) { return signatures_[slot(role)]; }

  std::uint32_t compute(const Op& op, std::uint32_t device);
  std::uint32_t local(Kind kind, Bytes bytes, std::uint32_t device);  // copy and host
  std::uint32_t communicate(Kind kind, Role role, Bytes bytes, DType dtype, bool pipelined);

 private:
  static std::size_t slot(Role role);
  std::uint32_t intern(const CostClass& key, std::uint64_t hash, std::size_t count, Role role);
  void grow();

  std::vector<CostClass>& classes_;
  std::array<std::vector<GroupSignature>, role_count> signatures_;
  std::vector<std::uint32_t> table_;   // open addressing: class + 1, 0 is free
  std::vector<std::uint64_t> hashes_;  // by class
  std::size_t keys_ = 0;
};

}  // namespace orrery
