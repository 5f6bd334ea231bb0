#include "sim/engine/lanes.h"

#include <bit>

#include "sim/base/error.h"
#include "sim/engine/lane_play.h"

namespace orrery {
namespace engine {
namespace {

using Run = void (*)(const Program&, LaneWorkspace&, std::uint32_t map_from);

template <bool Host>
void run_on_any(const Program& p, LaneWorkspace& w, std::uint32_t map_from) {
  LanePlay<Width<16>, Host>(p, w).run(map_from);
}

#if defined(__x86_64__)
template <bool Host>
[[gnu::target("avx2")]] void run_on_avx2(const Program& p, LaneWorkspace& w, std::uint32_t map_from) {
  LanePlay<Width<32>, Host>(p, w).run(map_from);
}
template <bool Host>
[[gnu::target("avx512f")]] void run_on_avx512(const Program& p, LaneWorkspace& w, std::uint32_t map_from) {
  LanePlay<Width<64>, Host>(p, w).run(map_from);
}
#endif

template <bool Host>
Run choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return run_on_avx512<Host>;
  if (__builtin_cpu_supports("avx2")) return run_on_avx2<Host>;
#endif
  return run_on_any<Host>;
}

void size_rings(const Program& p, std::vector<std::uint32_t>& size) {
  size.clear();
  for (const Block& block : p.blocks) {
    std::uint32_t longest = 0;
    for (std::uint32_t x = p.rows[block.first_row].first_wait;
         x < p.rows[block.first_row + block.rows].first_wait; ++x)
      longest = std::max(longest, p.waits[x]);
    size.push_back(std::bit_ceil(longest + 1));
  }
}

// Lanes without prices of their own get those of the first.
void spread(std::span<const std::vector<Price>> prices, LaneWorkspace& w) {
  const std::size_t classes = prices.front().size();
  w.price.resize(classes);
  w.launch.resize(classes);
  for (std::size_t l = 0; l < lane_count; ++l) {
    const std::vector<Price>& of_lane = prices[l < prices.size() ? l : 0];
    ORRERY_CHECK(of_lane.size() == classes);
    for (std::size_t k = 0; k < classes; ++k) {
      w.price[k].v[l] = of_lane[k].total().v;
      w.launch[k].v[l] = of_lane[k].launch.v;
    }
  }
}

}  // namespace
}  // namespace engine

void makespans(const Program& p, std::span<const std::vector<Price>> prices, LaneWorkspace& w,
               std::span<Tick> out, std::span<const std::uint32_t> observed, std::uint32_t map_from) {
  ORRERY_CHECK(!prices.empty() && prices.size() <= lane_count && prices.size() == out.size());
  engine::prepare(p, prices.front(), w.fixed);
  engine::find_edges(p, w.fixed, observed);
  engine::size_rings(p, w.ring_size);
  engine::spread(prices, w);
  w.stream_end.assign(w.fixed.stream_end.size(), Lanes{});
  w.host_end.assign(w.fixed.host_end.size(), Lanes{});
  const std::size_t exported = engine::place_exports(p, w.fixed);
  if (w.exported.size() < exported) w.exported.resize(exported);
  bool host = false;
  for (const std::vector<Price>& of_lane : prices) host = host || engine::host_matters(p, of_lane);
  (host ? engine::choose<true>() : engine::choose<false>())(p, w, map_from);
  for (std::size_t l = 0; l < out.size(); ++l) {
    out[l] = {};
    for (const Lanes& end : w.stream_end) out[l].v = std::max(out[l].v, end.v[l]);
  }
}

}  // namespace orrery
