#include "sim/report/critical.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "sim/cost/price.h"
#include "sim/report/rank_view.h"

namespace orrery {
namespace {

class Walk {
 public:
  Walk(const Program& p, const Timeline& t) : p_(p), t_(t), by_class_(p.classes.size()) {}

  CriticalPath run() {
    for (std::uint32_t c = 0; c < by_class_.size(); ++c) by_class_[c].cost_class = c;
    if (p_.size() > 0) back_from_the_last();
    for (const CriticalClass& c : by_class_)
      if (c.count > 0) out_.classes.push_back(c);
    std::stable_sort(out_.classes.begin(), out_.classes.end(),
                     [](const CriticalClass& a, const CriticalClass& b) { return a.time > b.time; });
    return std::move(out_);
  }

 private:
  const RankView& view(std::uint32_t team, std::uint32_t player) {
    const auto [at, fresh] = views_.try_emplace({team, player}, nullptr);
    if (fresh) at->second = std::make_unique<RankView>(p_, t_, team, player);
    return *at->second;
  }

  // The team and player of an instruction.
  std::pair<std::uint32_t, std::uint32_t> owner(std::uint32_t id) const {
    const auto after = std::upper_bound(p_.calls.begin(), p_.calls.end() - 1, id,
                                        [](std::uint32_t v, const Call& c) { return v < c.first_id; });
    const Call& call = *(after - 1);
    std::uint32_t offset = id - call.first_id;
    for (std::uint32_t r = 0;; ++r) {
      const std::uint32_t team = p_.call_teams[call.first_team + p_.rows[p_.blocks[call.block].first_row + r].slot];
      const auto n = static_cast<std::uint32_t>(p_.teams[team].players.size());
      if (offset < n) return {team, offset};
      offset -= n;
    }
  }

  void back_from_the_last() {
    auto id = static_cast<std::uint32_t>(std::max_element(t_.end.begin(), t_.end.end()) - t_.end.begin());
    auto [team, player] = owner(id);
    while (true) {
      const RankView* rank = &view(team, player);
      RankView::Item item = rank->items()[rank->find(id)];
      const RankView::Begin begin = rank->begin(item);
      CriticalClass& c = by_class_[item.cost_class];
      ++c.count;
      c.time += rank->end(item) - begin.at;
      if (begin.id != id) {
        rank = &view(begin.team, begin.player);
        item = rank->items()[rank->find(begin.id)];
        team = begin.team;
        player = begin.player;
      }
      const std::uint32_t before = rank->last_before(item);
      const Tick ended = before == RankView::none ? Tick{} : rank->end(rank->items()[before]);
      out_.host += rank->start(item) - ended;
      if (before == RankView::none) return;
      id = rank->items()[before].id;
    }
  }

  const Program& p_;
  const Timeline& t_;
  std::vector<CriticalClass> by_class_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::unique_ptr<RankView>> views_;
  CriticalPath out_;
};

}  // namespace

CriticalPath critical_path(const Program& p, const Timeline& t) { return Walk(p, t).run(); }

EvidenceShares evidence_shares(const CriticalPath& path, const Subject& s) {
  EvidenceShares shares{};
  double total = to_seconds(path.host).v;
  shares[static_cast<std::size_t>(Evidence::calibrated)] = total;
  for (const CriticalClass& c : path.classes) {
    const double t = to_seconds(c.time).v;
    shares[static_cast<std::size_t>(evidence(s.program.classes[c.cost_class], s.calibration))] += t;
    total += t;
  }
  for (double& share : shares) share = total > 0 ? share / total : 0;
  return shares;
}

}  // namespace orrery
