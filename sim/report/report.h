// The Report: what one simulated (or measured) step means, as a value. make_report() computes; text.h,
// markdown.h, csv.h, json.h and svg.h show; explain.h says why. Definitions:
//   step           the Timeline's makespan, times the calibration's growth at scale (stragglers)
//   tokens/s       global batch * sequence / step
//   TFLOP/s, MFU   FLOPs of the model by a named convention / step / ranks, over the dense peak of the
//                  precision that computes; HFU counts what the Program executes, recomputation included
//   where          the busiest stage's breakdown; bubble_fraction is its bubble over the step
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/cluster/cluster.h"
#include "sim/cost/calibration.h"
#include "sim/cost/prices.h"
#include "sim/model/params.h"
#include "sim/plan/plan.h"
#include "sim/program/program.h"
#include "sim/report/breakdown.h"
#include "sim/report/evidence.h"
#include "sim/report/goodput.h"
#include "sim/report/run_cost.h"

namespace orrery {

// Everything that a report is about. References must outlive the calls that take it.
struct Subject {
  const Model& model;
  const Cluster& cluster;
  const Training& training;
  const Plan& plan;
  const Program& program;
  const Calibration& calibration;
  std::span<const Price> prices;  // by class
  const Timeline& timeline;
};

// Where a result comes from; the caller fills it.
struct Origin {
  std::string scenario;  // its name
  std::string version;   // of this program
  std::uint64_t seed = 0;
  std::string replay;                                       // "static", "shared"
  std::vector<std::pair<std::string, std::string>> inputs;  // file, digest
  bool operator==(const Origin&) const = default;
};

struct StageMemory {
  std::array<Bytes, component_count> at_peak{};
  Bytes constants{};                           // context, workspaces, communicators, fragmentation
  Bytes peak{};                                // with the constants
  Bytes limit{};                               // of the device
  Bytes room() const { return limit - peak; }  // negative: it does not fit
  bool operator==(const StageMemory&) const = default;
};

struct StageReport {
  std::uint32_t player = 0;  // of the team whose index the stage has: the busiest
  RankId rank;
  std::int64_t ranks = 0;  // in the stage
  int layers = 0;
  Breakdown time;
  StageMemory memory;  // of its fullest player
  bool operator==(const StageReport&) const = default;
};

struct Efficiency {
  FlopConvention convention = FlopConvention::megatron;
  FlopsPerSecond per_gpu{};
  double of_peak = 0;
  bool operator==(const Efficiency&) const = default;
};
inline constexpr std::size_t convention_count = 4;

struct Report {
  Origin origin;
  std::string model, cluster, device, calibration, plan;  // names; the plan's summary
  int ranks = 0, nodes = 0;
  std::int64_t sequence = 0, global_batch = 0, micro_batches = 0;

  Tick makespan{}, step{};
  double error = 0;          // of nine in ten held-out runs, relative: Calibration::held_out; 0: not known
  int error_runs = 0;        // so many
  std::size_t critical = 0;  // the busiest stage
  Breakdown where;           // of the step: the critical stage's, with stragglers
  double bubble_fraction = 0;
  std::vector<StageReport> stages;
  EvidenceShares evidence{};  // of the critical path
  Evidence memory_evidence = Evidence::assumed;

  bool full_recompute = false;  // of every layer
  double tokens_per_second = 0;
  FlopsPerSecond peak{};  // dense, a GPU
  DType peak_of = DType::bf16;
  std::array<Efficiency, convention_count> efficiency{};  // by FlopConvention
  Efficiency hardware;                                    // FLOPs that the Program executes
  Watts power{};                                          // of all ranks, average over the step; 0: unknown
  Goodput goodput;
  RunCost cost;

  std::size_t fullest() const;  // the stage with the least room
  bool fits() const { return stages.empty() || stages[fullest()].memory.room().v >= 0; }
  double tokens_per_second_per_gpu() const { return tokens_per_second / ranks; }
  bool operator==(const Report&) const = default;
};

// Requires at least one team.
Report make_report(const Subject&, Origin);

// The step of `ranks` ranks whose Timeline takes `makespan`: with the calibration's growth at scale.
Tick step_at_scale(Tick makespan, const Calibration&, int ranks);

// Dense peak of a device for inputs of a type.
FlopsPerSecond dense_peak(const Device&, DType);

// FLOPs that all ranks execute, by the ops of the Program.
Flops executed_flops(const Program&);

}  // namespace orrery
