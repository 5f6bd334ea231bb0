// The kernels of the CPU backend, on shapes of a small GPT: matrix products beside oneDNN called directly,
// the rest by the bytes that they read and write.
#include <benchmark/benchmark.h>

#ifdef ORRERY_ONEDNN
#include <dnnl.hpp>
extern "C" void omp_set_num_threads(int);
#endif

#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "runtime/cpu/kernels/run.h"

namespace orrery::bench {
namespace {

using Int = std::int64_t;

// Memory for operands: zeroed, so that no page is touched for the first time in a measurement.
class Operands {
 public:
  TensorRef operator()(Int rows, Int columns, DType dtype = DType::fp32) {
    const auto bytes = static_cast<std::size_t>(rows * columns * size_of(dtype)) + 64;
    auto& memory = memory_.emplace_back(std::make_unique<std::byte[]>(bytes));
    auto address = reinterpret_cast<std::uintptr_t>(memory.get());
    return {reinterpret_cast<void*>((address + 63) / 64 * 64), dtype, rows, columns};
  }
  // Numbers between -1 and 1, for kernels whose time depends on them.
  TensorRef filled(Int rows, Int columns, DType dtype = DType::fp32) {
    const TensorRef t = (*this)(rows, columns, dtype);
    for (Int i = 0; i < rows * columns; ++i) {
      const float x = static_cast<float>((i * 7919) % 1999) / 1000.0F - 1.0F;
      std::uint32_t bits = 0;
      std::memcpy(&bits, &x, sizeof bits);
      const auto high = static_cast<std::uint16_t>(bits >> 16);
      if (dtype == DType::fp32)
        static_cast<float*>(t.data)[i] = x;
      else
        std::memcpy(static_cast<std::uint16_t*>(t.data) + i, &high, sizeof high);
    }
    return t;
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> memory_;
};

void measure(benchmark::State& state, const Kernel& k, const char* unit, double amount,
             MatrixLibrary library = fastest_matrix_library()) {
  KernelWorkspace workspace(library);
  run(k, workspace);
  run(k, workspace);
  for (auto _ : state) run(k, workspace);
  state.counters[unit] = benchmark::Counter(amount * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

double bytes_of(const Kernel& k) {
  double bytes = 0;
  for (const TensorRef& t : k.in)
    if (t) bytes += static_cast<double>(t.elements() * size_of(t.dtype));
  for (const TensorRef& t : k.out)
    if (t) bytes += static_cast<double>(t.elements() * size_of(t.dtype));
  return bytes;
}

// Pass 0: forward, 1: input gradient, 2: weight gradient, of a linear T x k -> T x n with weights n x k.
Kernel linear(Operands& operands, Int tokens, Int n, Int k, Int pass, DType dtype) {
  const auto t = [&](Int rows, Int columns) { return operands.filled(rows, columns, dtype); };
  if (pass == 0)
    return {.name = KernelName::matmul,
            .in = {t(tokens, k), t(n, k)},
            .out = {t(tokens, n)},
            .attributes = {.transpose_b = true}};
  if (pass == 1) return {.name = KernelName::matmul, .in = {t(tokens, n), t(n, k)}, .out = {t(tokens, k)}};
  return {.name = KernelName::matmul,
          .in = {t(tokens, n), t(tokens, k)},
          .out = {operands(n, k)},
          .attributes = {.add = true, .transpose_a = true}};
}

void matmul(benchmark::State& state, DType dtype, MatrixLibrary library) {
  Operands operands;
  const Int tokens = state.range(0), n = state.range(1), k = state.range(2);
  const double work = 2.0 * static_cast<double>(tokens) * static_cast<double>(n) * static_cast<double>(k);
  measure(state, linear(operands, tokens, n, k, state.range(3), dtype), "GFLOP", work, library);
}

#ifdef ORRERY_ONEDNN
// The same product by oneDNN's own interface, its best for fp32: dnnl_sgemm.
void onednn_sgemm(benchmark::State& state) {
  omp_set_num_threads(1);
  Operands operands;
  const Kernel kernel =
      linear(operands, state.range(0), state.range(1), state.range(2), state.range(3), DType::fp32);
  const TensorRef &a = kernel.in[0], &b = kernel.in[1], &c = kernel.out[0];
  const bool ta = kernel.attributes.transpose_a, tb = kernel.attributes.transpose_b;
  const Int inner = ta ? a.rows : a.columns;
  const auto product = [&] {
    dnnl::sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', c.rows, c.columns, inner, 1,
                static_cast<const float*>(a.data), a.columns, static_cast<const float*>(b.data), b.columns,
                kernel.attributes.add ? 1 : 0, static_cast<float*>(c.data), c.columns);
  };
  product();
  for (auto _ : state) product();
  const double work = 2e-9 * static_cast<double>(state.range(0) * state.range(1) * state.range(2));
  state.counters["GFLOP"] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}

// The same product as a primitive without any wrapping.
void onednn_primitive(benchmark::State& state, DType dtype) {
  omp_set_num_threads(1);
  Operands operands;
  const Kernel kernel =
      linear(operands, state.range(0), state.range(1), state.range(2), state.range(3), dtype);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto memory_of = [&](const TensorRef& t, bool transposed) {
    const auto type = t.dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
    const dnnl::memory::dims sizes =
        transposed ? dnnl::memory::dims{t.columns, t.rows} : dnnl::memory::dims{t.rows, t.columns};
    const dnnl::memory::dims strides =
        transposed ? dnnl::memory::dims{1, t.columns} : dnnl::memory::dims{t.columns, 1};
    return dnnl::memory({sizes, type, strides}, engine, t.data);
  };
  const dnnl::memory a = memory_of(kernel.in[0], kernel.attributes.transpose_a),
                     b = memory_of(kernel.in[1], kernel.attributes.transpose_b),
                     c = memory_of(kernel.out[0], false);
  dnnl::primitive_attr attributes;
  if (kernel.attributes.add) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul product({{a.get_desc(), b.get_desc(), c.get_desc()}, attributes, engine});
  const std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
  product.execute(stream, arguments);
  for (auto _ : state) product.execute(stream, arguments);
  const double work = 2e-9 * static_cast<double>(state.range(0) * state.range(1) * state.range(2));
  state.counters["GFLOP"] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(onednn_primitive, fp32, DType::fp32)
    ->ArgsProduct({{512}, {256, 768, 2304}, {256, 768}, {0, 1, 2}});
BENCHMARK_CAPTURE(onednn_primitive, bf16, DType::bf16)
    ->ArgsProduct({{512}, {256, 768, 2304}, {256, 768}, {0, 1, 2}});
BENCHMARK(onednn_sgemm)->ArgsProduct({{512}, {256, 768, 2304}, {256, 768}, {0, 1, 2}});
#endif
BENCHMARK_CAPTURE(matmul, fp32, DType::fp32, MatrixLibrary::onednn)
    ->ArgsProduct({{512}, {256, 768, 2304}, {256, 768}, {0, 1, 2}});
BENCHMARK_CAPTURE(matmul, bf16, DType::bf16, MatrixLibrary::onednn)
    ->ArgsProduct({{512}, {256, 768, 2304}, {256, 768}, {0, 1, 2}});
BENCHMARK_CAPTURE(matmul, eigen, DType::fp32, MatrixLibrary::eigen)
    ->ArgsProduct({{512}, {768}, {768}, {0, 1, 2}});

// 1024 tokens of width 768 by default.
constexpr Int tokens = 1024, width = 768;

void elementwise(benchmark::State& state, KernelName name, DType dtype) {
  Operands o;
  const auto t = [&](Int columns) { return o.filled(tokens, columns, dtype); };
  const auto row = [&] { return o.filled(1, width, dtype); };
  const StepArguments step;
  Kernel k{.name = name, .step = &step};
  const KernelAttributes dropout{.dropout = 0.1F, .global_columns = width};
  switch (name) {
    case KernelName::norm:
      k.in[0] = t(width), k.in[1] = row(), k.in[2] = row(), k.out[0] = t(width);
      break;
    case KernelName::norm_gradient:
      k.in[0] = t(width), k.in[1] = t(width), k.in[2] = row();
      k.out[0] = t(width), k.out[1] = row(), k.out[2] = row();
      break;
    case KernelName::activation:
      k.in[0] = t(4 * width), k.out[0] = t(4 * width);
      break;
    case KernelName::activation_gradient:
      k.in[0] = t(4 * width), k.in[1] = t(4 * width), k.out[0] = t(4 * width);
      break;
    case KernelName::residual:
      k.in[0] = t(width), k.in[1] = t(width), k.in[2] = row(), k.out[0] = t(width);
      break;
    case KernelName::residual_gradient:
      k.in[0] = t(width), k.out[0] = t(width), k.attributes = dropout;
      break;
    case KernelName::column_sum:
      k.in[0] = t(3 * width), k.out[0] = o.filled(1, 3 * width, dtype);
      break;
    case KernelName::add:
      k.in[0] = t(4 * width), k.out[0] = t(4 * width);
      break;
    case KernelName::convert:
      k.in[0] = o.filled(tokens, width), k.out[0] = t(width);
      break;
    default:
      k.out[0] = t(4 * width);
      break;
  }
  measure(state, k, "GB", bytes_of(k));
}
#define ELEMENTWISE(NAME)                                              \
  BENCHMARK_CAPTURE(elementwise, NAME, KernelName::NAME, DType::fp32); \
  BENCHMARK_CAPTURE(elementwise, NAME##_bf16, KernelName::NAME, DType::bf16)
ELEMENTWISE(norm);
ELEMENTWISE(norm_gradient);
ELEMENTWISE(activation);
ELEMENTWISE(activation_gradient);
ELEMENTWISE(residual);
ELEMENTWISE(residual_gradient);
ELEMENTWISE(column_sum);
ELEMENTWISE(add);
ELEMENTWISE(convert);
ELEMENTWISE(zero);

// 12 heads of 64 over sequences of `s`; causal work counts half the square.
void attention(benchmark::State& state, bool gradient, DType dtype) {
  Operands o;
  const Int s = state.range(0), rows = tokens > s ? tokens : s;
  const KernelAttributes a{.heads = 12, .kv_heads = 12, .head_dim = 64, .sequence = s};
  Kernel forward{.name = KernelName::attention,
                 .in = {o.filled(rows, 3 * width, dtype)},
                 .out = {o(rows, width, dtype), o(rows * 12, 1)},
                 .attributes = a};
  const double work = 2.0 * static_cast<double>(rows * s * width);
  if (!gradient) return measure(state, forward, "GFLOP", work);
  KernelWorkspace workspace;
  run(forward, workspace);
  const Kernel backward{.name = KernelName::attention_gradient,
                        .in = {o.filled(rows, width, dtype), forward.in[0], forward.out[0], forward.out[1]},
                        .out = {o(rows, 3 * width, dtype)},
                        .attributes = a};
  measure(state, backward, "GFLOP", 2.5 * work);
}
BENCHMARK_CAPTURE(attention, forward, false, DType::fp32)->Arg(256)->Arg(1024)->Arg(4096);
BENCHMARK_CAPTURE(attention, backward, true, DType::fp32)->Arg(256)->Arg(1024)->Arg(4096);
BENCHMARK_CAPTURE(attention, forward_bf16, false, DType::bf16)->Arg(1024);
BENCHMARK_CAPTURE(attention, backward_bf16, true, DType::bf16)->Arg(1024);

void cross_entropy(benchmark::State& state, bool gradient) {
  Operands o;
  const Int vocabulary = 50304, n = 256;
  const KernelAttributes a{.vocab = vocabulary};
  Kernel forward{.name = KernelName::cross_entropy,
                 .in = {o.filled(n, vocabulary), o(n, 1, DType::int64)},
                 .out = {o(n, vocabulary), o(4, n)},
                 .attributes = a};
  if (!gradient) return measure(state, forward, "GB", bytes_of(forward));
  KernelWorkspace workspace;
  run(forward, workspace);
  const Kernel backward{.name = KernelName::cross_entropy_gradient,
                        .in = {forward.out[0], forward.out[1], forward.in[1]},
                        .out = {forward.out[0], o(1, 1)},
                        .attributes = a};
  measure(state, backward, "GB", bytes_of(backward));
}
BENCHMARK_CAPTURE(cross_entropy, forward, false);
BENCHMARK_CAPTURE(cross_entropy, gradient, true);

void update(benchmark::State& state, KernelName name) {
  Operands o;
  const Int n = 1 << 24;
  const auto p = [&] { return static_cast<float*>(o(1, n).data); };
  const Segment segment{
      .gradient = o.filled(1, n).data, .weight = p(), .first_moment = p(), .second_moment = p(), .count = n};
  const StepArguments step{.learning_rate = 1e-4F, .clip = 1e-3F};
  const Kernel k{.name = name,
                 .in = {name == KernelName::clip ? o.filled(1, 1) : TensorRef{}},
                 .out = {o(1, 1)},
                 .segments = {&segment, 1},
                 .step = &step};
  if (name == KernelName::clip) *static_cast<float*>(k.in[0].data) = 1;
  const double streams = name == KernelName::adamw ? 7 : name == KernelName::clip ? 2 : 1;
  measure(state, k, "GB", streams * 4 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(update, adamw, KernelName::adamw);
BENCHMARK_CAPTURE(update, sum_of_squares, KernelName::sum_of_squares);
BENCHMARK_CAPTURE(update, clip, KernelName::clip);

void embedding(benchmark::State& state, bool gradient) {
  Operands o;
  const TensorRef ids = o(tokens, 1, DType::int64), table = o(50304, width), rows = o.filled(tokens, width);
  for (Int i = 0; i < tokens; ++i) static_cast<Int*>(ids.data)[i] = i * 7919 % 50304;
  const KernelAttributes a{.add = true, .sequence = tokens};
  const Kernel k =
      gradient
          ? Kernel{.name = KernelName::embedding_gradient, .in = {rows, ids}, .out = {table}, .attributes = a}
          : Kernel{.name = KernelName::embedding, .in = {ids, table}, .out = {rows}, .attributes = a};
  measure(state, k, "GB", (gradient ? 3.0 : 2.0) * 4 * static_cast<double>(tokens * width));
}
BENCHMARK_CAPTURE(embedding, forward, false);
BENCHMARK_CAPTURE(embedding, gradient, true);

void rotary(benchmark::State& state) {
  Operands o;
  const Kernel k{.name = KernelName::rotary,
                 .out = {o.filled(tokens, 3 * width)},
                 .attributes = {.heads = 12, .kv_heads = 12, .head_dim = 64, .sequence = tokens}};
  measure(state, k, "GB", 4.0 * 4 * static_cast<double>(tokens * width));
}
BENCHMARK(rotary);

}  // namespace
}  // namespace orrery::bench
