#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "sim/base/error.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery::test {
namespace {

std::uint16_t bf16_bits(double x) {
  const auto u = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}
double of_bf16_bits(std::uint16_t b) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16));
}

template <class T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto* p = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), p, p + sizeof(T));
}

std::vector<std::byte> encoded(const Tensor& t) {
  std::vector<std::byte> bytes;
  for (const double x : t.values) switch (t.dtype) {
      case DType::fp32:
        append(bytes, static_cast<float>(x));
        break;
      case DType::bf16:
        append(bytes, bf16_bits(x));
        break;
      case DType::int64:
        append(bytes, static_cast<std::int64_t>(x));
        break;
      default:
        append(bytes, static_cast<std::uint8_t>(x));
        break;
    }
  return bytes;
}

template <class T>
T at(const std::vector<std::byte>& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

void decode(const std::vector<std::byte>& bytes, Tensor& t) {
  for (std::size_t i = 0; i < t.values.size(); ++i) switch (t.dtype) {
      case DType::fp32:
        t.values[i] = static_cast<double>(at<float>(bytes, i));
        break;
      case DType::bf16:
        t.values[i] = of_bf16_bits(at<std::uint16_t>(bytes, i));
        break;
      case DType::int64:
        t.values[i] = static_cast<double>(at<std::int64_t>(bytes, i));
        break;
      default:
        t.values[i] = static_cast<double>(at<std::uint8_t>(bytes, i));
        break;
    }
}

void* to_device(const Tensor& t, Device& device) {
  if (!t) return nullptr;
  const std::vector<std::byte> bytes = encoded(t);
  void* place = device.allocate(bytes.size());
  device.upload(place, bytes.data(), bytes.size());
  return place;
}

void from_device(const void* place, Tensor& t, Device& device) {
  if (!t) return;
  std::vector<std::byte> bytes(t.values.size() * static_cast<std::size_t>(size_of(t.dtype)));
  device.download(bytes.data(), place, bytes.size());
  decode(bytes, t);
}

// Half a unit in the last place of bf16, or some of fp32, of the value and of what was summed to it.
bool close(double got, double want, double largest, DType dtype) {
  if (!std::isfinite(want)) return std::isnan(want) ? std::isnan(got) : got == want;
  if (dtype == DType::bf16) return std::abs(got - want) <= std::abs(want) / 256 + largest / 1024;
  if (dtype == DType::fp32) return std::abs(got - want) <= std::abs(want) * 1e-5 + largest * 4e-6;
  return got == want;
}

::testing::AssertionResult near(const std::string& what, const Tensor& got, const Tensor& want) {
  double largest = 0;
  for (const double x : want.values)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < want.values.size(); ++i)
    if (!close(got.values[i], want.values[i], largest, got.dtype))
      return ::testing::AssertionFailure()
             << what << ", row " << i / static_cast<std::size_t>(want.columns) << ", column "
             << i % static_cast<std::size_t>(want.columns) << ": " << got.values[i] << " instead of "
             << want.values[i] << " (largest " << largest << ")";
  return ::testing::AssertionSuccess();
}

void round_to(DType dtype, Tensor& t) {
  if (t.dtype != DType::fp32 || t.exact) return;
  t.dtype = dtype;
  for (double& x : t.values) x = of_bf16_bits(bf16_bits(x));
}

}  // namespace

Invocation in_bf16(Invocation v) {
  for (Tensor& t : v.in) round_to(DType::bf16, t);
  for (Tensor& t : v.out) round_to(DType::bf16, t);
  for (SegmentValues& s : v.segments) {
    round_to(DType::bf16, s.gradient);
    round_to(DType::bf16, s.weight);
  }
  v.label += " in bf16";
  return v;
}

Invocation launched(const Invocation& before, Device& device) {
  Invocation after = before;
  Kernel k{.name = before.kernel, .attributes = before.attributes, .step = &before.step};
  const auto ref = [&](const Tensor& t) {
    return TensorRef{to_device(t, device), t.dtype, t.rows, t.columns};
  };
  for (std::size_t i = 0; i < before.in.size(); ++i) k.in[i] = ref(before.in[i]);
  for (std::size_t i = 0; i < before.out.size(); ++i) k.out[i] = ref(before.out[i]);
  std::vector<Segment> segments;
  for (const SegmentValues& s : before.segments)
    segments.push_back({.gradient = to_device(s.gradient, device),
                        .weight = to_device(s.weight, device),
                        .first_moment = static_cast<float*>(to_device(s.first_moment, device)),
                        .second_moment = static_cast<float*>(to_device(s.second_moment, device)),
                        .master = static_cast<float*>(to_device(s.master, device)),
                        .count = s.gradient.columns,
                        .gradient_type = s.gradient.dtype,
                        .weight_type = s.weight.dtype,
                        .decay = s.decay});
  k.segments = segments;
  device.launch(k);
  for (std::size_t i = 0; i < before.out.size(); ++i) from_device(k.out[i].data, after.out[i], device);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    from_device(segments[i].gradient, after.segments[i].gradient, device);
    from_device(segments[i].weight, after.segments[i].weight, device);
    from_device(segments[i].first_moment, after.segments[i].first_moment, device);
    from_device(segments[i].second_moment, after.segments[i].second_moment, device);
    from_device(segments[i].master, after.segments[i].master, device);
  }
  return after;
}

::testing::AssertionResult near(const Invocation& got, const Invocation& want) {
  std::vector<std::pair<std::string, std::pair<const Tensor*, const Tensor*>>> all;
  for (std::size_t i = 0; i < got.out.size(); ++i)
    all.push_back({"output " + std::to_string(i), {&got.out[i], &want.out[i]}});
  for (std::size_t i = 0; i < got.segments.size(); ++i) {
    const std::string segment = " of segment " + std::to_string(i);
    const SegmentValues &g = got.segments[i], &w = want.segments[i];
    all.push_back({"gradient" + segment, {&g.gradient, &w.gradient}});
    all.push_back({"weight" + segment, {&g.weight, &w.weight}});
    all.push_back({"first moment" + segment, {&g.first_moment, &w.first_moment}});
    all.push_back({"second moment" + segment, {&g.second_moment, &w.second_moment}});
    all.push_back({"master" + segment, {&g.master, &w.master}});
  }
  for (const auto& [what, pair] : all)
    if (const auto result = near(what, *pair.first, *pair.second); !result) return result;
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult agrees(const Invocation& before, Device& device) {
  Invocation want = before;
  compute(want);
  return near(launched(before, device), want);
}

}  // namespace orrery::test
