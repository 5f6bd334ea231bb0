#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {
namespace {

const std::int64_t* ids_of(const TensorRef& ids) { return static_cast<const std::int64_t*>(ids.data); }

}  // namespace

void embedding(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &table = k.in[1], &positions = k.in[2], &out = k.out[0];
  const std::int64_t h = out.columns;
  float* table_row = workspace.floats(h);
  float* position_row = workspace.floats(h);
  float* out_row = workspace.floats(h);
  for (std::int64_t t = 0; t < out.rows; ++t) {
    const std::int64_t row = ids_of(k.in[0])[t] - k.attributes.first_row;
    float* to = place(out, t * h, out_row);
    if (row >= 0 && row < table.rows)
      std::memcpy(to, read(table, row * h, h, table_row), static_cast<std::size_t>(h) * sizeof(float));
    else
      fill(to, h, 0);
    if (positions) accumulate(to, read(positions, t % k.attributes.sequence * h, h, position_row), h);
    write(out, t * h, h, to);
  }
}

// The tokens of each row of the table are chained, so that a row is summed in fp32 in order of its tokens and
// written once.
void embedding_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &dy = k.in[0], &d_table = k.out[0], &d_positions = k.out[1];
  const std::int64_t h = dy.columns, tokens = dy.rows, sequence = k.attributes.sequence;
  float* row = workspace.floats(h);
  float* sum = workspace.floats(h);
  auto* first = reinterpret_cast<std::int32_t*>(workspace.floats(d_table.rows));
  auto* next = reinterpret_cast<std::int32_t*>(workspace.floats(tokens));
  for (std::int64_t r = 0; r < d_table.rows; ++r) first[r] = -1;
  for (std::int64_t t = tokens - 1; t >= 0; --t) {
    const std::int64_t r = ids_of(k.in[1])[t] - k.attributes.first_row;
    if (r < 0 || r >= d_table.rows) continue;
    next[t] = first[r];
    first[r] = static_cast<std::int32_t>(t);
  }
  for (std::int64_t r = 0; r < d_table.rows; ++r) {
    if (first[r] < 0 && k.attributes.add) continue;
    fill(sum, h, 0);
    for (std::int32_t t = first[r]; t >= 0; t = next[t]) accumulate(sum, read(dy, t * h, h, row), h);
    write(d_table, r * h, h, sum, k.attributes.add);
  }
  if (!d_positions) return;
  for (std::int64_t p = 0; p < d_positions.rows; ++p) {
    fill(sum, h, 0);
    if (p < sequence)
      for (std::int64_t t = p; t < tokens; t += sequence) accumulate(sum, read(dy, t * h, h, row), h);
    write(d_positions, p * h, h, sum, k.attributes.add);
  }
}

}  // namespace orrery::ORRERY_ISA
