// The collectives of a step, priced as the simulator does and as NCCL's own tuning model would choose.
#pragma once
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/cost/collective.h"
#include "sim/cost/nccl.h"
#include "sim/report/report.h"
#include "tools/table.h"

namespace orrery {

// One of the Program's kinds, sizes and groups; NCCL has a model of each.
struct CollectiveRow {
  CostClass cost_class;
  TransferTime priced;
  Evidence evidence = Evidence::assumed;  // the weakest behind the price
  NcclTopology topology;
  NcclChoice chosen;
};

// In order of the Program's classes. Messages, exchanges and all-to-alls are left out: NCCL has no model of
// them.
std::vector<CollectiveRow> collective_rows(const Subject&, const NcclTables&);

Table collective_table(const std::vector<CollectiveRow>&, std::string_view version);
// An object of `nccl` (the tables' version) and `collectives`.
Json to_json(const std::vector<CollectiveRow>&, std::string_view version);

}  // namespace orrery
