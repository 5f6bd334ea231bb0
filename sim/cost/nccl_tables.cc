#include "sim/cost/nccl_tables.h"

#include <iterator>

namespace orrery {
namespace {

constexpr NcclTables v2_28{
    .version = "2.28",
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

constexpr NcclTables with_blackwell_of_2_30() {
  NcclTables t = v2_28;
  t.version = "2.30";
  for (double& v : t.ring_ll128[3]) v = 40.0;
  t.nvls_tree_channel[3][2] = 80.0;
  return t;
}

constexpr NcclTables versions[] = {v2_28, with_blackwell_of_2_30()};

}  // namespace

const NcclTables& nccl_tables(std::string_view version) {
  const NcclTables* best = &versions[0];
  for (const NcclTables& t : versions)
    if (t.version <= version) best = &t;
  return *best;
}

}  // namespace orrery
