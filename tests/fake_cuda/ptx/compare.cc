// setp, selp, slct: comparisons into predicates, and choices by them.
#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

enum class Relation : std::uint8_t { eq, ne, lt, le, gt, ge };
enum class Combine : std::uint8_t { none, and_, or_, xor_ };

template <class T>
auto comparable(T x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>) {
    return to_float(x);
  } else {
    return x;
  }
}

// `unordered`: the answer if an operand is NaN.
template <class T, Relation relation, bool unordered>
struct Compare {
  bool operator()(T x, T y) const {
    const auto a = comparable(x), b = comparable(y);
    if constexpr (!std::is_integral_v<decltype(a)>) {
      if (a != a || b != b) return unordered;
    }
    switch (relation) {
      case Relation::eq:
        return a == b;
      case Relation::ne:
        return a != b;
      case Relation::lt:
        return a < b;
      case Relation::le:
        return a <= b;
      case Relation::gt:
        return a > b;
      case Relation::ge:
        return a >= b;
    }
  }
};
template <class T, bool wanted>
struct IsNan {
  bool operator()(T x, T y) const {
    const auto a = comparable(x), b = comparable(y);
    return (a != a || b != b) == wanted;
  }
};

void write(std::uint32_t& to, std::uint32_t value, std::uint32_t active) {
  to = (to & ~active) | (value & active);
}

// destination = test combined with source[2]; second = its complement, combined likewise.
template <class T, class F>
void set_predicate(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<T> a(lanes, i.source[0]), b(lanes, i.source[1]);
  std::uint32_t test = 0;
  if (active == all_lanes) {
    for (int lane = 0; lane < warp_size; ++lane)
      test |= static_cast<std::uint32_t>(F{}(a[lane], b[lane])) << lane;
  } else {
    for_lanes(active, [&](int lane) { test |= static_cast<std::uint32_t>(F{}(a[lane], b[lane])) << lane; });
  }
  std::uint32_t other = ~test;
  if (i.option != 0) {
    const std::uint32_t with = i.saturate ? ~lanes.predicate(i.source[2]) : lanes.predicate(i.source[2]);
    const auto combined = [&](std::uint32_t x) {
      const auto combine = static_cast<Combine>(i.option);
      return combine == Combine::and_ ? x & with : combine == Combine::or_ ? x | with : x ^ with;
    };
    test = combined(test);
    other = combined(other);
  }
  write(lanes.predicate(i.destination), test, active);
  if (i.second != Instruction::none) write(lanes.predicate(i.second), other, active);
}

template <class T, bool unordered>
Handler of_relation(Relation r) {
  switch (r) {
    case Relation::eq:
      return set_predicate<T, Compare<T, Relation::eq, unordered>>;
    case Relation::ne:
      return set_predicate<T, Compare<T, Relation::ne, unordered>>;
    case Relation::lt:
      return set_predicate<T, Compare<T, Relation::lt, unordered>>;
    case Relation::le:
      return set_predicate<T, Compare<T, Relation::le, unordered>>;
    case Relation::gt:
      return set_predicate<T, Compare<T, Relation::gt, unordered>>;
    default:
      return set_predicate<T, Compare<T, Relation::ge, unordered>>;
  }
}

template <class T>
Handler of_float(Modifiers& m) {
  if (const auto r = m.take_one_of({"eq", "ne", "lt", "le", "gt", "ge"}))
    return of_relation<T, false>(static_cast<Relation>(*r));
  if (const auto r = m.take_one_of({"equ", "neu", "ltu", "leu", "gtu", "geu"}))
    return of_relation<T, true>(static_cast<Relation>(*r));
  if (m.take("num")) return set_predicate<T, IsNan<T, false>>;
  if (m.take("nan")) return set_predicate<T, IsNan<T, true>>;
  return nullptr;
}

template <class T>
Handler of_integer(Modifiers& m) {
  if (const auto r = m.take_one_of({"eq", "ne", "lt", "le", "gt", "ge"}))
    return of_relation<T, false>(static_cast<Relation>(*r));
  if (std::is_unsigned_v<T>)
    if (const auto r = m.take_one_of({"lo", "ls", "hi", "hs"}))
      return of_relation<T, false>(static_cast<Relation>(*r + static_cast<std::size_t>(Relation::lt)));
  return nullptr;
}

