// cvt between numbers.
#include <algorithm>
#include <limits>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

double rounded(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::integer_nearest:
      return std::nearbyint(x);
    case Rounding::integer_zero:
      return std::trunc(x);
    case Rounding::integer_down:
      return std::floor(x);
    case Rounding::integer_up:
      return std::ceil(x);
    default:
      return x;
  }
}

template <class T>
constexpr bool is_16_bit = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>;
template <class T>
constexpr bool is_number = std::is_floating_point_v<T> || is_16_bit<T>;

template <class D>
D narrowed(double x, Rounding rounding) {
  if constexpr (std::is_same_v<D, Half>) {
    return half_of(x, rounding);
  } else if constexpr (std::is_same_v<D, Bfloat>) {
    return bfloat_of(x, rounding);
  } else if constexpr (std::is_same_v<D, float>) {
    if (rounding == Rounding::nearest) return static_cast<float>(x);
    const auto near = static_cast<float>(x);  // toward zero
    return std::fabs(static_cast<double>(near)) > std::fabs(x) ? std::nextafterf(near, 0.0F) : near;
  } else {
    return x;
  }
}

// Out of range gives the nearest value in it, NaN zero.
template <class D>
D integer_of(double x) {
  constexpr double most = static_cast<double>(std::numeric_limits<D>::max());  // of 64 bits: one more
  constexpr double least = static_cast<double>(std::numeric_limits<D>::min());
  if (x != x) return 0;
  if (x >= most) return std::numeric_limits<D>::max();
  if (x <= least) return std::numeric_limits<D>::min();
  return static_cast<D>(x);
}

template <class D, class S>
D clamped(S x) {
  if (std::cmp_less(x, std::numeric_limits<D>::min())) return std::numeric_limits<D>::min();
  if (std::cmp_greater(x, std::numeric_limits<D>::max())) return std::numeric_limits<D>::max();
  return static_cast<D>(x);
}

template <class S>
double value_of(S x) {
  if constexpr (is_16_bit<S>) {
    return to_double(x);
  } else {
    return static_cast<double>(x);
  }
}

template <class D, class S>
D convert(S x, Rounding rounding, bool saturate) {
  if constexpr (is_number<S> && is_number<D>) {
    if constexpr (std::is_same_v<S, float> && std::is_same_v<D, Bfloat>)
      if (rounding == Rounding::nearest) return bfloat_of_float(x);
    double value = rounded(value_of(x), rounding);
    if (saturate) value = value > 0 ? std::min(value, 1.0) : 0.0;
    return narrowed<D>(value, rounding == Rounding::zero ? Rounding::zero : Rounding::nearest);
  } else if constexpr (is_number<S>) {
    return integer_of<D>(rounded(value_of(x), rounding));
  } else if constexpr (std::is_floating_point_v<D>) {
    return static_cast<D>(x);
  } else if constexpr (is_number<D>) {
    return narrowed<D>(static_cast<double>(x), Rounding::nearest);
  } else {
    return saturate ? clamped<D>(x) : static_cast<D>(x);
  }
}

// Destinations may be wider than D: the value is extended by its sign or with zeros.
template <class D>
void store(Lanes& lanes, const Instruction& i, int lane, D value) {
  if constexpr (std::is_integral_v<D> && sizeof(D) < 8) {
    const auto extended = static_cast<std::int64_t>(value);
    switch (i.width) {
      case Width::w16:
        lanes.at<std::uint32_t>(i.destination)[lane] = static_cast<std::uint16_t>(extended);
        return;
      case Width::w32:
        lanes.at<std::uint32_t>(i.destination)[lane] = static_cast<std::uint32_t>(extended);
        return;
      case Width::w64:
        lanes.at<std::uint64_t>(i.destination)[lane] = static_cast<std::uint64_t>(extended);
        return;
    }
  } else {
    View<D>(lanes, i.destination).set(lane, value);
  }
}

