#include "tests/fake_cuda/ptx/type.h"

#include <array>

namespace orrery::ptx {
namespace {

struct Entry {
  std::string_view name;
  std::uint8_t size;
};

// In the order of Type.
constexpr std::array<Entry, 19> entries{{{"b8", 1},
                                         {"b16", 2},
                                         {"b32", 4},
                                         {"b64", 8},
                                         {"u8", 1},
                                         {"u16", 2},
                                         {"u32", 4},
                                         {"u64", 8},
                                         {"s8", 1},
                                         {"s16", 2},
                                         {"s32", 4},
                                         {"s64", 8},
                                         {"f16", 2},
                                         {"f16x2", 4},
                                         {"bf16", 2},
                                         {"bf16x2", 4},
                                         {"f32", 4},
                                         {"f64", 8},
                                         {"pred", 4}}};

}  // namespace

std::optional<Type> type_named(std::string_view text) {
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].name == text) return static_cast<Type>(i);
  return std::nullopt;
}

std::string_view name(Type type) { return entries[static_cast<std::size_t>(type)].name; }
std::size_t size_of(Type type) { return entries[static_cast<std::size_t>(type)].size; }
bool is_signed(Type type) { return type >= Type::s8 && type <= Type::s64; }
bool is_float(Type type) { return type >= Type::f16 && type <= Type::f64; }

}  // namespace orrery::ptx
