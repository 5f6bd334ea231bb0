#include "runtime/train/weights.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/half.h"

namespace orrery {
namespace {

std::vector<Bf16> in_bf16(std::span<const float> values) {
  std::vector<Bf16> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), [](float x) { return to_bf16(x); });
  return out;
}

// Fills device memory with one state of a range.
class Filler {
 public:
  Filler(const StateSource& source, Backend& backend) : source_(source), backend_(backend) {}

  void fill(State state, std::span<const Placement> range, std::int64_t count, void* to, DType type) {
    values_.assign(static_cast<std::size_t>(count), 0.0F);
    for (const Placement& p : range)
      source_(state, p.slice,
              std::span(values_).subspan(static_cast<std::size_t>(p.offset),
                                         static_cast<std::size_t>(p.slice.elements())));
    if (type == DType::fp32) return copy(to, values_.data(), values_.size() * sizeof(float));
    ORRERY_CHECK(type == DType::bf16);
    const std::vector<Bf16> half = in_bf16(values_);
    copy(to, half.data(), half.size() * sizeof(Bf16));
  }

 private:
  void copy(void* to, const void* from, std::size_t bytes) {
    backend_.copy(to, from, {static_cast<std::int64_t>(bytes)}, Stream::to_device);
    backend_.synchronize();
  }
  const StateSource& source_;
  Backend& backend_;
  std::vector<float> values_;
};

}  // namespace

StateSource from_weights(const WeightSource& source) {
  return [&source](State state, const Slice& slice, std::span<float> to) {
    if (state == State::weight) return source.read(slice, to);
    std::fill(to.begin(), to.end(), 0.0F);
  };
}

StateSource from_checkpoint(const CheckpointReader& reader) {
  return [&reader](State state, const Slice& slice, std::span<float> to) {
    if (state == State::weight || reader.has(state)) return reader.read(state, slice, to);
    std::fill(to.begin(), to.end(), 0.0F);
  };
}

std::vector<Placement> placements(const Setup& q, const Coordinates& at, const Weight& w, std::int64_t begin,
                                  std::int64_t end) {
  const std::vector<Placement> all = place(q.model, w, q.plan.tp, static_cast<int>(at.tensor));
  return within(all, w.offset + begin, w.offset + end);
}

void load_state(const Setup& q, const Coordinates& at, const Holdings& holdings, const StateSource& source,
                Backend& backend) {
  Filler filler(source, backend);
  for (const Residence& r : holdings.residences)
    filler.fill(State::weight, placements(q, at, *r.weight, r.begin, r.end), r.end - r.begin, r.data,
                r.dtype);
  for (const Holding& h : holdings.holdings) {
    const std::vector<Placement> range = placements(q, at, *h.weight, h.begin, h.end);
    const Segment& s = h.segment;
    if (s.master) filler.fill(State::weight, range, s.count, s.master, DType::fp32);
    filler.fill(State::first_moment, range, s.count, s.first_moment, DType::fp32);
    filler.fill(State::second_moment, range, s.count, s.second_moment, DType::fp32);
  }
}

std::vector<OwnedSlice> owned_state(const Setup& q, const Coordinates& at, const Holdings& holdings,
                                    Backend& backend, std::vector<std::vector<std::byte>>& memory) {
  std::vector<OwnedSlice> out;
  const auto take = [&](State state, const Holding& h, const void* from, DType type) {
    std::vector<std::byte>& copy =
        memory.emplace_back(static_cast<std::size_t>(h.segment.count * size_of(type)));
    backend.copy(copy.data(), from, {static_cast<std::int64_t>(copy.size())}, Stream::to_host);
    append_owned(state, placements(q, at, *h.weight, h.begin, h.end), type, copy.data(), out);
  };
  for (const Holding& h : holdings.holdings) {
    if (!h.counted) continue;
    const Segment& s = h.segment;
    if (s.master)
      take(State::weight, h, s.master, DType::fp32);
    else
      take(State::weight, h, s.weight, s.weight_type);
    take(State::first_moment, h, s.first_moment, DType::fp32);
    take(State::second_moment, h, s.second_moment, DType::fp32);
  }
  backend.synchronize();
  return out;
}

}  // namespace orrery
