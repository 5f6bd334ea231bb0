#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {

void rotary(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& qkv = k.out[0];
  const std::int64_t pairs = a.head_dim / 2, turned = (a.heads + a.kv_heads) * a.head_dim;
  const float* table = workspace.rotary_table(a.rotary, a.sequence, a.head_dim);
  float* row = workspace.floats(turned);
  float* sines = workspace.floats(pairs);
  for (std::int64_t t = 0; t < qkv.rows; ++t) {
    const float* cosine = table + t % a.sequence * a.head_dim;
    const float* sine = cosine + pairs;
#pragma omp simd
    for (std::int64_t i = 0; i < pairs; ++i) sines[i] = a.inverse ? -sine[i] : sine[i];
    const float* from = read(qkv, t * qkv.columns, turned, row);
    float* to = place(qkv, t * qkv.columns, row);
    for (std::int64_t head = 0; head < turned; head += a.head_dim) {
      const float* x = from + head;
      float* y = to + head;
#pragma omp simd
      for (std::int64_t i = 0; i < pairs; ++i) {
        const Pair turned_pair = rotate({x[i], x[i + pairs]}, cosine[i], sines[i]);
        y[i] = turned_pair.a;
        y[i + pairs] = turned_pair.b;
      }
    }
    write(qkv, t * qkv.columns, turned, to);
  }
}

}  // namespace orrery::ORRERY_ISA
