// Arithmetic of f32 and f64. Approximations (.approx) are computed to nearest or nearly so: more exact than a
// GPU.
#include <array>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

template <class T>
struct Add {
  T operator()(T a, T b) const { return a + b; }
};
template <class T>
struct Subtract {
  T operator()(T a, T b) const { return a - b; }
};
template <class T>
struct Multiply {
  T operator()(T a, T b) const { return a * b; }
};
template <class T>
struct Divide {
  T operator()(T a, T b) const { return a / b; }
};
template <class T>
struct Min {
  T operator()(T a, T b) const { return minimum(a, b); }
};
template <class T>
struct Max {
  T operator()(T a, T b) const { return maximum(a, b); }
};
// PTX copies the sign of the first operand to the second.
template <class T>
struct CopySign {
  T operator()(T a, T b) const { return std::copysign(b, a); }
};
template <class T>
struct Fused {
  T operator()(T a, T b, T c) const { return std::fma(a, b, c); }
};
template <class T>
struct Absolute {
  T operator()(T a) const { return std::fabs(a); }
};
template <class T>
struct Negate {
  T operator()(T a) const { return -a; }
};
template <class T>
struct Reciprocal {
  T operator()(T a) const { return T{1} / a; }
};
template <class T>
struct Root {
  T operator()(T a) const { return std::sqrt(a); }
};
template <class T>
struct ReciprocalRoot {
  T operator()(T a) const { return T{1} / std::sqrt(a); }
};
struct Exp2 {
  float operator()(float a) const { return std::exp2(a); }
};
struct Log2 {
  float operator()(float a) const { return std::log2(a); }
};
struct Sine {
  float operator()(float a) const { return std::sin(a); }
};
struct Cosine {
  float operator()(float a) const { return std::cos(a); }
};
struct Tanh {
  float operator()(float a) const { return std::tanh(a); }
};

// .ftz: subnormal inputs and results are zeros.
template <class F>
struct Flushed {
  template <class... T>
  float operator()(T... x) const {
    return flush(F{}(flush(x)...));
  }
};
// .sat: the result clamped to [0, 1], NaN to 0.
template <class F>
struct Saturated {
  template <class... T>
  float operator()(T... x) const {
    const float y = F{}(x...);
    return y > 0 ? (y < 1 ? y : 1.0F) : 0.0F;
  }
};
template <Rounding rounding>
struct FusedDirected {
  float operator()(float a, float b, float c) const { return fused_directed(a, b, c, rounding); }
};
template <Rounding rounding>
struct AddDirected {
  float operator()(float a, float b) const { return fused_directed(a, 1.0F, b, rounding); }
};
template <Rounding rounding>
struct SubtractDirected {
  float operator()(float a, float b) const { return fused_directed(b, -1.0F, a, rounding); }
};
template <Rounding rounding>
struct MultiplyDirected {
  float operator()(float a, float b) const {
    return fused_directed(a, b, std::signbit(a) == std::signbit(b) ? 0.0F : -0.0F, rounding);
  }
};

struct Modes {
  bool flush = false, saturate = false;
  Rounding rounding = Rounding::nearest;
};

template <class F, class... S>
Handler single(const Modes& modes) {
  if (modes.flush)
    return modes.saturate ? compute<float, Saturated<Flushed<F>>, S...> : compute<float, Flushed<F>, S...>;
  return modes.saturate ? compute<float, Saturated<F>, S...> : compute<float, F, S...>;
}

template <template <Rounding> class F, class... S>
Handler directed(const Modes& modes) {
  switch (modes.rounding) {
    case Rounding::zero:
      return single<F<Rounding::zero>, S...>(modes);
    case Rounding::down:
      return single<F<Rounding::down>, S...>(modes);
    default:
      return single<F<Rounding::up>, S...>(modes);
  }
}

using F32 = float;
using F64 = double;

Handler binary_single(std::string_view base, const Modes& modes) {
  const bool nearest = modes.rounding == Rounding::nearest;
  if (base == "add")
    return nearest ? single<Add<F32>, F32, F32>(modes) : directed<AddDirected, F32, F32>(modes);
  if (base == "sub")
    return nearest ? single<Subtract<F32>, F32, F32>(modes) : directed<SubtractDirected, F32, F32>(modes);
  if (base == "mul")
    return nearest ? single<Multiply<F32>, F32, F32>(modes) : directed<MultiplyDirected, F32, F32>(modes);
  if (!nearest) return nullptr;
  if (base == "div") return single<Divide<F32>, F32, F32>(modes);
  if (base == "min") return single<Min<F32>, F32, F32>(modes);
  if (base == "max") return single<Max<F32>, F32, F32>(modes);
  if (base == "copysign") return single<CopySign<F32>, F32, F32>(modes);
  return nullptr;
}

