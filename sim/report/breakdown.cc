#include "sim/report/breakdown.h"

#include <algorithm>
#include <numeric>

namespace orrery {
namespace {

bool is_update(const Op& op) {
  return op.pass == Pass::update || op.name == OpName::gradient_norm || op.name == OpName::clip ||
         op.name == OpName::optimizer || op.name == OpName::gradient_cast;
}

Category of_role(Role role) {
  switch (role) {
    case Role::tensor:
      return Category::tensor;
    case Role::context:
      return Category::context;
    case Role::expert:
      return Category::expert;
    case Role::to_next:
    case Role::from_previous:
    case Role::to_previous:
    case Role::from_next:
      return Category::pipeline;
    default:
      return Category::data;  // gradients and their norm: data, embedding, world
  }
}

// Splits the idle time of the compute stream of one rank.
class Idle {
 public:
  Idle(const Program& p, const RankView& view, Breakdown& out) : p_(p), view_(view), out_(out) {}

  // Explains [from, to): `item` could not start before `to`.
  void explain(Tick from, Tick to, std::uint32_t item) {
    Tick at = to;
    while (at > from) {
      const std::uint32_t before = view_.last_before(view_.items()[item]);
      const Tick ended = before == RankView::none ? Tick{} : view_.end(view_.items()[before]);
      give(Category::host, std::max(ended, from), at);
      at = std::max(std::min(ended, at), from);
      if (at > from) at = through(from, at, before);
      item = before;
    }
  }

  // Explains [from, to) by `item` itself, which ended at `to`, and what it waited for.
  void explain_through(Tick from, Tick to, std::uint32_t item) {
    explain(from, through(from, to, item), item);
  }

 private:
  // Explains the part of [from, at) in which `item` was on its stream; returns where that begins.
  Tick through(Tick from, Tick at, std::uint32_t item) {
    const RankView::Item& i = view_.items()[item];
    const Tick begin = std::min(std::max(view_.begin(i), from), at),
               start = std::min(std::max(view_.start(i), from), at);
    give(category(p_.classes[i.cost_class]), begin, at);
    give(Category::bubble, start, begin);
    return start;
  }
  void give(Category c, Tick from, Tick to) {
    if (to > from) out_[c] += to - from;
  }

  const Program& p_;
  const RankView& view_;
  Breakdown& out_;
};

}  // namespace

std::string_view name(Category c) {
  constexpr std::array<std::string_view, category_count> names{"matmul",
                                                               "attention",
                                                               "elementwise/norm",
                                                               "exposed tensor comm",
                                                               "exposed context comm",
                                                               "exposed expert comm",
                                                               "exposed data comm",
                                                               "exposed pipeline comm",
                                                               "bubble",
                                                               "optimizer",
                                                               "host and copies",
                                                               "stragglers at scale"};
  return names[static_cast<std::size_t>(c)];
}

std::string_view key(Category c) {
  constexpr std::array<std::string_view, category_count> keys{
      "matmul",          "attention",      "elementwise",  "exposed_tensor",
      "exposed_context", "exposed_expert", "exposed_data", "exposed_pipeline",
      "bubble",          "optimizer",      "host",         "stragglers"};
  return keys[static_cast<std::size_t>(c)];
}

Category category(const CostClass& c) {
  if (c.kind == Kind::host || c.kind == Kind::copy) return Category::host;
  if (is_meeting(c.kind)) return of_role(c.role);
  if (is_update(c.op)) return Category::optimizer;
  const OpName op = c.op.name;
  if (c.op.kind == OpKind::attention || op == OpName::scores || op == OpName::softmax ||
      op == OpName::context)
    return Category::attention;
  return c.op.kind == OpKind::matmul ? Category::matmul : Category::elementwise;
}

Breakdown breakdown(const Program& p, const Timeline& t, Tick end, std::uint32_t team, std::uint32_t player) {
  return breakdown(RankView(p, t, team, player), end);
}

Breakdown breakdown(const RankView& view, Tick end) {
  const Program& p = view.program();
  Breakdown out;
  Idle idle(p, view, out);
  Tick free{};                          // where the compute stream's last instruction ended
  std::uint32_t last = RankView::none;  // the item that ends last of all
  for (std::uint32_t i = 0; i < view.items().size(); ++i) {
    const RankView::Item& item = view.items()[i];
    const Category c = category(p.classes[item.cost_class]);
    if (last == RankView::none || view.end(item) >= view.end(view.items()[last])) last = i;
    if (view.row(item).stream != Stream::compute) {
      if (is_meeting(view.row(item).kind))
        out.communication[static_cast<std::size_t>(c)] += view.end(item) - view.begin(item);
      continue;
    }
    idle.explain(free, view.start(item), i);
    const Tick spent = view.end(item) - view.start(item);
    out[c] += spent;
    out.busy += spent;
    if (view.row(item).pass == Pass::recompute) out.recompute += spent;
    free = view.end(item);
  }
  if (last != RankView::none && view.end(view.items()[last]) > free)
    idle.explain_through(free, view.end(view.items()[last]), last);
  const Tick done = last == RankView::none ? Tick{} : view.end(view.items()[last]);
  out[Category::bubble] += end - done;  // the other ranks are still at work
  return out;
}

std::uint32_t busiest_player(const Program& p, const Timeline& t, std::uint32_t team,
                             std::span<const std::uint32_t> calls) {
  std::vector<Tick> busy(p.teams[team].players.size());
  if (busy.size() == 1) return 0;
  for (const std::uint32_t c : calls) {
    const Block& block = p.blocks[p.calls[c].block];
    if (block.slots > 1) continue;  // meetings only
    std::uint32_t id = p.calls[c].first_id;
    for (std::uint32_t r = 0; r < block.rows; ++r, id += static_cast<std::uint32_t>(busy.size())) {
      if (p.rows[block.first_row + r].stream != Stream::compute) continue;
      for (std::uint32_t i = 0; i < busy.size(); ++i) busy[i] += t.end[id + i] - t.start[id + i];
    }
  }
  return static_cast<std::uint32_t>(std::max_element(busy.begin(), busy.end()) - busy.begin());
}

Tick makespan(const Timeline& t) {
  return t.end.empty() ? Tick{} : *std::max_element(t.end.begin(), t.end.end());
}

std::vector<int> tenths_of_percent(const std::vector<Tick>& parts) {
  std::vector<int> tenths(parts.size(), 0);
  const double total = static_cast<double>(std::accumulate(parts.begin(), parts.end(), Tick{}).v);
  if (total <= 0) return tenths;
  std::vector<double> rest(parts.size());
  int given = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double exact = 1000 * static_cast<double>(parts[i].v) / total;
    tenths[i] = static_cast<int>(exact);
    rest[i] = exact - tenths[i];
    given += tenths[i];
  }
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rest[a] > rest[b]; });
  for (std::size_t i = 0; given < 1000 && i < order.size(); ++i, ++given) ++tenths[order[i]];
  return tenths;
}

}  // namespace orrery
