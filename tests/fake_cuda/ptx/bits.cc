// and, or, xor, not, cnot, shl, shr, shf, lop3, prmt, bfe, bfi, bfind, brev, popc, clz.
#include <algorithm>
#include <array>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

template <class T>
struct And {
  T operator()(T a, T b) const { return static_cast<T>(a & b); }
};
template <class T>
struct Or {
  T operator()(T a, T b) const { return static_cast<T>(a | b); }
};
template <class T>
struct Xor {
  T operator()(T a, T b) const { return static_cast<T>(a ^ b); }
};
template <class T>
struct Not {
  T operator()(T a) const { return static_cast<T>(~a); }
};
template <class T>
struct LogicalNot {
  T operator()(T a) const { return a == 0 ? 1 : 0; }
};
// Amounts beyond the width shift everything out.
template <class T>
struct ShiftLeft {
  T operator()(T a, std::uint32_t n) const {
    return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << n);
  }
};
template <class T>
struct ShiftRight {
  T operator()(T a, std::uint32_t n) const {
    const auto most = static_cast<std::uint32_t>(8 * sizeof(T) - 1);
    if (n > most && !std::is_signed_v<T>) return T{0};
    return static_cast<T>(a >> std::min(n, most));
  }
};
// shf: 32 bits of the pair (b, a), b the high half, shifted by c.
template <bool left, bool wrap>
struct Funnel {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c) const {
    const std::uint32_t n = wrap ? c & 31U : std::min(c, 32U);
    const std::uint64_t pair = (static_cast<std::uint64_t>(b) << 32) | a;
    return static_cast<std::uint32_t>(left ? (pair << n) >> 32 : pair >> n);
  }
};
struct CountOnes32 {
  std::uint32_t operator()(std::uint32_t a) const { return static_cast<std::uint32_t>(std::popcount(a)); }
};
struct CountOnes64 {
  std::uint32_t operator()(std::uint64_t a) const { return static_cast<std::uint32_t>(std::popcount(a)); }
};
struct LeadingZeros32 {
  std::uint32_t operator()(std::uint32_t a) const { return static_cast<std::uint32_t>(std::countl_zero(a)); }
};
struct LeadingZeros64 {
  std::uint32_t operator()(std::uint64_t a) const { return static_cast<std::uint32_t>(std::countl_zero(a)); }
};
template <class T>
struct Reverse {
  T operator()(T a) const {
    T reversed = 0;
    for (std::size_t bit = 0; bit < 8 * sizeof(T); ++bit, a = static_cast<T>(a >> 1))
      reversed = static_cast<T>((reversed << 1) | (a & 1));
    return reversed;
  }
};
// bfe: `length` bits from `start`; of signed types extended by the last bit inside.
template <class T>
struct Extract {
  T operator()(T a, std::uint32_t start, std::uint32_t length) const {
    using U = std::make_unsigned_t<T>;
    const std::uint32_t width = 8 * sizeof(T);
    start &= 255U;
    length &= 255U;
    if (length == 0) return 0;
    const auto shifted = ShiftRight<T>{}(a, start);  // brings in the sign
    if (length >= width) return shifted;
    const U mask = (U{1} << length) - 1;
    const U value = static_cast<U>(shifted) & mask;
    const bool negative =
        std::is_signed_v<T> && ((static_cast<U>(a) >> std::min(start + length - 1, width - 1)) & 1U) != 0;
    return static_cast<T>(negative ? value | ~mask : value);
  }
};
// bfi: `length` bits of a in place of those of b from `start`.
template <class T>
struct Insert {
  T operator()(T a, T b, std::uint32_t start, std::uint32_t length) const {
    const std::uint32_t width = 8 * sizeof(T);
    start &= 255U;
    length &= 255U;
    if (length == 0 || start >= width) return b;
    const T ones = length >= width ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
    const T mask = static_cast<T>(ones << start);
    return static_cast<T>(((a << start) & mask) | (b & ~mask));
  }
};
// bfind: the place of the highest bit that differs from the sign; `from_top`: counted from the top. None: all
// ones.
template <class T, bool from_top>
struct HighestBit {
  std::uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    const U value = std::is_signed_v<T> && a < 0 ? ~static_cast<U>(a) : static_cast<U>(a);
    if (value == 0) return ~0U;
    const auto zeros = static_cast<std::uint32_t>(std::countl_zero(value));
    return from_top ? zeros : static_cast<std::uint32_t>(8 * sizeof(T) - 1) - zeros;
  }
};
// prmt without a mode: each result byte is one of the eight bytes of (b, a), or its sign.
struct Permute {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c) const {
    const std::uint64_t pair = (static_cast<std::uint64_t>(b) << 32) | a;
    std::uint32_t result = 0;
    for (int byte = 0; byte < 4; ++byte) {
      const std::uint32_t selector = (c >> (4 * byte)) & 15U;
      std::uint32_t value = static_cast<std::uint32_t>(pair >> (8 * (selector & 7U))) & 255U;
      if ((selector & 8U) != 0) value = (value & 128U) != 0 ? 255U : 0U;
      result |= value << (8 * byte);
    }
    return result;
  }
};
// The last source is the table of 8 bits: bit (4a + 2b + c) is the result.
struct Lookup {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t table) const {
    std::uint32_t result = 0;
    for (std::uint32_t row = 0; row < 8; ++row) {
      if (((table >> row) & 1U) == 0) continue;
      result |= ((row & 4U) != 0 ? a : ~a) & ((row & 2U) != 0 ? b : ~b) & ((row & 1U) != 0 ? c : ~c);
    }
    return result;
  }
};

