// What a line says by the flags of its command: for a mode of a command that takes only some of them.
#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "sim/base/error.h"
#include "tools/cli.h"

namespace orrery {

// Whether its target is no longer what an unset one holds; flags with another default always are given.
bool is_given(const Flag&);

class GivenFlags {
 public:
  explicit GivenFlags(std::span<const Flag> flags) : flags_(flags) {}

  // Throws UsageError "FLAG doesn't go with WHY" for a given flag that is not among `known`.
  void refuse_others(std::span<const std::string_view> known, std::string_view why) const;

  template <class T>
  const T& value(std::string_view name) const {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& f) { return f.name == name; });
    ORRERY_CHECK(found != flags_.end());
    return *std::get<T*>(found->into);
  }

 private:
  std::span<const Flag> flags_;
};

}  // namespace orrery
