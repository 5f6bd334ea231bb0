#include "runtime/kernel.h"

#include <array>

namespace orrery {

std::string_view name(KernelName k) {
  constexpr std::array<std::string_view, kernel_count> names{
      "matmul",        "column_sum",          "norm",
      "norm_gradient", "rotary",              "attention",
      "attention_gradient", "scores",         "softmax",
      "context",       "context_gradient",    "softmax_gradient",
      "scores_gradient", "activation",        "activation_gradient",
      "residual",      "residual_gradient",   "add",
      "embedding",     "embedding_gradient",  "cross_entropy",
      "cross_entropy_shift", "cross_entropy_gradient", "sum_of_squares",
      "clip",          "adamw",               "convert",
      "zero"};
  return names[static_cast<std::size_t>(k)];
}

}  // namespace orrery
