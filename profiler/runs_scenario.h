// From a run's declared row to what the simulator takes: model, cluster, training and plan, and the
// calibration of its software stack; or the reason why it can't be simulated. The rules that read a source's
// own words
// ("ZeRO-1", "selective (core attention)", "1F1B-I", "TP overlap off") are here; what a framework does
// without saying so is in the table of stacks.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "profiler/runs.h"
#include "profiler/runs_stacks.h"
#include "sim/cluster/cluster.h"
#include "sim/model/model.h"
#include "sim/plan/plan.h"

namespace orrery {

struct RunScenario {
  Model model;
  Cluster cluster;
  Training training;
  Plan plan;
  std::string stack, calibration;
  bool network_assumed = false;  // the source prints none: the standard one of the node
};

struct MappedRun {
  std::optional<RunScenario> scenario;
  std::string reason;  // if there is no scenario
};

// The cluster preset called `name`, of one node.
using FindCluster = std::function<Cluster(std::string_view name)>;

// Never fails on a row; `find` may, on a preset that the table names and nobody has.
MappedRun map_run(const MeasuredRun&, const Stacks&, const FindCluster& find);

}  // namespace orrery
