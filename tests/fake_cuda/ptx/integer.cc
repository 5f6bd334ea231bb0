// add, sub, mul, mad, div, rem, min, max, abs, neg, sad of integers.
#include <limits>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

template <class T>
using Unsigned = std::make_unsigned_t<T>;

// Arithmetic modulo 2^n, also of signed types.
template <class T>
struct Add {
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
  }
};
template <class T>
struct Subtract {
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
  }
};
template <class T>
struct MultiplyLow {
  T operator()(T a, T b) const {
    using Wide = std::conditional_t<sizeof(T) < 4, std::uint32_t, Unsigned<T>>;  // no promotion to int
    return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b));
  }
};
__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 S128;

template <class T>
struct Twice;
template <>
struct Twice<std::uint16_t> {
  using Type = std::uint32_t;
};
template <>
struct Twice<std::int16_t> {
  using Type = std::int32_t;
};
template <>
struct Twice<std::uint32_t> {
  using Type = std::uint64_t;
};
template <>
struct Twice<std::int32_t> {
  using Type = std::int64_t;
};
template <>
struct Twice<std::uint64_t> {
  using Type = U128;
};
template <>
struct Twice<std::int64_t> {
  using Type = S128;
};
template <class T>
using Wide = typename Twice<T>::Type;

template <class T>
struct MultiplyHigh {
  T operator()(T a, T b) const {
    return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T)));
  }
};
template <class T>
struct MultiplyWide {
  Wide<T> operator()(T a, T b) const { return static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b); }
};
template <class T>
struct MaddLow {
  T operator()(T a, T b, T c) const { return Add<T>{}(MultiplyLow<T>{}(a, b), c); }
};
template <class T>
struct MaddHigh {
  T operator()(T a, T b, T c) const { return Add<T>{}(MultiplyHigh<T>{}(a, b), c); }
};
template <class T>
struct MaddWide {
  Wide<T> operator()(T a, T b, Wide<T> c) const { return Add<Wide<T>>{}(MultiplyWide<T>{}(a, b), c); }
};
// Division by zero gives all ones, as NVIDIA's code does; the ISA leaves it open.
template <class T>
struct Divide {
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(~Unsigned<T>{0});
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Subtract<T>{}(T{0}, a);
    return static_cast<T>(a / b);
  }
};
template <class T>
struct Remainder {
  T operator()(T a, T b) const {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
template <class T>
struct Min {
  T operator()(T a, T b) const { return a < b ? a : b; }
};
template <class T>
struct Max {
  T operator()(T a, T b) const { return a > b ? a : b; }
};
template <class T>
struct Negate {
  T operator()(T a) const { return Subtract<T>{}(T{0}, a); }
};
template <class T>
struct Absolute {
  T operator()(T a) const { return std::is_signed_v<T> && a < 0 ? Subtract<T>{}(T{0}, a) : a; }
};
template <class T>
struct SumOfDifference {
  T operator()(T a, T b, T c) const { return Add<T>{}(c, a < b ? Subtract<T>{}(b, a) : Subtract<T>{}(a, b)); }
};

template <class T, template <class> class F>
constexpr Handler unary = compute<T, F<T>, T>;
template <class T, template <class> class F>
constexpr Handler binary = compute<T, F<T>, T, T>;
template <class T, template <class> class F>
constexpr Handler ternary = compute<T, F<T>, T, T, T>;

// make(T{}) for the C++ type of `t`; null for others than 16, 32 and 64 bits.
template <class Make>
Handler of_integer(Type t, Make make) {
  switch (t) {
    case Type::b16:
    case Type::u16:
      return make(std::uint16_t{});
    case Type::s16:
      return make(std::int16_t{});
    case Type::b32:
    case Type::u32:
      return make(std::uint32_t{});
    case Type::s32:
      return make(std::int32_t{});
    case Type::b64:
    case Type::u64:
      return make(std::uint64_t{});
    case Type::s64:
      return make(std::int64_t{});
    default:
      return nullptr;
  }
}

#define ORRERY_OF_INTEGER(t, arity, F) of_integer(t, []<class T>(T) -> Handler { return arity<T, F>; })

Handler handler_of(std::string_view base, Type t) {
  if (base == "add") return ORRERY_OF_INTEGER(t, binary, Add);
  if (base == "sub") return ORRERY_OF_INTEGER(t, binary, Subtract);
  if (base == "div") return ORRERY_OF_INTEGER(t, binary, Divide);
  if (base == "rem") return ORRERY_OF_INTEGER(t, binary, Remainder);
  if (base == "min") return ORRERY_OF_INTEGER(t, binary, Min);
  if (base == "max") return ORRERY_OF_INTEGER(t, binary, Max);
  if (base == "neg") return ORRERY_OF_INTEGER(t, unary, Negate);
  if (base == "abs") return ORRERY_OF_INTEGER(t, unary, Absolute);
  if (base == "sad") return ORRERY_OF_INTEGER(t, ternary, SumOfDifference);
  return nullptr;
}

Type twice(Type t) {
  switch (t) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    default:
      return Type::s64;
  }
}

Handler wide_handler(bool add, Type t) {
  const auto make = [add]<class T>(T) -> Handler {
    return add ? Handler(compute<Wide<T>, MaddWide<T>, T, T, Wide<T>>)
               : Handler(compute<Wide<T>, MultiplyWide<T>, T, T>);
  };
  switch (t) {
    case Type::u16:
      return make(std::uint16_t{});
    case Type::s16:
      return make(std::int16_t{});
    case Type::u32:
      return make(std::uint32_t{});
    case Type::s32:
      return make(std::int32_t{});
    default:
      return nullptr;
  }
}

bool decode_multiply(Builder& b, Modifiers& m, Instruction& i, Type t) {
  const bool add = m.base() == "mad";
  const auto part = m.take_one_of({"lo", "hi", "wide"});
  if (!part) b.refuse("which half of the product is not said");
  Type result = t;
  if (*part == 2) {
    i.run = wide_handler(add, t);
    result = twice(t);
  } else if (*part == 1) {
    i.run = add ? ORRERY_OF_INTEGER(t, ternary, MaddHigh) : ORRERY_OF_INTEGER(t, binary, MultiplyHigh);
  } else {
    i.run = add ? ORRERY_OF_INTEGER(t, ternary, MaddLow) : ORRERY_OF_INTEGER(t, binary, MultiplyLow);
  }
  if (i.run == nullptr) b.refuse("this type is not supported");
  b.expect_arguments(add ? 4 : 3);
  i.destination = b.destination(b.argument(0), result);
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = b.source(b.argument(2), t);
  if (add) i.source[2] = b.source(b.argument(3), result);
  return true;
}

}  // namespace

bool decode_integer(Builder& b, Modifiers& m, Instruction& i) {
  const auto peeked = m.peek_type();
  if (!peeked || is_float(*peeked) || *peeked == Type::pred) return false;
  const Type t = *peeked;
  if (m.base() == "mul" || m.base() == "mad") {
    m.take_type();
    return decode_multiply(b, m, i, t);
  }
  i.run = handler_of(m.base(), t);
  if (i.run == nullptr) return false;
  m.take_type();
  const std::size_t sources = m.base() == "neg" || m.base() == "abs" ? 1 : m.base() == "sad" ? 3 : 2;
  b.expect_arguments(sources + 1);
  i.destination = b.destination(b.argument(0), t);
  for (std::size_t k = 0; k < sources; ++k) i.source[k] = b.source(b.argument(k + 1), t);
  return true;
}

}  // namespace orrery::ptx
