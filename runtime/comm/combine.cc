#include "runtime/comm/combine.h"

#include <bit>
#include <cstring>

#include "sim/base/error.h"
#include "sim/base/half.h"

namespace orrery::comm {
namespace {

struct Fp32 {
  using Element = float;
  static float widen(float x) { return x; }
  static float narrow(float x) { return x; }
};

struct Half {
  using Element = Bf16;
  static float widen(Bf16 x) { return to_float(x); }
  static Bf16 narrow(float x) { return to_bf16(x); }
};

struct Sum {
  static float of(float x, float y) { return x + y; }
};
// Commutes to the bit, zeros included, so that both sides of an exchange agree; a NaN on either side is one.
struct Max {
  static float of(float x, float y) {
    const float zero =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & std::bit_cast<std::uint32_t>(y));
    const float otherwise = x == y ? zero : x + y;
    return x < y ? y : x > y ? x : otherwise;
  }
};

// `to` may be `with`, which a compiler that vectorizes must know to be the very same or apart.
template <class Type, class Operation>
[[gnu::always_inline]] inline void loop(std::byte* to, const std::byte* with, const std::byte* incoming,
                                        std::size_t bytes) {
  using Element = typename Type::Element;
  auto* __restrict out = reinterpret_cast<Element*>(to);
  const auto* __restrict b = reinterpret_cast<const Element*>(incoming);
  const std::size_t n = bytes / sizeof(Element);
  const auto one = [](Element x, Element y) {
    return Type::narrow(Operation::of(Type::widen(x), Type::widen(y)));
  };
  if (to == with) {
    for (std::size_t i = 0; i < n; ++i) out[i] = one(out[i], b[i]);
  } else {
    const auto* __restrict a = reinterpret_cast<const Element*>(with);
    for (std::size_t i = 0; i < n; ++i) out[i] = one(a[i], b[i]);
  }
}

using Kernel = void (*)(std::byte*, const std::byte*, const std::byte*, std::size_t);

template <class Type, class Operation>
void portable(std::byte* to, const std::byte* with, const std::byte* incoming, std::size_t bytes) {
  loop<Type, Operation>(to, with, incoming, bytes);
}

#if defined(__x86_64__)
template <class Type, class Operation>
[[gnu::target("avx2")]] void avx2(std::byte* to, const std::byte* with, const std::byte* incoming,
                                  std::size_t bytes) {
  loop<Type, Operation>(to, with, incoming, bytes);
}

template <class Type, class Operation>
[[gnu::target("avx512f,avx512bw,avx512vl")]] void avx512(std::byte* to, const std::byte* with,
                                                         const std::byte* incoming, std::size_t bytes) {
  loop<Type, Operation>(to, with, incoming, bytes);
}
#endif

template <class Type, class Operation>
Kernel kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return avx512<Type, Operation>;
  if (__builtin_cpu_supports("avx2")) return avx2<Type, Operation>;
#endif
  return portable<Type, Operation>;
}

template <class Type>
Kernel kernel(Apply apply) {
  return apply == Apply::sum ? kernel<Type, Sum>() : kernel<Type, Max>();
}

}  // namespace

void combine(Apply apply, DType dtype, std::byte* to, const std::byte* with, const std::byte* incoming,
             std::size_t bytes) {
  if (apply == Apply::copy) {
    if (bytes > 0) std::memcpy(to, incoming, bytes);
    return;
  }
  ORRERY_CHECK(dtype == DType::fp32 || dtype == DType::bf16);
  (dtype == DType::fp32 ? kernel<Fp32>(apply) : kernel<Half>(apply))(to, with, incoming, bytes);
}

}  // namespace orrery::comm
