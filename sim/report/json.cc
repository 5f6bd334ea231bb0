#include "sim/report/json.h"

#include <algorithm>

#include "sim/report/metrics.h"

namespace orrery {
namespace {

Json metric(const Quantified& q) {
  Json out = Json::object();
  out.set("value", q.value).set("unit", q.unit).set("low", q.low).set("high", q.high);
  return out.set("evidence", name(q.evidence));
}

// Puts `value` at the path that the dots of `name` mean.
void put(Json& object, std::string_view name, Json value) {
  const std::size_t dot = name.find('.');
  const std::string key(name.substr(0, dot));
  if (dot == std::string_view::npos) {
    object.set(key, std::move(value));
    return;
  }
  std::vector<Json::Member>& members = object.members();
  auto at =
      std::find_if(members.rbegin(), members.rend(), [&](const Json::Member& m) { return m.first == key; });
  if (at == members.rend()) {
    members.emplace_back(key, Json::object());
    at = members.rbegin();
  }
  put(at->second, name.substr(dot + 1), std::move(value));
}

Json subject(const Report& r) {
  Json out = Json::object();
  out.set("model", r.model).set("cluster", r.cluster).set("device", r.device).set("plan", r.plan);
  out.set("calibration", r.calibration).set("ranks", r.ranks).set("nodes", r.nodes);
  out.set("sequence", r.sequence).set("global_batch", r.global_batch).set("micro_batches", r.micro_batches);
  out.set("peak_flops", r.peak.v).set("peak_precision", name(r.peak_of));
  return out;
}

Json evidence(const EvidenceShares& shares) {
  Json out = Json::object();
  for (std::size_t i = 0; i < shares.size(); ++i)
    out.set(std::string(name(static_cast<Evidence>(i))), shares[i]);
  return out;
}

Json stage(const Report& r, std::size_t s, Json values) {
  Json out = Json::object();
  out.set("stage", s).set("rank", std::int64_t{r.stages[s].rank.i}).set("ranks", r.stages[s].ranks);
  out.set("layers", r.stages[s].layers);
  for (Json::Member& m : values.members()) out.set(m.first, std::move(m.second));
  return out;
}

}  // namespace

Json to_json(const Report& r) {
  Json flat = Json::object();
  for (const Quantified& q : metrics(r)) put(flat, q.name, metric(q));

  Json out = Json::object();
  out.set("schema", "orrery.result/1").set("version", r.origin.version).set("scenario", r.origin.scenario);
  out.set("seed", static_cast<std::int64_t>(r.origin.seed)).set("replay", r.origin.replay);
  Json inputs = Json::array();
  for (const auto& [file, digest] : r.origin.inputs)
    inputs.push(Json::object({{"file", file}, {"digest", digest}}));
  out.set("inputs", std::move(inputs)).set("subject", subject(r)).set("fits", r.fits());
  out.set("critical_stage", r.critical).set("evidence", evidence(r.evidence));
  if (r.error_runs > 0) out.set("held_out", Json::object({{"runs", r.error_runs}, {"error", r.error}}));
  Json stages = Json::array();
  for (Json::Member& m : flat.members()) {
    if (m.first != "stages") {
      out.set(m.first, std::move(m.second));
      continue;
    }
    for (std::size_t s = 0; s < m.second.members().size(); ++s)
      stages.push(stage(r, s, std::move(m.second.members()[s].second)));
  }
  return out.set("stages", std::move(stages));
}

}  // namespace orrery
