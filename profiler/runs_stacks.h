// Which software generation a published run belongs to, as a table (scenarios/stacks.json): by what its row
// declares, never by its id. A stack says which calibration prices it and what a framework of that time does
// without being asked. The first stack whose conditions all hold is the run's.
//
//   { "schema": "orrery.stacks/1",
//     "clusters": { "A100-80GB-SXM": "dgx-a100-80" },      the standard node of a device name, a cluster
//     preset "stacks": [
//       { "name": "megatron-2021", "source": "arXiv 2104.04473", "calibration": "a100-megatron-2021",
//         "when": { "source": ["Megatron-LM SC21"], "gpu": ["A100"], "release": [...], "family": [...],
//                   "mode": [...], "zero": [...] },   each: the declared text contains one of these words
//         "cluster": "dgx-a100-80",                   if its node is not the standard one
//         "plan": { "attention": "unfused", "tensor_overlap": "none", "overlap_gradients": "without
//         pipeline",
//                   "overlap_parameters": false, "receive_ahead": 0, "early_stop": false, "parameters":
//                   "fp16", "gradients": "fp16", "dropout": 0.1 } },
//       { "name": "maxtext", "when": {...}, "unsupported": "JAX FSDP has no calibration" } ] }
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "profiler/runs.h"
#include "sim/plan/plan.h"

namespace orrery {

enum class GradientOverlap : std::uint8_t { never, without_pipeline, always };

struct Stack {
  std::string name, source, calibration;
  std::string cluster;      // the node, where it is not the device's standard one
  std::string unsupported;  // why runs of this stack can't be predicted; empty: they can
  std::map<std::string, std::vector<std::string>> when;  // declared field -> words, lower case
  AttentionKernel attention = AttentionKernel::fused;
  TensorOverlap tensor_overlap = TensorOverlap::backward;
  GradientOverlap overlap_gradients = GradientOverlap::always;
  bool overlap_parameters = true, early_stop = false;
  int receive_ahead = 1;
  Precision precision;  // compute is the run's own
  double dropout = 0;
};

struct Stacks {
  std::map<std::string, std::string, std::less<>> clusters;
  std::vector<Stack> stacks;
};

// Ends in fail() on anything but a table of this layout.
Stacks read_stacks(std::string_view text, std::string_view file);

// The stack of a run; nullptr if no conditions hold.
const Stack* find_stack(const Stacks&, const MeasuredRun&);

// ASCII letters in lower case.
std::string lower(std::string_view);
bool contains(std::string_view text, std::string_view word);  // without regard to case; `word` is lower case

}  // namespace orrery
