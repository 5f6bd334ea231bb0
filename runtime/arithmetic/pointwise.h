// What is computed element by element, written once for every backend: plain inline functions of floats that
// a CPU compiler can vectorise and nvcc can compile for a device. No branches on data, no library calls but
// sqrt.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "sim/base/half.h"
#include "sim/base/host_device.h"
#include "sim/model/model.h"

namespace orrery {

// a * b + c, rounded once where the instruction set can.
ORRERY_HOST_DEVICE float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__CUDA_ARCH__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// e^x to 2e-7 relative; 0 below -87.3, infinity above 88.3. Range reduction by ln 2 in two parts; polynomial
// of Cephes (Moshier 1989), expf.
ORRERY_HOST_DEVICE float fast_exp(float x) {
  constexpr float lowest = -87.33F, highest = 88.37F, to_integer = 12582912.0F;  // 1.5 * 2^23
  const float inside = x < lowest ? lowest : (x > highest ? highest : x);
  const float shifted = multiply_add(inside, 1.44269504F, to_integer);
  const float n = shifted - to_integer;
  const float r = multiply_add(n, 2.12194440e-4F, multiply_add(n, -0.693359375F, inside));
  float p = 1.9875691500e-4F;
  p = multiply_add(p, r, 1.3981999507e-3F);
  p = multiply_add(p, r, 8.3334519073e-3F);
  p = multiply_add(p, r, 4.1665795894e-2F);
  p = multiply_add(p, r, 1.6666665459e-1F);
  p = multiply_add(p, r, 5.0000001201e-1F);
  const float fraction = multiply_add(p, r * r, r) + 1.0F;
  const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U);
  return x < lowest ? 0.0F : (x > highest ? HUGE_VALF : fraction * power);
}

ORRERY_HOST_DEVICE float sigmoid(float x) { return 1.0F / (1.0F + fast_exp(-x)); }

// The standard normal distribution and its density. erfc(z) = exp(-z^2) t P(t), t = 1 / (1 + 0.3275911 z) as
// Abramowitz & Stegun 7.1.26, with a minimax polynomial of degree 7: relative error 1e-7 for z in 0 ... 9.3,
// before rounding.
struct Normal {
  float distribution, density;
};
ORRERY_HOST_DEVICE Normal normal(float x) {
  const float z = std::fabs(x) * 0.707106781F;
  const float t = 1.0F / (1.0F + 0.3275911F * z);
  float p = -0.142076849F;
  p = multiply_add(p, t, 0.500666994F);
  p = multiply_add(p, t, -0.412815586F);
  p = multiply_add(p, t, 0.459676408F);
  p = multiply_add(p, t, 0.0219647816F);
  p = multiply_add(p, t, 0.206968799F);
  p = multiply_add(p, t, 0.180550272F);
  p = multiply_add(p, t, 0.185065279F);
  const float e = fast_exp(-z * z);
  const float tail = 0.5F * e * t * p;
  return {x > 0 ? 1.0F - tail : tail, e * 0.398942280F};
}

// The argument of the sigmoid that gelu_tanh multiplies x by: (1 + tanh u) / 2 = sigmoid(2 u),
// u = sqrt(2 / pi) (x + 0.044715 x^3).
ORRERY_HOST_DEVICE float gelu_tanh_argument(float x) { return 1.59576912F * (x + 0.044715F * x * x * x); }

template <Activation kind>
ORRERY_HOST_DEVICE float activate(float x) {
  if constexpr (kind == Activation::gelu) return x * normal(x).distribution;
  if constexpr (kind == Activation::gelu_tanh) return x * sigmoid(gelu_tanh_argument(x));
  if constexpr (kind == Activation::silu) return x * sigmoid(x);
  const float positive = x < 0 ? 0.0F : x;
  return kind == Activation::relu ? positive : positive * positive;
}

template <Activation kind>
ORRERY_HOST_DEVICE float activate_gradient(float x) {
  if constexpr (kind == Activation::gelu) {
    const Normal n = normal(x);
    return n.distribution + x * n.density;
  }
  if constexpr (kind == Activation::gelu_tanh) {
    const float s = sigmoid(gelu_tanh_argument(x));
    return s + x * s * (1.0F - s) * 1.59576912F * (1.0F + 0.134145F * x * x);
  }
  if constexpr (kind == Activation::silu) {
    const float s = sigmoid(x);
    return s + x * s * (1.0F - s);
  }
  const float positive = x < 0 ? 0.0F : x;
  return kind == Activation::relu ? (x > 0 ? 1.0F : 0.0F) : 2.0F * positive;
}

// A pair of coordinates turned by an angle.
struct Pair {
  float a, b;
};
ORRERY_HOST_DEVICE Pair rotate(Pair x, float cosine, float sine) {
  return {x.a * cosine - x.b * sine, x.b * cosine + x.a * sine};
}

// Philox4x32-10 (Salmon et al. 2011): four random words from a counter of 128 bits, low words first, and a
// key of 64.
struct Words {
  std::uint32_t w0, w1, w2, w3;
};
ORRERY_HOST_DEVICE Words philox(Words c, std::uint32_t key0, std::uint32_t key1) {
#ifdef __CUDA_ARCH__
#pragma unroll 1
#endif
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c.w0, p1 = std::uint64_t{0xCD9E8D57U} * c.w2;
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c.w1 ^ key0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c.w3 ^ key1, static_cast<std::uint32_t>(p0)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return c;
}

// Kernels with dropout draw from the key `seed` and the stream of (step, key), element e from word e % 4 of
// counter e / 4; it is dropped if that word is under dropout * 2^32.
ORRERY_HOST_DEVICE std::uint64_t dropout_stream(std::uint64_t step, std::uint64_t dropout_key) {
  return dropout_key + step * 0x9E3779B97F4A7C15U;
}

// AdamW with decoupled decay (Loshchilov & Hutter 2019) of one element. `correction`s are 1 - beta^t.
struct AdamW {
  float learning_rate, beta1, beta2, epsilon, decay, correction1, root_correction2;
};
ORRERY_HOST_DEVICE void adamw(const AdamW& o, float gradient, float& first, float& second, float& weight) {
  first = o.beta1 * first + (1.0F - o.beta1) * gradient;
  second = o.beta2 * second + (1.0F - o.beta2) * gradient * gradient;
  const float root = std::sqrt(second) / o.root_correction2 + o.epsilon;
  weight = weight * (1.0F - o.learning_rate * o.decay) - o.learning_rate / o.correction1 * first / root;
}

}  // namespace orrery