template <class F>
void combine_predicates(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t value = F{}(lanes.predicate(i.source[0]), lanes.predicate(i.source[1]));
  std::uint32_t& to = lanes.predicate(i.destination);
  to = (to & ~active) | (value & active);
}

void negate_predicate(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t value = ~lanes.predicate(i.source[0]);
  std::uint32_t& to = lanes.predicate(i.destination);
  to = (to & ~active) | (value & active);
}

template <template <class> class F>
Handler binary_bits(std::size_t bytes) {
  switch (bytes) {
    case 2:
      return compute<std::uint16_t, F<std::uint16_t>, std::uint16_t, std::uint16_t>;
    case 4:
      return compute<std::uint32_t, F<std::uint32_t>, std::uint32_t, std::uint32_t>;
    default:
      return compute<std::uint64_t, F<std::uint64_t>, std::uint64_t, std::uint64_t>;
  }
}
template <template <class> class F>
Handler unary_bits(std::size_t bytes) {
  switch (bytes) {
    case 2:
      return compute<std::uint16_t, F<std::uint16_t>, std::uint16_t>;
    case 4:
      return compute<std::uint32_t, F<std::uint32_t>, std::uint32_t>;
    default:
      return compute<std::uint64_t, F<std::uint64_t>, std::uint64_t>;
  }
}
template <template <class> class F>
Handler shift(Type t) {
  switch (t) {
    case Type::b16:
    case Type::u16:
      return compute<std::uint16_t, F<std::uint16_t>, std::uint16_t, std::uint32_t>;
    case Type::s16:
      return compute<std::int16_t, F<std::int16_t>, std::int16_t, std::uint32_t>;
    case Type::b32:
    case Type::u32:
      return compute<std::uint32_t, F<std::uint32_t>, std::uint32_t, std::uint32_t>;
    case Type::s32:
      return compute<std::int32_t, F<std::int32_t>, std::int32_t, std::uint32_t>;
    case Type::s64:
      return compute<std::int64_t, F<std::int64_t>, std::int64_t, std::uint32_t>;
    default:
      return compute<std::uint64_t, F<std::uint64_t>, std::uint64_t, std::uint32_t>;
  }
}

Handler predicate_handler(std::string_view base) {
  if (base == "and") return combine_predicates<And<std::uint32_t>>;
  if (base == "or") return combine_predicates<Or<std::uint32_t>>;
  if (base == "xor") return combine_predicates<Xor<std::uint32_t>>;
  return negate_predicate;
}

bool decode_logic(Builder& b, Modifiers& m, Instruction& i) {
  const std::string_view base = m.base();
  const Type t = b.type(m);
  const std::size_t bytes = size_of(t);
  const bool one = base == "not" || base == "cnot";
  if (t == Type::pred) {
    if (base == "cnot") return false;
    i.run = predicate_handler(base);
  } else if (base == "and") {
    i.run = binary_bits<And>(bytes);
  } else if (base == "or") {
    i.run = binary_bits<Or>(bytes);
  } else if (base == "xor") {
    i.run = binary_bits<Xor>(bytes);
  } else {
    i.run = base == "not" ? unary_bits<Not>(bytes) : unary_bits<LogicalNot>(bytes);
  }
  b.expect_arguments(one ? 2 : 3);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = one ? 0 : b.source(b.argument(2), t);
  return true;
}

bool decode_shift(Builder& b, Modifiers& m, Instruction& i) {
  if (m.base() == "shf") {
    const auto side = m.take_one_of({"l", "r"});
    const auto mode = m.take_one_of({"clamp", "wrap"});
    m.take("b32");
    if (!side || !mode) b.refuse("the direction or mode is missing");
    const std::array<Handler, 4> handlers{
        compute<std::uint32_t, Funnel<true, false>, std::uint32_t, std::uint32_t, std::uint32_t>,
        compute<std::uint32_t, Funnel<true, true>, std::uint32_t, std::uint32_t, std::uint32_t>,
        compute<std::uint32_t, Funnel<false, false>, std::uint32_t, std::uint32_t, std::uint32_t>,
        compute<std::uint32_t, Funnel<false, true>, std::uint32_t, std::uint32_t, std::uint32_t>};
    i.run = handlers[*side * 2 + *mode];
    b.expect_arguments(4);
    i.destination = b.destination(b.argument(0), Type::b32);
    for (std::size_t k = 0; k < 3; ++k) i.source[k] = b.source(b.argument(k + 1), Type::b32);
    return true;
  }
  const Type t = b.type(m);
  i.run = m.base() == "shl" ? shift<ShiftLeft>(t) : shift<ShiftRight>(t);
  b.expect_arguments(3);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = b.source(b.argument(2), Type::u32);
  return true;
}

