#include "sim/cost/nccl_tables.h"

#include <charconv>

namespace orrery {
namespace {

// v2.28.9.
constexpr NcclTables v2_28{
    .version = "2.28",
    .form = {},
    .base = {{6.8, 14.0, 8.4}, {6.6, 14.0, 8.4}},
    .nvlink = {{0.6, 1.25, 4.0}, {0.6, 1.9, 3.4}},
    .pci = {{1.0, 1.9, 4.0}, {1.0, 2.5, 5.7}},
    .net = {{5.0, 8.5, 14.0}, {2.7, 4.0, 14.0}},
    .nvls_near = 25.0,
    .nvls_far = 18.0,
    .nvls_tree_far = 20.9,
    .pat_base = 8.0,
    .pat_far = 14.0,
    .pat_rank = 2.8,
    .pat_log_divisor = 3.5,
    .ll_max = {{39.0, 39.0, 20.4}, {87.7, 22.5, 19.0}, {141.0, 45.0, 35.0}, {282.0, 90.0, 70.0}},
    .ring_ll128 = {{20.0, 20.0, 20.0}, {20.0, 20.0, 20.0}, {36.7, 36.7, 36.7}, {73.4, 34.6, 73.4}},
    .tree_channel = {{26.5, 18.5, 10.0}, {24.0, 23.6, 17.8}, {38.7, 41.4, 36.0}, {70.0, 42.8, 24.0}},
    .tree_ll128 = {{20.0, 20.0, 20.0}, {20.0, 20.0, 20.0}, {36.7, 36.7, 29.0}, {55.6, 31.67, 20.0}},
    .nvls_tree_channel = {{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.0, 57.7, 45.5}, {0.0, 96.0, 43.8}},
    .nvls_efficiency = {0.0, 0.0, 0.85, 0.74},
    .tree_correction = {{1.0, 1.0, 1.0, 1.0, 0.9, 0.8, 0.7, 0.7, 0.7, 0.7, 0.6, 0.5,
                         0.4, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0},
                        {1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.8, 0.8, 0.8, 0.7, 0.6, 0.6,
                         0.6, 0.6, 0.6, 0.6, 0.8, 0.9, 0.9, 0.9, 0.9, 1.0, 1.0, 1.0},
                        {0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5,
                         0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.7, 0.7, 0.8, 0.9, 0.9, 0.9}}};

constexpr std::size_t hopper = 2, blackwell = 3;

constexpr NcclTables of_2_30() {
  NcclTables t = v2_28;
  t.version = "2.30";
  t.form.nvls_tree_corrected = true;
  for (double& v : t.ring_ll128[blackwell]) v = 40.0;
  t.nvls_tree_channel[blackwell][2] = 80.0;
  return t;
}

// The form that 2.28 replaced: trees' rates on Blackwell twice those of Hopper, multicast by the graph's
// rates alone.
constexpr NcclTables of_2_27() {
  NcclTables t = v2_28;
  t.version = "2.27";
  t.form.multicast = NcclMulticast::gathers;
  t.nvls_tree_far = 14.0;
  for (std::size_t n = 0; n < 3; ++n) {
    t.ring_ll128[blackwell][n] = 2 * t.ring_ll128[hopper][n];
    t.tree_channel[blackwell][n] = 2 * t.tree_channel[hopper][n];
    t.tree_ll128[blackwell][n] = 2 * t.tree_ll128[hopper][n];
  }
  return t;
}

// v2.21.5: before Blackwell and PAT. Hopper's LL is Ampere's, a tree's Simple waits for whole chunks.
constexpr NcclTables of_2_21() {
  NcclTables t = of_2_27();
  t.version = "2.21";
  t.form = {.ring_ll_gather = 1.0 / 3.0,
            .ring_ll = 0.25,
            .ring_ll128_lone = 0.7,
            .ring_counts_a_node_more = true,
            .lone_as_tree = false,
            .pat = false,
            .multicast = NcclMulticast::least,
            .newest = NcclArchitecture::hopper};
  t.base[0][2] = 0.0;
  t.nvlink[0][2] = t.pci[0][2] = t.net[0][2] = 28.0;
  t.nvls_near = 23.0;
  for (std::size_t n = 0; n < 3; ++n) t.ll_max[hopper][n] = t.ll_max[1][n];
  return t;
}

// v2.18.3.
constexpr NcclTables of_2_18() {
  NcclTables t = of_2_21();
  t.version = "2.18";
  t.form.multicast = NcclMulticast::graph;
  t.form.nvls_tree_linear = true;
  t.nvlink[0][2] = 4.0;
  t.pci[0][2] = 6.0;
  t.net[0][2] = 14.0;
  t.nvls_tree_far = 19.0;
  return t;
}

constexpr NcclTables versions[] = {of_2_18(), of_2_21(), of_2_27(), v2_28, of_2_30()};

}  // namespace

std::optional<std::array<int, 2>> nccl_version(std::string_view text) {
  std::array<int, 2> out{};
  const char *at = text.data(), *const end = at + text.size();
  for (std::size_t i = 0; i < 3 && (i < 2 || at != end); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    int number = 0;
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || number < 0) return std::nullopt;
    if (i < 2) out[i] = number;
    at = after;
  }
  if (at != end) return std::nullopt;
  return out;
}

std::span<const NcclTables> nccl_tables() { return versions; }

const NcclTables& nccl_tables(std::string_view version) {
  const auto asked = nccl_version(version);
  const NcclTables* best = &versions[0];
  for (const NcclTables& t : versions)
    if (asked && nccl_version(t.version) <= asked) best = &t;
  return *best;
}

}  // namespace orrery
