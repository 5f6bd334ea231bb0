#include "planner/space.h"

#include <algorithm>

namespace orrery {
namespace {

using Values = std::vector<std::int64_t>;

template <class T>
std::vector<T> or_else(const std::vector<T>& named, const std::vector<T>& otherwise) {
  return named.empty() ? otherwise : named;
}

Values divisors(std::int64_t n, std::int64_t at_most) {
  Values out;
  for (std::int64_t d = 1; d <= std::min(n, at_most); ++d)
    if (n % d == 0) out.push_back(d);
  return out;
}

// Of a replica that has `share` sequences a step.
Values micro_batches(std::int64_t share) {
  constexpr std::int64_t small = 8;
  Values out = divisors(share, small);
  for (std::int64_t d = 2 * small; share > 0 && share % d == 0; d *= 2) out.push_back(d);
  return out.empty() ? Values{1} : out;
}

// Whether embedding and head, each in the place of a layer, make the cut even.
bool is_even_with_ends(std::int64_t depth, std::int64_t chunks) { return chunks > 2 && (depth + 2) % chunks == 0; }

// Of a rank with `pp` stages.
Values virtual_stages(std::int64_t depth, std::int64_t pp) {
  if (pp == 1) return {1};
  Values out{1};
  for (std::int64_t v = 2; v * pp <= depth + 2; ++v)
    if (depth % (v * pp) == 0 || is_even_with_ends(depth, v * pp)) out.push_back(v);
  if (out.size() == 1)
    for (const std::int64_t v : {2, 4})
      if (v * pp <= depth) out.push_back(v);
  return out;
}

// Ring attention pays once a rank has long parts of a sequence: degrees that leave it `shortest` tokens.
Values context_degrees(std::int64_t sequence, std::int64_t ranks) {
  constexpr std::int64_t shortest = 4096;
  Values out{1};
  for (std::int64_t d = 2; ranks % d == 0 && sequence % (2 * d) == 0 && sequence / d >= shortest; d *= 2) out.push_back(d);
  return out;
}

std::vector<Schedule> schedules(std::int64_t pp, std::int64_t v) {
  if (v > 1) return {Schedule::interleaved};
  if (pp > 1) return {Schedule::gpipe, Schedule::one_f_one_b};
  return {Schedule::one_f_one_b};
}

class Space {
 public:
  explicit Space(const Scenario& s) : s_(s), base_(s.plan.value_or(Plan{})) {
    base_.stage_layers.clear();
    base_.layers = {base_.layers.front()};
  }

  std::vector<Plan> all() {
    const std::int64_t ranks = s_.cluster.ranks();
    for (const std::int64_t tp : or_else(s_.search.tp, divisors(s_.cluster.groups.front().node.gpus, ranks)))
      for (const std::int64_t cp : or_else(s_.search.cp, context_degrees(s_.training.sequence, ranks / std::max<std::int64_t>(tp, 1))))
        for (const std::int64_t pp : or_else(s_.search.pp, divisors(ranks / std::max<std::int64_t>(tp * cp, 1), s_.model.depth())))
          degrees(tp, cp, pp, std::max<std::int64_t>(ranks / (tp * cp * pp), 1));
    return std::move(out_);
  }

 private:
  void degrees(std::int64_t tp, std::int64_t cp, std::int64_t pp, std::int64_t dp) {
    if (const Values& named = s_.search.dp; !named.empty() && std::find(named.begin(), named.end(), dp) == named.end())
      return;
    Plan plan = base_;
    plan.tp = static_cast<int>(tp);
    plan.cp = static_cast<int>(cp);
    plan.pp = static_cast<int>(pp);
    plan.dp = static_cast<int>(dp);
    for (const std::int64_t v : or_else(s_.search.virtual_stages, virtual_stages(s_.model.depth(), pp)))
      for (const Schedule schedule : schedules(pp, v)) {
        const auto& named = s_.search.schedules;
        if (!named.empty() && std::find(named.begin(), named.end(), schedule) == named.end()) continue;
        plan.virtual_stages = static_cast<int>(v);
        plan.schedule = schedule;
        batches(plan);
      }
  }

  void batches(Plan plan) {
    for (const std::int64_t size : or_else(s_.search.micro_batch, micro_batches(s_.training.global_batch / plan.dp))) {
      plan.micro_batch = size;
      for (const bool sequence_parallel : or_else(s_.search.sequence_parallel, {plan.tp > 1})) {
        plan.sequence_parallel = sequence_parallel;
        strategies(plan);
      }
    }
  }

  void strategies(Plan plan) {
    for (const Zero zero : zeros(plan))
      for (const Recompute recompute : recomputes(plan)) {
        plan.layers.front().zero = zero;
        plan.layers.front().recompute = recompute;
        cuts(plan);
      }
  }

  void cuts(Plan plan) {
    const std::int64_t depth = s_.model.depth(), chunks = std::int64_t{plan.pp} * plan.virtual_stages;
    const bool with_ends = is_even_with_ends(depth, chunks);
    if (depth % chunks == 0 || !with_ends) out_.push_back(plan);
    if (!with_ends) return;
    plan.stage_layers.assign(static_cast<std::size_t>(chunks), static_cast<int>((depth + 2) / chunks));
    --plan.stage_layers.front();
    --plan.stage_layers.back();
    out_.push_back(std::move(plan));
  }

  // Without data parallelism there is nothing to shard.
  std::vector<Zero> zeros(const Plan& plan) const {
    using enum Zero;
    if (plan.dp * plan.cp == 1) return {none};
    return or_else(s_.search.zero, {none, optimizer, gradients, full});
  }

  // Fused attention keeps nothing that selective recomputation could drop: it is none by another name.
  std::vector<Recompute> recomputes(const Plan& plan) const {
    using enum Recompute;
    std::vector<Recompute> out = or_else(s_.search.recompute, {none, selective, full});
    if (plan.attention == AttentionKernel::fused && std::find(out.begin(), out.end(), none) != out.end())
      out.erase(std::remove(out.begin(), out.end(), selective), out.end());
    return out;
  }

  const Scenario& s_;
  Plan base_;
  std::vector<Plan> out_;
};

}  // namespace

std::vector<Plan> uniform_plans(const Scenario& scenario) { return Space(scenario).all(); }

}  // namespace orrery
