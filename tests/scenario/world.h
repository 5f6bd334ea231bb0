// The smallest world in which a scenario can be read: one model, one device, one cluster, a plan, a
// config.json.
#pragma once
#include <string>
#include <string_view>

#include "tests/base/memory_files.h"

namespace orrery::world {

inline constexpr std::string_view model =
    R"({"schema": "orrery.model/1", "name": "tiny", "vocab": 512, "max_positions": 64,
  "layers": [{"count": 4, "hidden": 64, "attention": {"heads": 4}, "mlp": {"ffn": 256}}]})";
inline constexpr std::string_view hf = R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 256,
  "hidden_act": "silu", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
  "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "tie_word_embeddings": true})";
inline constexpr std::string_view device =
    R"({"schema": "orrery.device/1", "name": "gpu", "architecture": "toy",
  "peak": {"bf16": "100 TFLOP/s"}, "memory": "16 GiB", "memory_bandwidth": "1 TB/s"})";
inline constexpr std::string_view cluster = R"({"schema": "orrery.cluster/1", "name": "toys",
  "groups": [{"node": {"gpu": "gpu", "gpus": 2, "intra": {"kind": "pcie", "bandwidth": "20 GB/s"},
                       "nics": {"count": 1, "bandwidth": "100 Gb/s"}}}],
  "price": {"gpu_hour": "1 USD/h"}})";
inline constexpr std::string_view defaults =
    R"({"schema": "orrery.defaults/1", "calibrations": {"gpu": "soft"}})";

// The scenario is w/s.json, presets are under p.
inline MemoryFiles with(std::string_view scenario) {
  return {{"w/s.json", std::string(scenario)},
          {"w/plan.json", R"({"schema": "orrery.plan/1", "dp": 2})"},
          {"w/hf/config.json", std::string(hf)},
          {"p/models/tiny.json", std::string(model)},
          {"p/devices/gpu.json", std::string(device)},
          {"p/clusters/toys.json", std::string(cluster)},
          {"p/calibrations/soft.json", ""},
          {"p/defaults.json", std::string(defaults)}};
}

}  // namespace orrery::world
