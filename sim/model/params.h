// Parameters and FLOPs of a Model by closed forms (modelling oracles: 25+ published counts, exact).
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/model/model.h"

namespace orrery {

std::int64_t parameters(const Model&);          // all, embeddings once when tied
std::int64_t active_parameters(const Model&);   // per token: top_k of the routed experts
std::int64_t layer_parameters(const Model&, const Layer&);

// The tensors of one layer that a rank holds: what tensor parallelism cuts, what it copies.
struct LayerWeights {
  std::int64_t sharded = 0;      // whole count of weights cut over tp (column- and row-parallel matrices, their cut biases)
  std::int64_t replicated = 0;   // norms, row-parallel biases
  std::int64_t on_rank(int tp) const { return sharded / tp + replicated; }
};
LayerWeights layer_weights(const Model&, const Layer&);
std::int64_t embedding_weights(const Model&, int tp);   // of the token embedding on a rank: padded V/t * h
std::int64_t position_weights(const Model&);            // learned positions, replicated

// Model FLOPs of one step (forward + backward, no recompute), by the conventions of the field.
enum class FlopConvention : std::uint8_t {
  megatron,         // Korthikanti et al.: whole attention square, vocabulary counted
  megatron_causal,  // today's Megatron-LM: half the square
  palm,             // 6 N + 12 L h s a token (N: all parameters)
  hardware_full     // megatron with full recompute: 4/3 of it (SC'21: 96 B L s h^2 (1 + s/6h + V/16Lh))
};
Flops model_flops(const Model&, std::int64_t sequences, std::int64_t sequence, FlopConvention);
std::string_view name(FlopConvention);
Flops forward_flops(const Model&);               // of one image or sequence of max_positions: the ViT and Swin oracles

}  // namespace orrery
