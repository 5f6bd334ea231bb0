#include "sim/cluster/read.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "sim/scenario.h"
#include "sim/search.h"

namespace orrery {

Json write_scenario(const Scenario& s) {
  Json j = Json::object();
  j.set("schema", Library::schema(Library::Kind::scenario)).set("name", s.name);
  j.set("model", write_model(s.model)).set("cluster", write_cluster(s.cluster));
  j.set("train", write_training(s.training));
  if (s.plan) j.set("plan", write_plan(*s.plan));
  if (s.search != Search()) j.set("search", write_search(s.search));
  if (s.objective != Objective()) j.set("objective", write_objective(s.objective));
  return j.set("calibration", s.calibration).set("seed", static_cast<std::int64_t>(s.seed));
}

}  // namespace orrery
