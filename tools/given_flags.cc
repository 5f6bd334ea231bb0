#include "tools/given_flags.h"

#include "tools/errors.h"

namespace orrery {

bool is_given(const Flag& flag) {
  return std::visit(
      [](const auto* value) {
        if constexpr (requires { value->empty(); })
          return !value->empty();
        else
          return *value != std::decay_t<decltype(*value)>{};
      },
      flag.into);
}

void GivenFlags::refuse_others(std::span<const std::string_view> known, std::string_view why) const {
  for (const Flag& f : flags_)
    if (is_given(f) && std::find(known.begin(), known.end(), f.name) == known.end())
      throw UsageError(f.name + " doesn't go with " + std::string(why));
}

}  // namespace orrery
