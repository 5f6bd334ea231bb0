#include "planner/layered.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "planner/exact/frame_model.h"
#include "planner/space.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::size_t round_size =
    16;  // frames between two looks at the Watch; what one finds serves the next round
constexpr exact::Time nanosecond = 1000;
// Of one frame: what closes at all closes within a part of this.
constexpr exact::FrameOptions budget{{3'000}, 50'000, 200, 25, 2'000};

struct Frame {
  Plan base;
  std::optional<Zero> edges;
  std::vector<LayerStrategy> strategies;
  exact::Time bound = 0;  // of its static step
  bool open = true, solved = false;
  std::optional<Plan> best;  // that this round found
  exact::Time step = exact::infeasible;
  std::size_t simulated = 0, exact = 0, below = 0;
};

// The ways to cut `layers` into `chunks` of at least one, and the words, as a decimal logarithm.
double log10_plans(int layers, int chunks, std::size_t strategies) {
  const double ways = std::lgamma(layers) - std::lgamma(chunks) - std::lgamma(layers - chunks + 1);
  return ways / std::log(10.0) + layers * std::log10(static_cast<double>(strategies));
}

class LayeredSearch {
 public:
  LayeredSearch(const Scenario& s, const Calibration& c, const Topology& topology, std::optional<Tick> known,
                Executor& executor, Watch& watch)
      : s_(s),
        problem_{s.model, s.cluster, s.training, c, topology},
        executor_(executor),
        watch_(watch),
        evaluators_(executor.workers()) {
    out_.step = {known ? known->v : exact::infeasible};
  }

  Layered run() {
    list_frames();
    in_rounds("frames bounded", [this](Frame& f, Evaluator&) { bound(f); });
    split_by_ends();
    by_bound();
    in_rounds("frames guessed", [this](Frame& f, Evaluator& e) { guess(f, e); });
    by_bound();
    in_rounds("frames solved", [this](Frame& f, Evaluator& e) { solve(f, e); });
    count();
    return std::move(out_);
  }

 private:
  void list_frames();
  void split_by_ends();
  template <class Work>
  void in_rounds(std::string_view what, Work&& work);
  void by_bound() {
    std::stable_sort(frames_.begin(), frames_.end(),
                     [](const Frame& a, const Frame& b) { return a.bound < b.bound; });
  }
  bool out(const Frame& f) const { return !f.open || f.bound >= out_.step.v; }
  exact::FrameModel model(const Frame& f) const {
    return exact::frame_model(problem_, f.base, f.strategies, f.edges, s_.objective.memory_at_most);
  }
  void bound(Frame&);
  void guess(Frame&, Evaluator&);
  void solve(Frame&, Evaluator&);
  void simulate(Frame&, Evaluator&, const exact::FrameModel&, const exact::Choice&);
  void count();

  const Scenario& s_;
  const Problem problem_;
  Executor& executor_;
  Watch& watch_;
  std::vector<Evaluator> evaluators_;
  std::vector<Frame> frames_;
  Layered out_;
};

// A frame is what uniform plans have in common that differ in their strategy alone.
void LayeredSearch::list_frames() {
  for (const Plan& plan : uniform_plans(s_)) {
    if (plan.pp * plan.virtual_stages > s_.model.depth() ||
        violation(s_.model, s_.cluster, s_.training, plan))
      continue;
    Plan base = plan;
    base.layers = {LayerStrategy{}};
    if (frames_.empty() || !(frames_.back().base == base)) frames_.emplace_back().base = base;
    Frame& f = frames_.back();
    f.strategies.push_back(plan.layers.front());
    if (plan.layers.front().zero == Zero::full && plan.pp == 1) {
      f.strategies.push_back(plan.layers.front());
      f.strategies.back().reshard = !f.strategies.back().reshard;
    }
  }
  double& sum = out_.counts.log10_plans;
  for (const Frame& f : frames_) {
    const double l = log10_plans(s_.model.depth(), f.base.pp * f.base.virtual_stages, f.strategies.size());
    sum = &f == &frames_.front() ? l : std::max(sum, l) + std::log10(1 + std::pow(10.0, -std::abs(sum - l)));
  }
}

// The ends of a tied embedding are cut alike: a frame for each ZeRO stage that they may have. A bound on all
// holds for each.
void LayeredSearch::split_by_ends() {
  if (!s_.model.tied) return;
  std::vector<Frame> split;
  for (const Frame& f : frames_) {
    std::set<Zero> stages;
    for (const LayerStrategy& x : f.strategies) stages.insert(x.zero);
    if (f.base.pp == 1 || out(f)) stages = {Zero::none};
    for (const Zero z : stages) {
      split.push_back(f);
      if (f.base.pp > 1 && !out(f)) split.back().edges = z;
    }
  }
  frames_ = std::move(split);
}

template <class Work>
void LayeredSearch::in_rounds(std::string_view what, Work&& work) {
  std::size_t done = 0;
  while (out_.complete && done < frames_.size()) {
    std::vector<Frame*> round;
    const std::size_t most = std::min<std::size_t>(round_size, what == "frames solved" ? 2 : round_size);
    for (; done < frames_.size() && round.size() < most; ++done)
      if (!out(frames_[done])) round.push_back(&frames_[done]);
    executor_.run(round.size(),
                  [&](std::size_t i, std::size_t worker) { work(*round[i], evaluators_[worker]); });
    for (Frame* f : round) {
      if (f->best && f->step < out_.step.v) out_.step = {f->step}, out_.best = std::move(f->best);
      f->best.reset();
    }
    watch_.progress(done, frames_.size(), what);
    out_.complete = !watch_.stop();
  }
}

void LayeredSearch::bound(Frame& f) {
  const exact::FrameModel m = model(f);
  exact::Frame frame(m.problem, budget);
  f.bound = frame.quick_bound();
}

// Compiles and replays a plan that the frame's problem thinks well of.
void LayeredSearch::simulate(Frame& f, Evaluator& evaluator, const exact::FrameModel& m,
                             const exact::Choice& choice) {
  const Plan plan = m.plan(choice);
  ++f.simulated;
  if (evaluator.compile(problem_, plan) || !fits(evaluator.memory(), s_.objective.memory_at_most)) return;
  const exact::Time step = evaluator.bound().v;
  const exact::Time modelled = exact::Replay().run(m.problem, exact::values_of(m.problem, choice));
  f.below += step < modelled;
  f.exact += step - modelled < nanosecond;
  if (step < f.step) f.step = step, f.best = plan;
}

void LayeredSearch::guess(Frame& f, Evaluator& evaluator) {
  const exact::FrameModel m = model(f);
  exact::Frame frame(m.problem, budget);
  const auto choice = frame.guess(out_.step.v);
  f.bound = std::max(f.bound, frame.bound(out_.step.v));
  if (!choice) return;
  frame.learn(*choice);
  f.bound = std::max(f.bound, frame.bound(out_.step.v));
  simulate(f, evaluator, m, *choice);
}

void LayeredSearch::solve(Frame& f, Evaluator& evaluator) {
  const exact::FrameModel m = model(f);
  exact::Frame frame(m.problem, budget);
  if (const auto choice = frame.guess(out_.step.v)) frame.learn(*choice);
  const exact::Frame::Answer answer = frame.solve(out_.step.v);
  f.bound = std::max(f.bound, answer.proven && answer.best ? answer.step : answer.lower);
  if (answer.best) simulate(f, evaluator, m, *answer.best);
  f.solved = answer.proven;
  f.open = false;
}

void LayeredSearch::count() {
  LayeredCounts& c = out_.counts;
  c.frames = frames_.size();
  exact::Time lower = out_.step.v;
  for (const Frame& f : frames_) {
    c.simulated += f.simulated;
    c.exact += f.exact;
    c.below_bound += f.below;
    lower = std::min(lower, f.bound);
    if (f.solved)
      ++c.solved;
    else if (f.bound >= out_.step.v)
      ++c.bounded_away;
    else
      ++c.open;
  }
  if (c.below_bound == 0) out_.lower = {lower};
}

}  // namespace

bool has_layers_to_choose(const Scenario& s) {
  return s.model.kinds.size() == 1 && s.model.depth() > 1 && s.cluster.groups.size() == 1;
}

Layered search_layers(const Scenario& s, const Calibration& c, const Topology& topology,
                      std::optional<Tick> known, Executor& executor, Watch& watch) {
  return LayeredSearch(s, c, topology, known, executor, watch).run();
}

}  // namespace orrery
