// What is fuzzed: for each parser a function that takes any bytes and returns. Input that is refused ends in
// InputError, which is caught here; a crash, a check of ours, a sanitizer's report or a broken promise (what
// was read does not read back from what was written) is a finding. NAME_fuzz is a libFuzzer binary; the
// corpora under corpus/NAME are replayed by ordinary tests.
#pragma once
#include <span>
#include <string_view>

namespace orrery::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view bytes);
};
std::span<const Target> targets();

}  // namespace orrery::fuzz