template <bool from_top>
Handler highest_bit(Type t) {
  using U32 = std::uint32_t;
  if (size_of(t) == 8)
    return is_signed(t) ? compute<U32, HighestBit<std::int64_t, from_top>, std::int64_t>
                        : compute<U32, HighestBit<std::uint64_t, from_top>, std::uint64_t>;
  return is_signed(t) ? compute<U32, HighestBit<std::int32_t, from_top>, std::int32_t>
                      : compute<U32, HighestBit<U32, from_top>, U32>;
}

bool decode_count(Builder& b, Modifiers& m, Instruction& i) {
  const std::string_view base = m.base();
  const Type t = b.type(m);
  const bool wide = size_of(t) == 8;
  if (base == "popc") {
    i.run = wide ? compute<std::uint32_t, CountOnes64, std::uint64_t>
                 : compute<std::uint32_t, CountOnes32, std::uint32_t>;
  } else if (base == "clz") {
    i.run = wide ? compute<std::uint32_t, LeadingZeros64, std::uint64_t>
                 : compute<std::uint32_t, LeadingZeros32, std::uint32_t>;
  } else if (base == "brev") {
    i.run = unary_bits<Reverse>(size_of(t));
  } else {
    i.run = m.take("shiftamt") ? highest_bit<true>(t) : highest_bit<false>(t);
  }
  b.expect_arguments(2);
  i.destination = b.destination(b.argument(0), base == "brev" ? t : Type::u32);
  i.source[0] = b.source(b.argument(1), t);
  return true;
}

bool decode_field(Builder& b, Modifiers& m, Instruction& i) {
  const Type t = b.type(m);
  const bool insert = m.base() == "bfi";
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  if (insert) {
    i.run = size_of(t) == 8 ? compute<U64, Insert<U64>, U64, U64, U32, U32>
                            : compute<U32, Insert<U32>, U32, U32, U32, U32>;
  } else if (size_of(t) == 8) {
    i.run = is_signed(t) ? compute<std::int64_t, Extract<std::int64_t>, std::int64_t, U32, U32>
                         : compute<U64, Extract<U64>, U64, U32, U32>;
  } else {
    i.run = is_signed(t) ? compute<std::int32_t, Extract<std::int32_t>, std::int32_t, U32, U32>
                         : compute<U32, Extract<U32>, U32, U32, U32>;
  }
  b.expect_arguments(insert ? 5 : 4);
  i.destination = b.destination(b.argument(0), t);
  std::size_t k = 0;
  i.source[k] = b.source(b.argument(k + 1), t);
  if (insert) {
    ++k;
    i.source[k] = b.source(b.argument(k + 1), t);
  }
  i.source[k + 1] = b.source(b.argument(k + 2), Type::u32);
  i.source[k + 2] = b.source(b.argument(k + 3), Type::u32);
  return true;
}

bool decode_bytes(Builder& b, Modifiers& m, Instruction& i) {
  const bool lookup = m.base() == "lop3";
  if (!m.take("b32")) b.refuse("only .b32 is supported");
  i.run = lookup ? compute<std::uint32_t, Lookup, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>
                 : compute<std::uint32_t, Permute, std::uint32_t, std::uint32_t, std::uint32_t>;
  b.expect_arguments(lookup ? 5 : 4);
  i.destination = b.destination(b.argument(0), Type::b32);
  for (std::size_t k = 0; k + 1 < b.arguments(); ++k) i.source[k] = b.source(b.argument(k + 1), Type::b32);
  return true;
}

}  // namespace

bool decode_bits(Builder& b, Modifiers& m, Instruction& i) {
  const std::string_view base = m.base();
  if (base == "and" || base == "or" || base == "xor" || base == "not" || base == "cnot")
    return decode_logic(b, m, i);
  if (base == "shl" || base == "shr" || base == "shf") return decode_shift(b, m, i);
  if (base == "popc" || base == "clz" || base == "brev" || base == "bfind") return decode_count(b, m, i);
  if (base == "bfe" || base == "bfi") return decode_field(b, m, i);
  if (base == "prmt" || base == "lop3") return decode_bytes(b, m, i);
  return false;
}

}  // namespace orrery::ptx
