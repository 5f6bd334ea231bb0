#include "runtime/cuda/launch.h"

#include <algorithm>
#include <cmath>

#include "runtime/arithmetic/rotary_table.h"
#include "runtime/cuda/check.h"

namespace orrery::cuda {
namespace {

bool same(const Segment& a, const Segment& b) {
  return a.gradient == b.gradient && a.weight == b.weight && a.first_moment == b.first_moment &&
         a.second_moment == b.second_moment && a.master == b.master && a.count == b.count &&
         a.gradient_type == b.gradient_type && a.weight_type == b.weight_type && a.decay == b.decay;
}

}  // namespace

StepValues values_of(const StepArguments& a) {
  const double t = static_cast<double>(a.step + 1);
  StepValues v;
  v.step = a.step;
  v.seed = a.seed;
  v.learning_rate = a.learning_rate;
  v.beta1 = a.beta1;
  v.beta2 = a.beta2;
  v.epsilon = a.epsilon;
  v.weight_decay = a.weight_decay;
  v.clip = a.clip;
  v.correction1 = static_cast<float>(1 - std::pow(static_cast<double>(a.beta1), t));
  v.root_correction2 = static_cast<float>(std::sqrt(1 - std::pow(static_cast<double>(a.beta2), t)));
  v.evaluate = a.evaluate ? 1 : 0;
  return v;
}

void* Scratch::bytes(std::size_t wanted) {
  constexpr std::size_t alignment = 256, least = std::size_t{1} << 20;
  const std::size_t size = (wanted + alignment - 1) / alignment * alignment;
  for (; block_ < blocks_.size(); ++block_, used_ = 0)
    if (used_ + size <= blocks_[block_].size) break;
  if (block_ == blocks_.size()) {
    const std::size_t all = std::max(size, least);
    blocks_.push_back({static_cast<std::byte*>(device_.allocate(all)), all});
  }
  void* const out = blocks_[block_].data + used_;
  used_ += size;
  return out;
}

template <class T>
T* Tables::upload(const std::vector<T>& values) {
  const std::size_t bytes = values.size() * sizeof(T);
  T* const out = static_cast<T*>(device_.allocate(bytes));
  check(cudaMemcpy(out, values.data(), bytes, cudaMemcpyHostToDevice), "a table");
  return out;
}

const float* Tables::rotary(const Rotary& rotary, std::int64_t positions, std::int64_t head_dim) {
  for (const RotaryTable& t : rotary_)
    if (t.rotary == rotary && t.head_dim == head_dim && t.positions >= positions) return t.values;
  rotary_.push_back({rotary, positions, head_dim, upload(rotary_table(rotary, positions, head_dim))});
  return rotary_.back().values;
}

const Tables::Segments& Tables::segments(std::span<const Segment> all) {
  for (const auto& s : segments_)
    if (std::equal(all.begin(), all.end(), s->host.begin(), s->host.end(), same)) return *s;
  auto out = std::make_unique<Segments>();
  out->host.assign(all.begin(), all.end());
  std::vector<Piece> pieces;
  for (std::size_t s = 0; s < all.size(); ++s)
    for (std::int64_t first = 0; first < all[s].count; first += piece)
      pieces.push_back({static_cast<std::uint32_t>(s), first});
  out->segments = upload(out->host);
  out->pieces = upload(pieces);
  out->count = static_cast<std::uint32_t>(pieces.size());
  return *segments_.emplace_back(std::move(out));
}

}  // namespace orrery::cuda
