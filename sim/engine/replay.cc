#include "sim/engine/replay.h"

#include "sim/base/error.h"
#include "sim/base/huge_pages.h"
#include "sim/engine/rigid.h"

namespace orrery {
namespace engine {

namespace {

// Whether a `host` instruction waits for another, in its block or outside.
bool host_waits(const Program& p) {
  std::vector<bool> holds(p.blocks.size(), false);
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    for (std::uint32_t r = p.blocks[b].first_row; r < p.blocks[b].first_row + p.blocks[b].rows; ++r) {
      if (p.rows[r].kind != Kind::host) continue;
      if (p.rows[r].first_wait != p.rows[r + 1].first_wait) return true;
      holds[b] = true;
    }
  }
  for (std::size_t c = 0; c < p.call_count(); ++c)
    if (holds[p.calls[c].block] && p.calls[c].first_wait != p.calls[c + 1].first_wait) return true;
  return false;
}

}  // namespace

bool host_matters(const Program& p, std::span<const Price> prices) {
  for (const Price& price : prices)
    if (price.launch.v > 0) return true;
  bool any = false;
  for (std::size_t c = 0; c < p.classes.size(); ++c) {
    if (p.classes[c].kind != Kind::host) continue;
    if (prices[c].total().v > 0) return true;
    any = true;
  }
  return any && host_waits(p);
}

void prepare(const Program& p, std::span<const Price> prices, Workspace& w) {
  ORRERY_CHECK(prices.size() == p.classes.size());
  w.price.clear();
  w.launch.clear();
  for (const Price& price : prices) {
    w.price.push_back(price.total().v);
    w.launch.push_back(price.launch.v);
  }
  w.first_player.clear();
  w.variant.assign(p.teams.size() * role_stride, 0);
  std::uint32_t players = 0;
  for (std::size_t t = 0; t < p.teams.size(); ++t) {
    w.first_player.push_back(players);
    players += static_cast<std::uint32_t>(p.teams[t].players.size());
    for (std::size_t role = 0; role < role_count; ++role)
      if (const Team::InRole& in = p.teams[t].roles[role]; !in.variant.empty())
        w.variant[t * role_stride + role] = in.variant[0];
  }
  w.first_player.push_back(players);
  w.stream_end.assign(std::size_t{players} * stream_count, 0);
  w.host_end.assign(players, 0);
}

Tick last_end(const Workspace& w) {
  std::int64_t last = 0;
  for (const std::int64_t end : w.stream_end) last = std::max(last, end);
  return {last};
}

namespace {

template <bool Host>
void replay_calls(const Program& p, Workspace& w, Timeline& out, std::uint32_t rigid_from) {
  RigidPlay<Host> play(p, w, rigid_from);
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const std::uint32_t id = p.calls[c].first_id;
    play.call(c, out.start.data() + id, out.end.data() + id, [&](const OutsideWait& o) {
      return out.end.data() + row_id(p, w, p.calls[o.call], o.awaited);
    });
  }
}

}  // namespace
}  // namespace engine

Tick replay(const Program& p, std::span<const Price> prices, Workspace& w, Timeline& out,
            std::uint32_t rigid_from) {
  engine::prepare(p, prices, w);
  resize_on_huge_pages(out.start, p.size());
  resize_on_huge_pages(out.end, p.size());
  if (engine::host_matters(p, prices)) engine::replay_calls<true>(p, w, out, rigid_from);
  else engine::replay_calls<false>(p, w, out, rigid_from);
  return engine::last_end(w);
}

}  // namespace orrery
