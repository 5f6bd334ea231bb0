// Element types of PTX (PTX ISA 9.0, section 5.2) and their widths.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace orrery::ptx {

enum class Type : std::uint8_t {
  b8,
  b16,
  b32,
  b64,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  f16x2,
  bf16,
  bf16x2,
  f32,
  f64,
  pred
};

std::optional<Type> type_named(std::string_view);  // "f32", without a dot
std::string_view name(Type);
std::size_t size_of(Type);  // bytes; of pred: 4
bool is_signed(Type);
bool is_float(Type);

}  // namespace orrery::ptx
