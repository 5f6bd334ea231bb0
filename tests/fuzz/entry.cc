// The entry of a libFuzzer binary; ORRERY_FUZZ_TARGET is the name of its target.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/base/error.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const orrery::fuzz::Target* const target = [] {
    for (const orrery::fuzz::Target& t : orrery::fuzz::targets())
      if (t.name == ORRERY_FUZZ_TARGET) return &t;
    return static_cast<const orrery::fuzz::Target*>(nullptr);
  }();
  ORRERY_CHECK(target != nullptr);
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
