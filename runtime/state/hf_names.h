// The tensors of Hugging Face checkpoints (transformers' modeling_gpt2.py, modeling_llama.py) as parts of
// canonical ones. GPT-2 keeps the matrices of its layers transposed (Conv1D); Llama, and after it Mistral and
// Qwen 2 and 3, queries, keys, values, gate and up apart. Rotary pairs are (i, i + d/2) there as here.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/state/layout.h"
#include "sim/base/error.h"

namespace orrery {

enum class HfFamily : std::uint8_t { gpt2, llama };
// Ends in fail() at `where` if neither can hold the model.
HfFamily hf_family(const Model&, const Where& where);

// Rows [row, row + rows) of a canonical tensor: all of another's, which has them as columns if `transposed`.
struct HfPart {
  std::string name;
  std::int64_t row = 0, rows = 0;
  bool transposed = false;
};
std::vector<std::int64_t> shape(const HfPart&, const CanonicalTensor&);
// By row. Names have no prefix of their own ("transformer.", "model.").
std::vector<HfPart> hf_parts(HfFamily, const Model&, const CanonicalTensor&);

// What files give the names of all tensors but the head's.
std::string_view hf_prefix(HfFamily);
inline constexpr std::string_view hf_head = "lm_head.weight";
// A buffer or a copy that belongs to no canonical tensor: masks, rotary frequencies, the head of a tied
// model.
bool hf_redundant(const Model&, std::string_view name);

}  // namespace orrery
