#include "runtime/play/holdings.h"

#include <algorithm>

#include "sim/base/error.h"

namespace orrery {
namespace {

const Persistent& persistent(const Program& p, std::uint32_t virtual_stage, std::uint32_t home) {
  for (const Persistent& b : p.persistents)
    if (b.virtual_stage == virtual_stage && b.home == home) return b;
  ORRERY_CHECK(false);
}

// The persistent buffers of the unit that a weight lies in, and how they are cut.
class Unit {
 public:
  Unit(const RankMemory& m, const Coordinates& c, const Weight& w) : memory_(m), stage_(w.virtual_stage) {
    weights = find(w.home);
    gradients = find(w.home + home::gradients);
    optimizer = find(w.home + home::optimizer);
    copies = optimizer.what->shape.d[0];
    share = optimizer.what->shape.d[1];
    cut = optimizer.cut;
    first = cut ? share * c.data : 0;
  }

  struct Place {
    const Buffer* what = nullptr;
    std::byte* data = nullptr;
    bool cut = false;
    // Element `i` of the unit, where the buffer holds the unit whole or from `first` on.
    void* at(std::int64_t i, std::int64_t begins) const { return data + (i - begins) * size_of(what->dtype); }
  };
  // The first element of the unit that a buffer holds.
  std::int64_t begins(const Place& p) const { return p.cut ? first : 0; }
  float* state(std::int64_t copy, std::int64_t element) const {
    return reinterpret_cast<float*>(optimizer.data) + copy * share + (element - first);
  }

  Place weights, gradients, optimizer;
  std::int64_t copies = 0, share = 0, first = 0;
  bool cut = false;

 private:
  Place find(std::uint32_t home) const {
    const Persistent& p = persistent(memory_.program, stage_, home);
    return {&memory_.program.buffers[p.buffer], memory_.base + memory_.arena.offset(stage_, home).v, p.cut};
  }
  const RankMemory& memory_;
  std::uint32_t stage_;
};

bool is_matrix(const Weight& w) { return w.shape.size() == 2 && w.shape[1] > 1; }

}  // namespace

Holdings list_holdings(const RankMemory& m, const Coordinates& c) {
  Holdings out;
  for (const Weight& w : m.program.weights) {
    if (m.program.stages[w.virtual_stage].team != c.stage) continue;
    const Unit unit(m, c, w);
    const auto clipped = [&](std::int64_t low, std::int64_t count) {
      const std::int64_t begin = std::clamp<std::int64_t>(low - w.offset, 0, w.elements);
      return std::pair(begin, std::clamp<std::int64_t>(low + count - w.offset, begin, w.elements));
    };
    const std::int64_t low = unit.begins(unit.weights);
    const auto [there, past] = clipped(low, unit.weights.what->shape.elements());
    if (past > there)
      out.residences.push_back(
          {&w, there, past, unit.weights.at(w.offset + there, low), unit.weights.what->dtype});
    const auto [begin, end] = unit.cut ? clipped(unit.first, unit.share) : clipped(0, w.offset + w.elements);
    if (end == begin) continue;
    const std::int64_t element = w.offset + begin;
    Holding& h = out.holdings.emplace_back();
    h.weight = &w;
    h.begin = begin;
    h.end = end;
    h.counted = !w.tied && (w.axis >= 0 || c.tensor == 0) && (unit.cut || c.data == 0);
    Segment& s = h.segment;
    s.gradient = unit.gradients.at(element, unit.begins(unit.gradients));
    s.weight = unit.weights.at(element, low);
    s.master = unit.copies == 3 ? unit.state(0, element) : nullptr;
    s.first_moment = unit.state(unit.copies - 2, element);
    s.second_moment = unit.state(unit.copies - 1, element);
    s.count = end - begin;
    s.gradient_type = unit.gradients.what->dtype;
    s.weight_type = unit.weights.what->dtype;
    s.decay = is_matrix(w);
  }
  return out;
}

}  // namespace orrery
