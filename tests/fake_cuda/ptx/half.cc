// Arithmetic of f16, bf16 and pairs of them, rounded once.
#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

Half narrowed(double x, Half) { return half_of(x); }
Bfloat narrowed(double x, Bfloat) { return bfloat_of(x); }

// Sums, differences and products of 16-bit numbers are exact in double or, summed, rounded innocuously.
struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return narrowed(sum_to_odd(to_double(a), to_double(b)), T{});
  }
};
struct Subtract {
  template <class T>
  T operator()(T a, T b) const {
    return narrowed(sum_to_odd(to_double(a), -to_double(b)), T{});
  }
};
struct Multiply {
  template <class T>
  T operator()(T a, T b) const {
    return narrowed(to_double(a) * to_double(b), T{});
  }
};
struct Min {
  template <class T>
  T operator()(T a, T b) const {
    return narrowed(minimum(to_double(a), to_double(b)), T{});
  }
};
struct Max {
  template <class T>
  T operator()(T a, T b) const {
    return narrowed(maximum(to_double(a), to_double(b)), T{});
  }
};
struct Fused {
  template <class T>
  T operator()(T a, T b, T c) const {
    return narrowed(sum_to_odd(to_double(a) * to_double(b), to_double(c)), T{});
  }
};
struct Absolute {
  template <class T>
  T operator()(T a) const {
    return T{static_cast<std::uint16_t>(a.bits & 0x7fffU)};
  }
};
struct Negate {
  template <class T>
  T operator()(T a) const {
    return T{static_cast<std::uint16_t>(a.bits ^ 0x8000U)};
  }
};
struct Exp2 {
  template <class T>
  T operator()(T a) const {
    return narrowed(std::exp2(to_double(a)), T{});
  }
};
struct Tanh {
  template <class T>
  T operator()(T a) const {
    return narrowed(std::tanh(to_double(a)), T{});
  }
};

// F on each half of 32 bits.
template <class T, class F>
struct Pairwise {
  template <class... U>
  std::uint32_t operator()(U... x) const {
    const T low = F{}(T{static_cast<std::uint16_t>(x)}...);
    const T high = F{}(T{static_cast<std::uint16_t>(x >> 16)}...);
    return low.bits | (static_cast<std::uint32_t>(high.bits) << 16);
  }
};

template <class F, class T>
Handler of_sources(std::size_t sources, bool pair) {
  using U = std::uint32_t;
  if constexpr (std::is_invocable_v<F, T>) {
    if (sources == 1) return pair ? compute<U, Pairwise<T, F>, U> : compute<T, F, T>;
  } else if constexpr (std::is_invocable_v<F, T, T>) {
    if (sources == 2) return pair ? compute<U, Pairwise<T, F>, U, U> : compute<T, F, T, T>;
  } else {
    if (sources == 3) return pair ? compute<U, Pairwise<T, F>, U, U, U> : compute<T, F, T, T, T>;
  }
  return nullptr;
}

template <class F>
Handler of_type(std::size_t sources, Type t) {
  const bool pair = t == Type::f16x2 || t == Type::bf16x2;
  return t == Type::f16 || t == Type::f16x2 ? of_sources<F, Half>(sources, pair)
                                            : of_sources<F, Bfloat>(sources, pair);
}

struct Operation {
  std::string_view base;
  std::size_t sources;
  Handler (*handler)(std::size_t sources, Type);
};
constexpr Operation operations[] = {
    {"add", 2, of_type<Add>},      {"sub", 2, of_type<Subtract>}, {"mul", 2, of_type<Multiply>},
    {"min", 2, of_type<Min>},      {"max", 2, of_type<Max>},      {"fma", 3, of_type<Fused>},
    {"abs", 1, of_type<Absolute>}, {"neg", 1, of_type<Negate>},   {"ex2", 1, of_type<Exp2>},
    {"tanh", 1, of_type<Tanh>},
};

}  // namespace

bool decode_half(Builder& b, Modifiers& m, Instruction& i) {
  const auto t = m.peek_type();
  if (t != Type::f16 && t != Type::f16x2 && t != Type::bf16 && t != Type::bf16x2) return false;
  for (const Operation& operation : operations) {
    if (operation.base != m.base()) continue;
    m.take_type();
    m.take_one_of({"rn", "approx"});
    i.run = operation.handler(operation.sources, *t);
    b.expect_arguments(operation.sources + 1);
    i.destination = b.destination(b.argument(0), *t);
    for (std::size_t k = 0; k < operation.sources; ++k) i.source[k] = b.source(b.argument(k + 1), *t);
    return true;
  }
  return false;
}

}  // namespace orrery::ptx
