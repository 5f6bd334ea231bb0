#include "profiler/measure/hardware.h"

#include <algorithm>

namespace orrery {
namespace {

// Memory filled with 0.06, as fp32 and as bf16.
std::byte* filled(Backend& backend, Bytes size) {
  auto* base = static_cast<std::byte*>(backend.allocate(size, Memory::device));
  const Bytes block{std::int64_t{1} << 20};
  auto* words = static_cast<std::uint32_t*>(backend.allocate(block, Memory::host));
  std::fill_n(words, block.v / 4, 0x3d753d75U);
  for (std::int64_t at = 0; at < size.v; at += block.v)
    backend.copy(base + at, words, {std::min(block.v, size.v - at)}, Stream::compute);
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

// Bytes a second of one direction.
double copy_rate(Backend& backend, std::byte* to, const std::byte* from, const HardwareSizes& s) {
  backend.create_events(2);
  std::vector<double> seconds;
  for (int i = 0; i < s.repeats; ++i) {
    backend.record(0, Stream::compute);
    backend.copy(to, from, s.copied, Stream::compute);
    backend.record(1, Stream::compute);
    backend.synchronize();
    seconds.push_back(to_seconds(backend.time_of(1) - backend.time_of(0)).v);
  }
  return static_cast<double>(s.copied.v) / summarize(seconds).median;
}

}  // namespace

Bytes hardware_memory(const HardwareSizes& s) {
  return {s.operands.v + 2 * s.copied.v + (std::int64_t{4} << 20)};
}

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

std::vector<MatmulPoint> measure_matmuls(Backend& backend, DType dtype, Watch& watch,
                                         const HardwareSizes& s) {
  std::byte* base = filled(backend, s.operands);
  std::vector<MatmulPoint> out;
  const std::size_t all = s.tokens.size() * s.widths.size() * s.widths.size();
  for (const std::int64_t m : s.tokens)
    for (const std::int64_t n : s.widths)
      for (const std::int64_t k : s.widths) {
        if (watch.stop()) return out;
        watch.progress(out.size(), all, "matrix products");
        const std::int64_t bytes = (m * k + n * k + m * n) * size_of(dtype) + 768;
        std::vector<Kernel> turn;
        for (std::int64_t i = 0; i < std::min<std::int64_t>(8, s.operands.v / bytes); ++i)
          turn.push_back(product(base + i * (s.operands.v / 8) / 256 * 256, dtype, m, n, k));
        out.push_back({1, m, n, k, time_kernels(backend, turn, s.repeats).median});
      }
  return out;
}

BytesPerSecond measure_memory_rate(Backend& backend, const HardwareSizes& s) {
  return {2 * copy_rate(backend, filled(backend, s.copied), filled(backend, s.copied), s)};
}

BytesPerSecond measure_host_rate(Backend& backend, const HardwareSizes& s) {
  HardwareSizes part = s;
  part.copied.v = std::min(s.copied.v, std::int64_t{64} << 20);
  auto* from = static_cast<std::byte*>(backend.allocate(part.copied, Memory::host));
  std::fill_n(from, part.copied.v, std::byte{1});
  return {copy_rate(backend, filled(backend, part.copied), from, part)};
}

Seconds measure_launch(Backend& backend, const HardwareSizes& s) {
  Kernel nothing;
  nothing.name = KernelName::zero;
  nothing.out[0] = {backend.allocate({256}, Memory::device), DType::fp32, 1, 1};
  const std::vector<Kernel> turn(256, nothing);
  const double between = time_kernels(backend, turn, s.repeats).median;
  double itself = 0;
  if (backend.trace_kernels()) {
    time_kernels(backend, turn, 1);
    for (const TracedKernel& k : backend.traced_kernels())
      itself = std::max(itself, k.total.v / static_cast<double>(k.count));
  }
  return {std::max(between - itself, between / 10)};
}

std::vector<Fact> facts_under_load(Backend& backend, DType dtype, const HardwareSizes& s) {
  const std::int64_t m = s.tokens.back(), n = s.widths.back();
  std::byte* base = filled(backend, {(m * n + n * n + m * n) * size_of(dtype) + 1024});
  const Kernel k = product(base, dtype, m, n, n);
  const double one = time_kernels(backend, {k, k}, 1).median;
  const auto count = static_cast<int>(std::clamp(s.load / one, 1.0, 1e4));
  for (int i = 0; i < 2 * count; ++i) {
    if (i == count) backend.record(0, Stream::compute);
    backend.launch(k, Stream::compute);
  }
  backend.synchronize(0);
  std::vector<Fact> out = backend.facts();
  backend.synchronize();
  return out;
}

}  // namespace orrery
