// A Plan as JSON: orrery.plan/1, read and written; and the words of the field for its choices. Every member has
// plan.h's default but "schema", which a plan inside another file may leave out. Whether a plan is legal for a
// model and a cluster is violation()'s to say: reading checks types, ranges and words only.
//
//   { "schema": "orrery.plan/1", "tp": 8, "cp": 1, "dp": 16, "pp": 4, "ep": 1, "sequence_parallel": true,
//     "schedule": "interleaved", "virtual_stages": 5, "micro_batch": 1, "stage_layers": [4, 4, …],
//     "zero": 1, "recompute": "selective", "reshard": true,             or, where layers differ, runs of them:
//     "layers": [ { "count": 8, "zero": 3, "recompute": "full" }, { "count": 72, "zero": 3 } ],
//     "attention": "fused", "tensor_overlap": "backward", "overlap_gradients": true, "overlap_parameters": true,
//     "bucket_parameters": "40 M", "prefetch": 1, "receive_ahead": 1, "send_slots": 2, "scatter_gather": true,
//     "graph": false, "early_stop": false }
#pragma once
#include <array>
#include <string_view>

#include "sim/base/json.h"
#include "sim/base/reader.h"
#include "sim/plan/plan.h"

namespace orrery {

// By the values of the enums.
inline constexpr std::array<std::string_view, 3> recompute_words{"none", "selective", "full"};
inline constexpr std::array<std::string_view, 3> schedule_words{"gpipe", "1f1b", "interleaved"};
inline constexpr std::array<std::string_view, 2> attention_words{"fused", "unfused"};
inline constexpr std::array<std::string_view, 3> tensor_overlap_words{"none", "backward", "pipelined"};

// The largest degrees and sizes that files may name: far beyond what exists, small enough that their products
// (degrees; tokens of a step by sequence by heads) stay within 64 bits.
inline constexpr std::int64_t most_ways = 16384, most_replicas = 1'000'000, most_ranks = 4'000'000;
inline constexpr std::int64_t most_layers = 10'000;
inline constexpr std::int64_t longest_sequence = std::int64_t{1} << 24, most_tokens = std::int64_t{1} << 30;

Plan read_plan(const Reader&);
// Reads back to the same Plan; members that keep their default are left out, except the degrees.
Json write_plan(const Plan&);

// { "seq_len": 8192, "global_batch": 1024, "tokens": "2 T",
//   "precision": { "compute": "fp8", "parameters": "bf16", "gradients": "fp32", "master": true } }
// "tokens" and "precision" may be absent; "precision": "bf16" is short for that "compute" alone.
Training read_training(const Reader&);
Json write_training(const Training&);

}  // namespace orrery
