#include "profiler/measure/hardware.h"

#include <algorithm>

namespace orrery {
namespace {

constexpr std::int64_t tokens[] = {64, 128, 256, 512, 1024}, widths[] = {128, 256, 512, 1024, 2048};
constexpr Bytes operands{std::int64_t{192} << 20};  // of which products take one part after the other
constexpr Bytes copied{std::int64_t{64} << 20};     // at once, to another place
constexpr int repeats = 9;

// Memory filled with 0.06, as fp32 and as bf16.
std::byte* filled(Backend& backend, Bytes size) {
  auto* base = static_cast<std::byte*>(backend.allocate(size, Memory::device));
  const Bytes block{std::int64_t{1} << 20};
  auto* words = static_cast<std::uint32_t*>(backend.allocate(block, Memory::host));
  std::fill_n(words, block.v / 4, 0x3d753d75U);
  for (std::int64_t at = 0; at < size.v; at += block.v)
    backend.copy(base + at, words, block, Stream::compute);
  backend.synchronize();
  return base;
}

Kernel product(std::byte* at, DType dtype, std::int64_t m, std::int64_t n, std::int64_t k) {
  Kernel out;
  out.name = KernelName::matmul;
  out.attributes.transpose_b = true;
  const auto take = [&](std::int64_t rows, std::int64_t columns) {
    const TensorRef t{at, dtype, rows, columns};
    at += (t.elements() * size_of(dtype) + 255) / 256 * 256;
    return t;
  };
  out.in[0] = take(m, k);
  out.in[1] = take(n, k);
  out.out[0] = take(m, n);
  return out;
}

}  // namespace

Bytes hardware_memory() { return {operands.v + 2 * copied.v + (std::int64_t{1} << 20)}; }

Repeats time_kernels(Backend& backend, const std::vector<Kernel>& turn, int rounds) {
  backend.create_events(static_cast<std::uint32_t>(turn.size()) + 1);
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    for (std::uint32_t i = 0; i < turn.size(); ++i) {
      backend.record(i, Stream::compute);
      backend.launch(turn[i], Stream::compute);
    }
    backend.record(static_cast<std::uint32_t>(turn.size()), Stream::compute);
    backend.synchronize();
    for (std::uint32_t i = 0; i < turn.size() && round > 0; ++i)
      seconds.push_back(to_seconds(backend.time_of(i + 1) - backend.time_of(i)).v);
  }
  return summarize(seconds);
}

std::vector<MatmulPoint> measure_matmuls(Backend& backend, DType dtype, Watch& watch) {
  std::byte* base = filled(backend, operands);
  std::vector<MatmulPoint> out;
  const std::size_t all = std::size(tokens) * std::size(widths) * std::size(widths);
  for (const std::int64_t m : tokens)
    for (const std::int64_t n : widths)
      for (const std::int64_t k : widths) {
        if (watch.stop()) return out;
        watch.progress(out.size(), all, "matrix products");
        const std::int64_t bytes = (m * k + n * k + m * n) * size_of(dtype) + 768;
        std::vector<Kernel> turn;
        for (std::int64_t i = 0; i < std::min<std::int64_t>(8, operands.v / bytes); ++i)
          turn.push_back(product(base + i * (operands.v / 8) / 256 * 256, dtype, m, n, k));
        out.push_back({1, m, n, k, time_kernels(backend, turn, repeats).median});
      }
  return out;
}

BytesPerSecond measure_memory_rate(Backend& backend) {
  std::byte* from = filled(backend, copied);
  std::byte* to = filled(backend, copied);
  backend.create_events(2);
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    backend.record(0, Stream::compute);
    backend.copy(to, from, copied, Stream::compute);
    backend.record(1, Stream::compute);
    backend.synchronize();
    seconds.push_back(to_seconds(backend.time_of(1) - backend.time_of(0)).v);
  }
  return {2 * static_cast<double>(copied.v) / summarize(seconds).median};
}

Seconds measure_launch(Backend& backend) {
  Kernel nothing;
  nothing.name = KernelName::zero;
  nothing.out[0] = {backend.allocate({256}, Memory::device), DType::fp32, 1, 1};
  return {time_kernels(backend, std::vector<Kernel>(256, nothing), repeats).median};
}

}  // namespace orrery