Handler unary_single(std::string_view base, const Modes& modes) {
  if (modes.rounding != Rounding::nearest) return nullptr;
  if (base == "abs") return single<Absolute<F32>, F32>(modes);
  if (base == "neg") return single<Negate<F32>, F32>(modes);
  if (base == "rcp") return single<Reciprocal<F32>, F32>(modes);
  if (base == "sqrt") return single<Root<F32>, F32>(modes);
  if (base == "rsqrt") return single<ReciprocalRoot<F32>, F32>(modes);
  if (base == "ex2") return single<Exp2, F32>(modes);
  if (base == "lg2") return single<Log2, F32>(modes);
  if (base == "sin") return single<Sine, F32>(modes);
  if (base == "cos") return single<Cosine, F32>(modes);
  if (base == "tanh") return single<Tanh, F32>(modes);
  return nullptr;
}

Handler binary_double(std::string_view base) {
  if (base == "add") return compute<F64, Add<F64>, F64, F64>;
  if (base == "sub") return compute<F64, Subtract<F64>, F64, F64>;
  if (base == "mul") return compute<F64, Multiply<F64>, F64, F64>;
  if (base == "div") return compute<F64, Divide<F64>, F64, F64>;
  if (base == "min") return compute<F64, Min<F64>, F64, F64>;
  if (base == "max") return compute<F64, Max<F64>, F64, F64>;
  if (base == "copysign") return compute<F64, CopySign<F64>, F64, F64>;
  return nullptr;
}

Handler unary_double(std::string_view base) {
  if (base == "abs") return compute<F64, Absolute<F64>, F64>;
  if (base == "neg") return compute<F64, Negate<F64>, F64>;
  if (base == "rcp") return compute<F64, Reciprocal<F64>, F64>;
  if (base == "sqrt") return compute<F64, Root<F64>, F64>;
  if (base == "rsqrt") return compute<F64, ReciprocalRoot<F64>, F64>;
  return nullptr;
}

Handler handler_of(std::string_view base, std::size_t sources, Type t, const Modes& modes) {
  if (t == Type::f64 && (modes.rounding != Rounding::nearest || modes.flush || modes.saturate))
    return nullptr;
  if (sources == 1) return t == Type::f32 ? unary_single(base, modes) : unary_double(base);
  if (sources == 2) return t == Type::f32 ? binary_single(base, modes) : binary_double(base);
  if (t == Type::f64) return compute<F64, Fused<F64>, F64, F64, F64>;
  if (modes.rounding != Rounding::nearest) return directed<FusedDirected, F32, F32, F32>(modes);
  return single<Fused<F32>, F32, F32, F32>(modes);
}

std::size_t sources_of(std::string_view base) {
  for (const std::string_view one :
       {"abs", "neg", "rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh"})
    if (base == one) return 1;
  for (const std::string_view two : {"add", "sub", "mul", "div", "min", "max", "copysign"})
    if (base == two) return 2;
  return base == "fma" || base == "mad" ? 3 : 0;
}

template <class T, class U, U sign_and_more, U infinity>
void test_property(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<T> from(lanes, i.source[0]);
  std::uint32_t result = 0;
  for_lanes(active, [&](int lane) {
    const U size = std::bit_cast<U>(from[lane]) & ~sign_and_more;
    const std::array<bool, 4> is{size<infinity, size == infinity, size <= infinity, size> infinity};
    result |= static_cast<std::uint32_t>(is[i.option]) << lane;
  });
  std::uint32_t& to = lanes.predicate(i.destination);
  to = (to & ~active) | (result & active);
}

bool decode_test(Builder& b, Modifiers& m, Instruction& i, Type t) {
  const auto property = m.take_one_of({"finite", "infinite", "number", "notanumber"});
  if (!property) b.refuse("this property is not supported");
  i.option = static_cast<std::uint8_t>(*property);
  i.run = t == Type::f32 ? test_property<float, std::uint32_t, 0x80000000U, 0x7f800000U>
                         : test_property<double, std::uint64_t, 1ULL << 63, 0x7ffULL << 52>;
  b.expect_arguments(2);
  i.destination = b.destination(b.argument(0), Type::pred);
  i.source[0] = b.source(b.argument(1), t);
  return true;
}

}  // namespace

bool decode_float(Builder& b, Modifiers& m, Instruction& i) {
  const auto t = m.peek_type();
  if (t != Type::f32 && t != Type::f64) return false;
  if (m.base() == "testp") {
    m.take_type();
    return decode_test(b, m, i, *t);
  }
  const std::size_t sources = sources_of(m.base());
  if (sources == 0) return false;
  m.take_type();
  Modes modes;
  modes.flush = m.take("ftz");
  modes.saturate = m.take("sat");
  const bool chooses = m.base() != "min" && m.base() != "max" && m.base() != "abs" && m.base() != "neg";
  if (chooses && !m.take("approx") && !m.take("full"))
    if (const auto r = m.take_one_of({"rn", "rz", "rm", "rp"})) modes.rounding = static_cast<Rounding>(*r);
  i.run = handler_of(m.base(), sources, *t, modes);
  if (i.run == nullptr) b.refuse("this type or rounding is not supported");
  b.expect_arguments(sources + 1);
  i.destination = b.destination(b.argument(0), *t);
  for (std::size_t k = 0; k < sources; ++k) i.source[k] = b.source(b.argument(k + 1), *t);
  return true;
}

}  // namespace orrery::ptx
