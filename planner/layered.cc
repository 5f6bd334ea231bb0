#include "planner/layered.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "planner/exact/anneal.h"
#include "planner/exact/frame_model.h"
#include "planner/exact/word_bound.h"
#include "planner/space.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

// Frames between two looks at the best plan: what one finds serves the next round. Until a first plan is
// known, and where a frame takes long, few.
constexpr std::size_t first_rounds = 4, small_round = 2, large_round = 16;
constexpr std::size_t first_plans = 2'000, more_plans = 30'000;  // of a frame, that annealing tries
constexpr exact::Time nanosecond = 1000;
constexpr exact::FrameOptions budget{3'000, 50'000, 200, 25, 2'000, 24};  // of one frame

struct Frame {
  Plan base;
  std::vector<LayerStrategy> strategies;
  std::shared_ptr<const exact::Measurements>
      measured;  // shared by frames that differ in their schedule alone
  std::vector<std::optional<Zero>> edges{std::nullopt};  // what its first and last layer may be cut like
  exact::Time promise = exact::infeasible;               // a plan of it is known with this static step
  exact::Time bound = 0;                                 // of its static step
  bool solved = false;
  std::optional<exact::Choice> annealed;  // the best that annealing found, for likely_edges()
  std::optional<Plan> best;               // that this round found
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
  LayeredSearch(const Scenario& s, const Calibration& c, const Topology& topology, const KnownSteps& known,
                Executor& executor, Watch& watch)
      : s_(s),
        problem_{s.model, s.cluster, s.training, c, topology},
        known_(known),
        executor_(executor),
        watch_(watch),
        evaluators_(executor.workers()) {
    out_.step = {known.best ? known.best->v : exact::infeasible};
  }

  Layered run() {
    list_frames();
    in_rounds("frames measured", large_round, [this](Frame& f, Evaluator&) { measure(f); });
    share_measurements();
    by_promise();
    in_rounds("frames bounded", large_round, [this](Frame& f, Evaluator& e) { guess(f, e); });
    by_promise();
    in_rounds("frames tried", small_round, [this](Frame& f, Evaluator& e) { try_more(f, e); });
    by_bound();
    in_rounds("frames solved", small_round, [this](Frame& f, Evaluator& e) { solve(f, e); });
    count();
    return std::move(out_);
  }

 private:
  void list_frames();
  template <class Work>
  void in_rounds(std::string_view what, std::size_t round, Work&& work);
  void by_bound() {
    std::stable_sort(frames_.begin(), frames_.end(),
                     [](const Frame& a, const Frame& b) { return a.bound < b.bound; });
  }
  void by_promise() {
    std::stable_sort(frames_.begin(), frames_.end(), [](const Frame& a, const Frame& b) {
      return std::pair(a.promise, a.bound) < std::pair(b.promise, b.bound);
    });
  }
  bool out(const Frame& f) const { return f.solved || f.bound >= out_.step.v; }
  exact::FrameModel model(const Frame& f, std::optional<Zero> edges) const {
    return exact::frame_model(problem_, f.base, *f.measured, edges, s_.objective.memory_at_most);
  }
  static bool measured_alike(Plan a, const Plan& b) {
    a.schedule = b.schedule;
    return a == b;
  }
  void measure(Frame&);
  void share_measurements();
  void guess(Frame&, Evaluator&);
  static std::optional<Zero> likely_edges(const Frame&);
  void anneal(Frame&, Evaluator&, const exact::FrameModel&, const std::vector<exact::Choice>& starts,
              std::size_t plans);
  void try_more(Frame&, Evaluator&);
  void bound_again(Frame&, const exact::FrameModel&);
  void solve(Frame&, Evaluator&);
  std::optional<exact::Time> simulate(Frame&, Evaluator&, const exact::FrameModel&, const exact::Choice&);
  void count();

  const Scenario& s_;
  const Problem problem_;
  const KnownSteps known_;
  Executor& executor_;
  Watch& watch_;
  std::vector<Evaluator> evaluators_;
  std::vector<Frame> frames_;
  Layered out_;
};

// A frame is what uniform plans have in common that differ in their strategy alone.
void LayeredSearch::list_frames() {
  const std::vector<Plan> plans = uniform_plans(s_);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    if (plan.pp * plan.virtual_stages > s_.model.depth() ||
        violation(s_.model, s_.cluster, s_.training, plan))
      continue;
    Plan base = plan;
    base.layers = {LayerStrategy{}};
    base.stage_layers.clear();
    if (frames_.empty() || !(frames_.back().base == base)) frames_.emplace_back().base = base;
    Frame& f = frames_.back();
    if (i < known_.uniform.size() && known_.uniform[i].v > 0) f.promise = std::min(f.promise, known_.uniform[i].v);
    if (!f.strategies.empty() && f.strategies.back() == plan.layers.front()) continue;  // cut otherwise
    f.strategies.push_back(plan.layers.front());
    const std::optional<Zero> zero = plan.layers.front().zero;
    if (s_.model.tied && plan.pp > 1) {  // the ends of a tied embedding are cut alike
      if (f.strategies.size() == 1) f.edges.clear();
      if (std::find(f.edges.begin(), f.edges.end(), zero) == f.edges.end()) f.edges.push_back(zero);
    }
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

template <class Work>
void LayeredSearch::in_rounds(std::string_view what, std::size_t round_size, Work&& work) {
  std::size_t done = 0, rounds = 0;
  while (out_.complete && done < frames_.size()) {
    std::vector<Frame*> round;
    const std::size_t most = rounds++ < first_rounds ? small_round : round_size;
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

// Once for those that are measured alike: the first in order of the space.
void LayeredSearch::measure(Frame& f) {
  const auto same = std::find_if(frames_.begin(), frames_.end(),
                                 [&](const Frame& x) { return measured_alike(x.base, f.base); });
  if (&*same == &f)
    f.measured = std::make_shared<const exact::Measurements>(exact::measure(problem_, f.base, f.strategies));
}

void LayeredSearch::share_measurements() {
  for (Frame& f : frames_) {
    for (const Frame& x : frames_)
      if (!f.measured && x.measured && measured_alike(x.base, f.base)) f.measured = x.measured;
    if (f.measured) f.bound = exact::floor_of(*f.measured, problem_, f.base);
  }
}

// The static step of a plan that the frame's problem thinks well of; nothing if it does not fit.
std::optional<exact::Time> LayeredSearch::simulate(Frame& f, Evaluator& evaluator, const exact::FrameModel& m,
                                                   const exact::Choice& choice) {
  const Plan plan = m.plan(choice);
  ++f.simulated;
  if (evaluator.compile(problem_, plan) || !fits(evaluator.memory(), s_.objective.memory_at_most)) return {};
  const exact::Time step = evaluator.bound().v;
  const exact::Time modelled = exact::Replay().run(m.problem, exact::values_of(m.problem, choice));
  f.below += step < modelled;
  f.exact += step - modelled < nanosecond;
  f.promise = std::min(f.promise, step);
  if (step < f.step) f.step = step, f.best = plan;
  return step;
}

std::optional<Zero> LayeredSearch::likely_edges(const Frame& f) {
  const bool sharded = std::find(f.edges.begin(), f.edges.end(), Zero::optimizer) != f.edges.end();
  return sharded ? Zero::optimizer : f.edges.front();
}

void LayeredSearch::guess(Frame& f, Evaluator& evaluator) {
  if (f.edges.size() > 1) {
    const exact::FrameModel m = model(f, {});  // what holds for any ends
    f.bound = std::max(f.bound, exact::Frame(m.problem, budget).bound(out_.step.v));
    if (out(f)) return;
  }
  const exact::FrameModel m = model(f, likely_edges(f));
  exact::Frame frame(m.problem, budget);
  const exact::Time bound = frame.bound(out_.step.v);
  if (f.edges.size() == 1) f.bound = std::max(f.bound, bound);
  if (bound >= out_.step.v) return;
  std::vector<exact::Choice> starts = exact::even_plans(m.problem);
  if (auto choice = frame.guess()) starts.push_back(std::move(*choice));
  anneal(f, evaluator, m, starts, first_plans);
}

// With the best plan known by now as upper bound; where the ends are free, without the frame's own plan,
// which has some.
void LayeredSearch::bound_again(Frame& f, const exact::FrameModel& m) {
  const exact::Time upper = std::min(out_.step.v, f.step);
  if (f.edges.size() > 1) {
    const exact::FrameModel any = model(f, {});
    f.bound = std::max(f.bound, exact::Frame(any.problem, budget).bound(upper));
    return;
  }
  exact::Frame frame(m.problem, budget);
  frame.learn(*f.annealed);
  f.bound = std::max(f.bound, frame.bound(upper));
  if (m.problem.chunks == 1)
    f.bound = std::max(f.bound, exact::bound_of_words(m.problem, *f.annealed, f.bound, upper, {},
                                                      [this] { return watch_.stop(); }));
}

void LayeredSearch::anneal(Frame& f, Evaluator& evaluator, const exact::FrameModel& m,
                           const std::vector<exact::Choice>& starts, std::size_t plans) {
  const auto judge = [&](const exact::Choice& choice, exact::Time step) -> std::optional<exact::Time> {
    if (step >= std::min(out_.step.v, f.step)) return step;  // it is not the best whatever it really takes
    return simulate(f, evaluator, m, choice);
  };
  if (auto found = exact::anneal(m.problem, starts, plans, judge, [this] { return watch_.stop(); }))
    f.annealed = std::move(found->choice);
}

void LayeredSearch::try_more(Frame& f, Evaluator& evaluator) {
  if (!f.annealed) return;
  const exact::FrameModel m = model(f, likely_edges(f));
  bound_again(f, m);
  if (!out(f)) anneal(f, evaluator, m, {*f.annealed}, more_plans);
}

// Every choice of ends is a problem of its own.
void LayeredSearch::solve(Frame& f, Evaluator& evaluator) {
  exact::Time least = exact::infeasible, known = out_.step.v;
  f.solved = true;
  for (const auto& edges : f.edges) {
    const exact::FrameModel m = model(f, edges);
    exact::Frame frame(m.problem, budget);
    if (f.annealed && edges == likely_edges(f)) frame.learn(*f.annealed);
    const exact::Frame::Answer answer = frame.solve(known, [this] { return watch_.stop(); });
    least = std::min(least, answer.proven && answer.best ? answer.step : answer.lower);
    if (answer.best) {
      simulate(f, evaluator, m, *answer.best);
      known = std::min(known, f.step);
    }
    f.solved = f.solved && answer.proven;
  }
  f.bound = std::max(f.bound, least);
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
                      const KnownSteps& known, Executor& executor, Watch& watch) {
  return LayeredSearch(s, c, topology, known, executor, watch).run();
}

}  // namespace orrery
