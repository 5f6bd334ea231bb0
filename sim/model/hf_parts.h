// Parts that several families of config.json share.
#pragma once
#include "sim/model/hf_config.h"

namespace orrery {

// GPT-2's layer: layer norm, biases everywhere or nowhere.
Layer classic_layer(std::int64_t hidden, int heads, std::int64_t ffn, Activation, bool bias);

// Where families that look like Llama differ from it.
struct Style {
  bool qkv_bias = false, qk_norm = false, gated = true;
  Activation activation = Activation::silu;
  int head_dim = 0;                    // if the file does not say; 0: hidden / heads
  double theta = 10000, rotary_part = 1, norm_epsilon = 1e-6;   // if the file does not say
};

// What Llama and those after it share: grouped queries, rotary positions, RMS norm, no biases unless asked for.
// Also sets the vocabulary, positions and epsilon of the model.
Layer modern_layer(const HfConfig&, Model&, const Style&);

// Sets the angles of rotary positions. Notes in the Model what it can't express: other scalings than Llama 3.1's, and
// positions in a part of each head.
void set_rotary(const HfConfig&, Model&, double theta, double part);
double norm_epsilon(const HfConfig&, double otherwise);

int depth_of(const HfConfig&, HfConfig::Names);
int heads_of(const HfConfig&, HfConfig::Names, std::int64_t hidden);   // that divide the hidden width

// Layers of which those from `full_until` on have a sliding window, unless "layer_types" names them one by one.
void append_windowed(const HfConfig&, Model&, Layer, std::int64_t depth, int window, std::int64_t full_until);
// Qwen's windows: off unless asked for, and then only from layer max_window_layers on.
void append_qwen(const HfConfig&, Model&, const Layer&);

}  // namespace orrery