Handler comparison(Modifiers& m, Type t) {
  switch (t) {
    case Type::f32:
      return of_float<float>(m);
    case Type::f64:
      return of_float<double>(m);
    case Type::f16:
      return of_float<Half>(m);
    case Type::bf16:
      return of_float<Bfloat>(m);
    case Type::b16:
    case Type::u16:
      return of_integer<std::uint16_t>(m);
    case Type::s16:
      return of_integer<std::int16_t>(m);
    case Type::b32:
    case Type::u32:
      return of_integer<std::uint32_t>(m);
    case Type::s32:
      return of_integer<std::int32_t>(m);
    case Type::b64:
    case Type::u64:
      return of_integer<std::uint64_t>(m);
    case Type::s64:
      return of_integer<std::int64_t>(m);
    default:
      return nullptr;
  }
}

bool decode_set(Builder& b, Modifiers& m, Instruction& i) {
  const Type t = b.type(m);
  i.run = comparison(m, t);
  if (i.run == nullptr) b.refuse("this comparison is not supported");
  if (m.take("ftz")) b.refuse("'.ftz' is not supported");
  if (const auto c = m.take_one_of({"and", "or", "xor"})) i.option = static_cast<std::uint8_t>(*c + 1);
  b.expect_arguments(i.option != 0 ? 4 : 3);
  const Argument& to = b.argument(0);
  i.destination = b.destination(to, Type::pred);
  if (!to.second.empty() && to.second != "_") {
    Argument second = to;
    second.name = to.second;
    i.second = b.destination(second, Type::pred);
  }
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = b.source(b.argument(2), t);
  if (i.option != 0) {
    Argument with = b.argument(3);
    i.saturate = with.negated;
    with.negated = false;
    i.source[2] = b.source(with, Type::pred);
  }
  return true;
}

template <class T>
void select(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t chosen = lanes.predicate(i.source[2]);
  const View<T> a(lanes, i.source[0]), b(lanes, i.source[1]);
  View<T> to(lanes, i.destination);
  for_lanes(active, [&](int lane) { to.set(lane, ((chosen >> lane) & 1U) != 0 ? a[lane] : b[lane]); });
}

template <class T, class By>
struct SelectBySign {
  T operator()(T a, T b, By c) const { return c >= By{0} ? a : b; }
};

bool decode_select(Builder& b, Modifiers& m, Instruction& i) {
  const Type t = b.type(m);
  const std::size_t bytes = size_of(t);
  i.run = bytes == 2 ? select<std::uint16_t> : bytes == 4 ? select<std::uint32_t> : select<std::uint64_t>;
  b.expect_arguments(4);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = b.source(b.argument(2), t);
  i.source[2] = b.source(b.argument(3), Type::pred);
  return true;
}

bool decode_select_by_sign(Builder& b, Modifiers& m, Instruction& i) {
  const Type t = b.type(m);
  const Type by = b.type(m);
  const bool wide = size_of(t) == 8;
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  if (by == Type::s32) {
    i.run = wide ? compute<U64, SelectBySign<U64, std::int32_t>, U64, U64, std::int32_t>
                 : compute<U32, SelectBySign<U32, std::int32_t>, U32, U32, std::int32_t>;
  } else if (by == Type::f32) {
    i.run = wide ? compute<U64, SelectBySign<U64, float>, U64, U64, float>
                 : compute<U32, SelectBySign<U32, float>, U32, U32, float>;
  } else {
    return false;
  }
  b.expect_arguments(4);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  i.source[1] = b.source(b.argument(2), t);
  i.source[2] = b.source(b.argument(3), by);
  return true;
}

}  // namespace

bool decode_compare(Builder& b, Modifiers& m, Instruction& i) {
  if (m.base() == "setp") return decode_set(b, m, i);
  if (m.base() == "selp") return decode_select(b, m, i);
  if (m.base() == "slct") return decode_select_by_sign(b, m, i);
  return false;
}

}  // namespace orrery::ptx
