// The words that orrery.model/1 has for the enumerations of model.h, in their order.
#pragma once
#include <array>
#include <string_view>

namespace orrery {

inline constexpr std::array<std::string_view, 5> activation_words{"gelu", "relu", "squared_relu", "silu",
                                                                  "gelu_tanh"};
inline constexpr std::array<std::string_view, 2> norm_words{"layer", "rms"};
inline constexpr std::array<std::string_view, 5> position_words{"none", "learned", "rotary", "alibi", "relative"};

}  // namespace orrery
