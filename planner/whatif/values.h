// What may follow a '=' in a what-if: values that a member of a scenario takes in turn.
//   1,2,4                     a list; "200 Gb/s,400 Gb/s" of quantities, [1,2],[4,8] of JSON values
//   8..128x2                  8, 16, 32, 64, 128: each is so many times the one before
//   8..128+8, 8..12           8, 16, ... 128: so much more; without a step, one more
//   100..800x2 Gb/s           a range of quantities
#pragma once
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/json.h"

namespace orrery {

inline constexpr std::size_t most_values = 1'000'000;

// Numbers without a point or an exponent are integers. Ends in fail() at `where` on a list without values, a
// range that is not one or that has more than `most_values`.
std::vector<Json> parse_values(std::string_view text, const Where& where);

}  // namespace orrery
