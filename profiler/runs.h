// Published training runs as their rows declare them: configuration, what was measured, and where it stands.
// Two formats hold them. A JSONL file (plain or gzip) has one row a line: id, source{name,url,ref,release},
// model{...}, hw{...}, precision, parallel{...}, result{iter_s,mem_gb,...}, split, family, quality, task,
// notes. A file of "schema": "orrery.runs/1" has the source once, "defaults" that every run shares, and
// "runs", each of which is merged over the defaults, member by member.
//
// A row is data of others: reading it never fails. What is missing stays empty; what makes no sense is kept
// in `odd`, and becomes the reason why the row is not supported.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/interfaces.h"
#include "sim/base/json.h"

namespace orrery {

struct RunModel {
  std::string name;
  std::optional<std::int64_t> layers, hidden, heads, kv_heads, head_dim, ffn, vocab, sequence;
  std::optional<bool> gated, tied;
  std::string activation, position;
  std::string beyond;  // a part that the dense decoder lacks: "mixture of experts"; empty: none
  bool operator==(const RunModel&) const = default;
};

struct RunHardware {
  // As printed: "A100-80GB-SXM", "8x 200 Gb/s HDR InfiniBand per node", "NVLink5 NVL72, 4 GPUs per node".
  std::string gpu, network, link;
  std::optional<std::int64_t> gpus, gpus_per_node;
  bool operator==(const RunHardware&) const = default;
};

struct RunParallel {
  std::optional<std::int64_t> dp, tp, pp, cp, ep, virtual_stages, micro_batch, global_batch;
  bool chunk_a_layer = false;  // vpp: every layer is a virtual stage
  std::optional<bool> sequence_parallel;
  std::string zero, recompute, schedule, overlap, partition, precision_mode, framework, offload, graph;
  bool operator==(const RunParallel&) const = default;
};

struct MeasuredRun {
  std::string id, family, source, url, ref, release, split, quality, task, notes, precision;
  RunModel model;
  RunHardware hardware;
  RunParallel parallel;
  double measured_s = 0;        // of a step; 0: not measured
  double measured_mem_gib = 0;  // peak of the fullest device; 0: not measured
  std::string odd;              // "/parallel/tp: expected an integer, found \"eight\""
  bool operator==(const MeasuredRun&) const = default;
};

// One row. Never fails.
MeasuredRun read_run(const Json& row);

// The runs of a text: JSONL or orrery.runs/1. In JSONL a line that is not JSON becomes an odd run; a file of
// orrery.runs/1 is ours, and what is wrong with it (syntax, unknown members) ends in fail().
std::vector<MeasuredRun> read_runs(std::string_view text, std::string_view file);

// The files of runs in a folder, by name: *.json, *.jsonl, *.jsonl.gz. Any other name is a file itself.
std::vector<std::string> run_files(Files& files, std::string_view name);

// All runs of the named files, in order; those that gzip packed are unpacked.
std::vector<MeasuredRun> read_runs(Files& files, std::span<const std::string> names);

// Whether the runs of a split may set constants: "calibrate" and "bulk-calibrate".
bool may_fit(const MeasuredRun&);

}  // namespace orrery
