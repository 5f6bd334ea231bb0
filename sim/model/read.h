// Models as JSON: orrery.model/1, read and written, and the config.json of Hugging Face models, read.
//
// orrery.model/1: the layers from first to last as runs of equal ones; counts are bare numbers.
//   { "schema": "orrery.model/1", "name": "llama3-70b",
//     "family": "llama", "source": "…",          default ""
//     "vocab": 128256,                           an image model has "patches" in its place:
//     "patches": { "image": 224, "patch": 16, "channels": 3, "classes": 1000 },
//     "max_positions": 8192,                     rows of a learned table; else the longest context, default 0
//     "position": "rotary",                      or none, learned, alibi, relative; default rotary
//     "rotary": { "theta": 10000,                only with rotary positions; the default
//                 "scaling": { "factor": 8, "low_frequency_factor": 1, "high_frequency_factor": 4,
//                              "original_positions": 8192 } },      of Llama 3.1: default none; factors 1 and 4
//     "norm_epsilon": 1e-5,                      the default
//     "tied": false, "final_norm": true, "head_bias": false, "embedding_norm": false,      the defaults
//     "dropout": 0, "extra_parameters": 0,       the defaults
//     "unpriced": [ "…" ],                       parts beyond those that the layers show, default none
//     "unexecuted": [ "…" ],                     parts that are priced but can't be run, default none
//     "layers": [
//       { "count": 80, "hidden": 8192,           count: default 1
//         "attention": { "heads": 64, "kv_heads": 8, "head_dim": 128,     defaults: heads, hidden / heads
//                        "causal": true, "window": 0, "qkv_bias": false, "out_bias": false, "qk_norm": false,
//                        "position_table": 0,
//                        "latent": { "query_rank", "kv_rank", "nope_dim", "rope_dim", "value_dim" } },
//         "cross": { …as attention },            default none
//         "mlp": { "ffn": 28672, "activation": "silu", "gated": true, "bias": false },     or in its place
//         "moe": { "experts": 8, "top_k": 2, "ffn": 14336, "shared_ffn": 0, "gated": true, "router_bias": false,
//                  "activation": "silu" },
//         "norm": "rms", "norm_bias": true, "token_divisor": 1, "encoder": false, "parallel_residual": false } ] }
//
// config.json: model_type one of hf_families(). The text part of a model that nests one is read; what it leaves
// out is "unpriced". What changes what is computed, but not its price, and has no member above (quick_gelu, YaRN) is
// "unexecuted". Members that nobody asked for are skipped, as these files carry much that changes no shape; but one
// that sounds like a shape (…_size, …_dim, …_layers) is refused. Prediction layers beyond the main model
// (num_nextn_predict_layers) are not counted.
#pragma once
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/base/reader.h"
#include "sim/model/model.h"

namespace orrery {

// Either format; an object without "schema" and "model_type" is read as orrery.model/1. Model::unpriced is filled.
Model read_model(Reader);
Json write_model(const Model&);

// `model` with what an object asks to differ: "name", "layers" (their number, if all are alike), "vocab",
// "max_positions", "kv_heads", "tied". The caller refuses other members with Reader::done().
Model modified(Model model, const Reader&);

std::vector<std::string_view> hf_families();

}  // namespace orrery
