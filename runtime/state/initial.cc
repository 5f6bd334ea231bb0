#include "runtime/state/initial.h"

#include <algorithm>
#include <cmath>

#include "runtime/state/hash64.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/base/math.h"

namespace orrery {
namespace {

// a[0] + a[1] x + ... over b[0] + b[1] x + ...
double ratio(const double (&a)[8], const double (&b)[8], double x) {
  double above = a[7], below = b[7];
  for (int i = 6; i >= 0; --i) {
    above = above * x + a[i];
    below = below * x + b[i];
  }
  return above / below;
}

}  // namespace

double normal_quantile(double p) {
  constexpr double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                           1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                           3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr double b[8] = {1.0,
                           4.2313330701600911252e+1,
                           6.8718700749205790830e+2,
                           5.3941960214247511077e+3,
                           2.1213794301586595867e+4,
                           3.9307895800092710610e+4,
                           2.8729085735721942674e+4,
                           5.2264952788528545610e+3};
  constexpr double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                           3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                           2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[8] = {1.0,
                           2.05319162663775882187e0,
                           1.67638483018380384940e0,
                           6.89767334985100004550e-1,
                           1.48103976427480074590e-1,
                           1.51986665636164571966e-2,
                           5.47593808499534494600e-4,
                           1.05075007164441684324e-9};
  constexpr double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                           2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                           2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[8] = {1.0,
                           5.99832206555887937690e-1,
                           1.36929880922735805310e-1,
                           1.48753612908506148525e-2,
                           7.86869131145613259100e-4,
                           1.84631831751005468180e-5,
                           1.42151175831644588870e-7,
                           2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
  constexpr double ln2 = 0.69314718055994531;
  const double r = std::sqrt(-ln2 * log2(q < 0 ? p : 1 - p));
  const double tail = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
  return q < 0 ? -tail : tail;
}

InitialWeights::InitialWeights(const Model& model, std::uint64_t seed, double deviation) {
  for (const CanonicalTensor& t : canonical_tensors(model)) {
    Tensor& own = tensors_[t.name];
    own.columns = t.columns;
    if (t.vector) {
      own.value = t.name.ends_with(".weight") ? 1.0F : 0.0F;
      continue;
    }
    const bool residual = t.name.ends_with("attention.out.weight") || t.name.ends_with("mlp.down.weight");
    own.deviation = residual ? deviation / std::sqrt(2.0 * model.depth()) : deviation;
    own.key = hash64(std::as_bytes(std::span(t.name.data(), t.name.size())), seed);
  }
}

void InitialWeights::read(const Slice& slice, std::span<float> to) const {
  const auto found = tensors_.find(slice.tensor);
  ORRERY_CHECK(found != tensors_.end() && std::ssize(to) == slice.elements());
  const Tensor& tensor = found->second;
  if (tensor.deviation == 0) return std::fill(to.begin(), to.end(), tensor.value);
  std::size_t next = 0;
  for (std::int64_t row = slice.row; row < slice.row + slice.rows; ++row)
    for (std::int64_t column = slice.column; column < slice.column + slice.columns; ++column) {
      constexpr std::uint64_t step = 0x9e3779b97f4a7c15;  // of SplitMix64
      const auto element = static_cast<std::uint64_t>(row * tensor.columns + column);
      const std::uint64_t bits = mix(tensor.key + element * step);
      const double uniform = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
      to[next++] = static_cast<float>(tensor.deviation * normal_quantile(uniform));
    }
}

}  // namespace orrery
