#include "tools/collectives.h"

#include <algorithm>
#include <cstdio>

#include "sim/base/units.h"
#include "sim/cost/nccl_tables.h"
#include "sim/cost/price.h"

namespace orrery {
namespace {

bool has_model(Kind k) {
  return k == Kind::all_reduce || k == Kind::all_gather || k == Kind::reduce_scatter || k == Kind::broadcast;
}

bool same_transfer(const CostClass& a, const CostClass& b) {
  return a.kind == b.kind && a.role == b.role && a.bytes == b.bytes && a.group == b.group;
}

std::string pair_of(const NcclChoice& c) {
  return std::string(name(c.algorithm)) + "/" + std::string(name(c.protocol));
}

std::string percent_over(Seconds ours, Seconds theirs) {
  char out[32];
  std::snprintf(out, sizeof out, "%+.1f %%", (ours.v / theirs.v - 1) * 100);
  return out;
}

std::string members(const GroupSignature& g) {
  return std::to_string(g.nodes) + " x " + std::to_string(g.per_node);
}

}  // namespace

std::vector<CollectiveRow> collective_rows(const Subject& s, const NcclTables& tables) {
  std::vector<CollectiveRow> rows;
  for (const CostClass& k : s.program.classes) {
    if (!has_model(k.kind) || k.group.size <= 1) continue;
    const auto same = [&](const CollectiveRow& r) { return same_transfer(r.cost_class, k); };
    if (std::any_of(rows.begin(), rows.end(), same)) continue;
    const Node& node = s.cluster.groups[k.group.node_group].node;
    const NcclTopology topology = nccl_topology(node, k.group);
    rows.push_back({k, transfer_time(k.kind, k.bytes, k.group, s.calibration, node),
                    evidence(k, s.calibration), topology, nccl_choice(topology, k.kind, k.bytes, tables)});
  }
  return rows;
}

Table collective_table(const std::vector<CollectiveRow>& rows, std::string_view version) {
  Table table({"group", "collective", ">nodes x ranks", ">buffer", ">priced", "evidence",
               "NCCL " + std::string(version), ">time", ">priced against it"});
  for (const CollectiveRow& r : rows) {
    const CostClass& k = r.cost_class;
    table.row({std::string(name(k.role)), std::string(name(k.kind)), members(k.group), text(k.bytes),
               text(r.priced.total()), std::string(name(r.evidence)), pair_of(r.chosen),
               text(r.chosen.time()), percent_over(r.priced.total(), r.chosen.time())});
  }
  return table;
}

Json to_json(const std::vector<CollectiveRow>& rows, std::string_view version) {
  Json list = Json::array();
  for (const CollectiveRow& r : rows) {
    const CostClass& k = r.cost_class;
    Json nccl = Json::object();
    nccl.set("algorithm", std::string(name(r.chosen.algorithm)))
        .set("protocol", std::string(name(r.chosen.protocol)))
        .set("latency", r.chosen.latency.v)
        .set("transfer", r.chosen.transfer.v);
    Json row = Json::object();
    row.set("group", std::string(name(k.role)))
        .set("collective", std::string(name(k.kind)))
        .set("nodes", static_cast<std::int64_t>(k.group.nodes))
        .set("ranks_a_node", static_cast<std::int64_t>(k.group.per_node))
        .set("bytes", k.bytes.v)
        .set("priced", r.priced.total().v)
        .set("evidence", std::string(name(r.evidence)))
        .set("nccl", std::move(nccl));
    list.push(std::move(row));
  }
  Json out = Json::object();
  return out.set("nccl", std::string(version)).set("collectives", std::move(list));
}

}  // namespace orrery
