#include "tests/fuzz/state.h"

#include "runtime/state/checkpoint_file.h"
#include "runtime/state/safetensors.h"
#include "runtime/state/token_file.h"
#include "sim/base/error.h"

namespace orrery::fuzz {

void safetensors(std::string_view bytes) try {
  const SafetensorsHeader header = parse_safetensors(bytes, "input");
  std::uint64_t data = header.data;
  for (const SafeTensor& t : header.tensors) {
    ORRERY_CHECK(header.data + t.begin == data && t.end >= t.begin && t.elements() >= 0);
    data = header.data + t.end;
  }
  ORRERY_CHECK(data == bytes.size());
} catch (const InputError&) {
}

void tokens(std::string_view bytes) try {
  constexpr std::int64_t token_bytes = 100;
  const TokenIndex index = parse_token_index(bytes, "input", token_bytes);
  ORRERY_CHECK(index.first_token.size() == index.offsets.size() + 1);
  for (std::size_t s = 0; s < index.offsets.size(); ++s) {
    const std::int64_t count = index.first_token[s + 1] - index.first_token[s];
    ORRERY_CHECK(count >= 0 && index.offsets[s] >= 0 &&
                 index.offsets[s] + count * size_of(index.type) <= token_bytes);
  }
} catch (const InputError&) {
}

void checkpoint(std::string_view bytes) try {
  const std::string written = write_checkpoint_file(read_checkpoint_file(bytes, "input"));
  ORRERY_CHECK(write_checkpoint_file(read_checkpoint_file(written, "written")) == written);
} catch (const InputError&) {
}

}  // namespace orrery::fuzz