template <class D, class S>
void convert_lanes(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<S> from(lanes, i.source[0]);
  const auto rounding = static_cast<Rounding>(i.option);
  for_lanes(active, [&](int lane) {
    if constexpr (std::is_same_v<S, float>) {
      const float x = i.count != 0 ? flush(from[lane]) : from[lane];
      store(lanes, i, lane, convert<D>(x, rounding, i.saturate));
    } else {
      store(lanes, i, lane, convert<D>(from[lane], rounding, i.saturate));
    }
  });
}

template <class Visit>
Handler visit(Type t, Visit f) {
  switch (t) {
    case Type::u8:
    case Type::b8:
      return f(std::uint8_t{});
    case Type::s8:
      return f(std::int8_t{});
    case Type::u16:
    case Type::b16:
      return f(std::uint16_t{});
    case Type::s16:
      return f(std::int16_t{});
    case Type::u32:
    case Type::b32:
      return f(std::uint32_t{});
    case Type::s32:
      return f(std::int32_t{});
    case Type::u64:
    case Type::b64:
      return f(std::uint64_t{});
    case Type::s64:
      return f(std::int64_t{});
    case Type::f16:
      return f(Half{});
    case Type::bf16:
      return f(Bfloat{});
    case Type::f32:
      return f(float{});
    case Type::f64:
      return f(double{});
    default:
      return nullptr;
  }
}

// Two floats to a pair; the first becomes the high half.
template <class T>
void pack(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<float> high(lanes, i.source[0]), low(lanes, i.source[1]);
  View<std::uint32_t> to(lanes, i.destination);
  const auto rounding = static_cast<Rounding>(i.option);
  for_lanes(active, [&](int lane) {
    const std::uint32_t upper = convert<T>(high[lane], rounding, false).bits;
    to.set(lane, (upper << 16) | convert<T>(low[lane], rounding, false).bits);
  });
}

bool decode_pack(Builder& b, Instruction& i, Type to, Type from) {
  if (from != Type::f32) b.refuse("only two .f32 are packed");
  i.run = to == Type::f16x2 ? pack<Half> : pack<Bfloat>;
  b.expect_arguments(3);
  i.destination = b.destination(b.argument(0), to);
  i.source[0] = b.source(b.argument(1), from);
  i.source[1] = b.source(b.argument(2), from);
  return true;
}

}  // namespace

bool decode_convert(Builder& b, Modifiers& m, Instruction& i) {
  if (m.base() != "cvt") return false;
  const Type to = b.type(m), from = b.type(m);
  const auto rounding = m.take_one_of({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
  i.option = static_cast<std::uint8_t>(rounding.value_or(0));
  i.count = m.take("ftz") ? 1 : 0;
  i.saturate = m.take("sat");
  const auto r = static_cast<Rounding>(i.option);
  const bool exact = is_float(from) && is_float(to) && size_of(to) > size_of(from);
  if (r == Rounding::down || r == Rounding::up ||
      (r == Rounding::zero && !(is_float(from) && is_float(to)) && !exact))
    b.refuse("this rounding is not supported");
  if (is_float(from) && !is_float(to) && i.option < static_cast<std::uint8_t>(Rounding::integer_nearest))
    b.refuse("a rounding to an integer is missing");
  if (to == Type::f16x2 || to == Type::bf16x2) return decode_pack(b, i, to, from);
  i.run = visit(to, [from]<class D>(D) {
    return visit(from, []<class S>(S) -> Handler { return convert_lanes<D, S>; });
  });
  if (i.run == nullptr) b.refuse("this conversion is not supported");
  b.expect_arguments(2);
  i.destination = b.destination_at_least(b.argument(0), to, i);
  if (is_float(to) && (i.width == Width::w64) != (size_of(to) == 8))
    b.refuse("the destination has another width");
  i.source[0] = b.source(b.argument(1), from);
  return true;
}

}  // namespace orrery::ptx
