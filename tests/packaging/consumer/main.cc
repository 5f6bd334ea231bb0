// A project that has only the installed package: builds a model in code and counts its parameters.
#include <cstdio>

#include "sim/model/model.h"
#include "sim/model/params.h"

int main() {
  orrery::Layer layer;
  layer.hidden = 4096;
  layer.attention.heads = 32;
  layer.attention.kv_heads = 8;
  layer.attention.head_dim = 128;
  layer.mlp = orrery::Mlp{.ffn = 14336, .activation = orrery::Activation::silu, .gated = true};
  layer.norm = orrery::Norm::rms;
  layer.norm_bias = false;
  orrery::Model model;
  model.family = "llama";
  model.hidden = 4096;
  model.vocab = 128256;
  model.kinds = {layer};
  model.layers.assign(32, 0);
  std::printf("%s of %lld parameters\n", model.family.c_str(), static_cast<long long>(orrery::parameters(model)));
}
