// The critical path of a Timeline, walked backward from the instruction that ends last: before it, the member of its
// meeting that came last; before that, what its rank waited for. Its parts and gaps cover the makespan. Ties go to
// the same rank and the larger id, so that the path is one of several where several are critical.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/report/report.h"

namespace orrery {

// What one cost class has of the critical path.
struct CriticalClass {
  std::uint32_t cost_class = 0;
  std::uint32_t count = 0;              // instructions
  Tick time{};
  bool operator==(const CriticalClass&) const = default;
};

struct CriticalPath {
  std::vector<CriticalClass> classes;   // largest first, ties by class
  Tick host{};                          // issue order: explained by no instruction
  bool operator==(const CriticalPath&) const = default;
};
CriticalPath critical_path(const Program&, const Timeline&);

// Shares of the path by the evidence of its classes' prices; gaps are the host's and calibrated.
EvidenceShares evidence_shares(const CriticalPath&, const Subject&);

}  // namespace orrery
