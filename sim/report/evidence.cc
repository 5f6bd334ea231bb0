#include "sim/report/evidence.h"

#include "sim/cost/price.h"
#include "sim/report/breakdown.h"
#include "sim/report/format.h"

namespace orrery {

EvidenceShares evidence_shares(const CriticalPath& path, const Program& p, const Calibration& calibration) {
  EvidenceShares shares{};
  const auto add = [&](Evidence e, Tick t) { shares[static_cast<std::size_t>(e)] += to_seconds(t).v; };
  for (std::size_t c = 0; c < path.time.size(); ++c)
    if (path.time[c].v > 0) add(evidence(p.classes[c], calibration), path.time[c]);
  add(Evidence::calibrated, path.issue);
  add(Evidence::measured, path.wait);
  double total = 0;
  for (const double share : shares) total += share;
  for (double& share : shares) share = total > 0 ? share / total : 0;
  return shares;
}

Evidence dominant(const EvidenceShares& shares) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < shares.size(); ++i)
    if (shares[i] >= shares[best] && shares[i] > 0) best = i;
  return static_cast<Evidence>(best);
}

std::string evidence_text(const EvidenceShares& shares) {
  std::vector<Tick> parts;
  for (const double s : shares) parts.push_back({static_cast<std::int64_t>(s * 1e9 + 0.5)});
  const std::vector<int> t = tenths_of_percent(parts);
  std::string out;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (t[i] == 0) continue;
    if (!out.empty()) out += ", ";
    out += std::string(name(static_cast<Evidence>(i))) + " " + report::tenths(t[i]);
  }
  return out;
}

}  // namespace orrery
