// Parts that several families of config.json share.
#pragma once
#include "sim/model/hf_config.h"

namespace orrery {

// GPT-2's layer: layer norm, biases everywhere or nowhere.
Layer classic_layer(std::int64_t hidden, int heads, std::int64_t ffn, Activation, bool bias);

// Where families that look like Llama differ from it.
struct Style {
  bool qkv_bias = false, qk_norm = false, gated = true;
  std::string_view activation = "silu";
  int head_dim = 0;                    // if the file does not say; 0: hidden / heads
};

// What Llama and those after it share: grouped queries, rotary positions, RMS norm, no biases unless asked for.
// Also sets the vocabulary and positions of the model.
Layer modern_layer(const HfConfig&, Model&, const Style&);

int depth_of(const HfConfig&, HfConfig::Names);
int heads_of(const HfConfig&, HfConfig::Names, std::int64_t hidden);   // that divide the hidden width

// Layers of which those from `full_until` on have a sliding window, unless "layer_types" names them one by one.
void append_windowed(const HfConfig&, Model&, Layer, std::int64_t depth, int window, std::int64_t full_until);
// Qwen's windows: off unless asked for, and then only from layer max_window_layers on.
void append_qwen(const HfConfig&, Model&, const Layer&);

}  // namespace orrery
