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
  std::int64_t sharded = 0;      // cut over tp: column- and row-parallel matrices, biases of the former
  std::int64_t replicated = 0;   // norms, row-parallel biases, routers
  std::int64_t kv_head = 0;      // of the key and value projections of one key/value head; a head is never cut,
  int kv_heads = 0;              // so that tp > kv_heads copies heads
  std::int64_t all() const { return sharded + replicated + kv_head * kv_heads; }
  std::int64_t on_rank(int tp) const { return sharded / tp + replicated + kv_head * ((kv_heads + tp - 1) / tp); }
};
LayerWeights layer_weights(const Model&, const Layer&);
std::int64_t embedding_weights(const Model&, int tp);   // of the token embedding on a rank: padded V/t * h
std::int64_t position_weights(const Model&);            // learned positions, replicated

// FLOPs of one step (forward + backward), by the conventions of the field. All count 2 a multiplication and
// addition of matrix products only, experts by top_k, a window as the keys that it lets a query see, and the
// vocabulary unpadded. Sources: Korthikanti et al. 2022 (arXiv 2205.05198), Narayanan et al. 2021 (arXiv
// 2104.04473), Chowdhery et al. 2022 (PaLM, arXiv 2204.02311, appendix B), Megatron-LM training.py.
enum class FlopConvention : std::uint8_t {
  megatron,         // Korthikanti et al.: whole attention square, vocabulary counted
  megatron_causal,  // today's Megatron-LM: half the square
  palm,             // 6 N + 12 L a d s a token (N: all parameters that a token uses)
  hardware_full     // megatron with full recompute of the layers (SC'21: 96 B L s h^2 (1 + s/6h + V/16Lh))
};
Flops model_flops(const Model&, std::int64_t sequences, std::int64_t sequence, FlopConvention);
std::string_view name(FlopConvention);
// Forward pass of one image, or of one sequence of max_positions; the whole attention square. An image's
// class head counts once.
Flops forward_flops(const Model&);

}  // namespace orrery
