// Times of the compute instructions of Programs. A rank's whole step is played as the runtime plays it, on
// the buffers that it has, but without communication: so caches hold what they hold in a step. The time of an
// op is the mean over its instances (other layers, other micro-batches), from the start of the instruction to
// the start of what comes next, in steps of middling length.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "profiler/measure/device.h"
#include "runtime/play/rank.h"
#include "sim/base/interfaces.h"
#include "sim/cost/measured.h"
#include "sim/plan/plan.h"

namespace orrery {

// A step's kernels as the device's tracer saw them, and how long the instructions took by events.
struct StepTrace {
  std::vector<TracedKernel> kernels;
  Seconds by_events{};
};

struct OpOptions {
  std::size_t instances = 64;        // of an op that count, at most
  std::size_t warmups = 2;           // rounds that do not count
  std::size_t least = 9, most = 60;  // rounds
  double settled = 0.02;             // an op is done when the standard error of its time is this share of it
  StepTrace* trace = nullptr;        // filled with the last step that was played, where kernels can be traced
};

// The plans to cover, each with the training that it serves.
struct OpCase {
  Training training;
  Plan plan;
};

// What is left to measure of the cases: ops not in `known`, by how much of the cases' steps they are
// estimated to take, most first.
std::vector<Op> missing_ops(const Model&, std::span<const OpCase>, const MeasuredOps& known);

// Measures what is missing, the rank first that holds most of it, until all is done or `watch` says stop.
// `saved` is called whenever `into` has grown. Returns what was left. Requires legal cases that can be
// executed.
std::vector<Op> measure_ops(const Model&, std::span<const OpCase>, const WithDevice&,
                            const std::string& source, MeasuredOps& into, Watch&,
                            const std::function<void()>& saved, const OpOptions& = {});

// A cluster of one node with so many devices, to compile plans for.
Cluster one_node(int ranks);

}  // namespace orrery
