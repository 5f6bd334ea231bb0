#include "planner/galvatron/search.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

namespace orrery::galvatron {
namespace {

// A frame with one strategy of embedding and head, by what is known of it.
struct Case {
  std::int64_t bound = 0;
  std::size_t frame = 0, beside = 0;
  bool relaxed = false;                  // bounded with memory
  bool operator<(const Case& o) const {  // least bound on top, then the order of enumeration
    return std::tie(o.bound, o.frame, o.beside) < std::tie(bound, frame, beside);
  }
};

class Planner {
 public:
  Planner(const CostModel& model, std::int64_t batch, const Options& options, Watch& watch)
      : model_(model), options_(options), watch_(watch) {
    add_frames(batch);
  }

  Result run() {
    while (!cases_.empty() && cases_.top().bound < incumbent_) {
      if (watch_.stop()) return stopped();
      const Case next = cases_.top();
      cases_.pop();
      next.relaxed ? solve(next) : relax(next);
      watch_.progress(result_.certificate.cases - cases_.size(), result_.certificate.cases, "cases");
    }
    result_.certificate.bounded = cases_.size();
    return finished();
  }

 private:
  void add_frames(std::int64_t batch) {
    const Profile& p = model_.profile();
    for (std::int64_t chunks = 1; chunks <= batch; ++chunks) {
      if (batch % chunks != 0) continue;
      for (int stages = 1; stages <= std::min(p.gpus(), p.layers) && stages <= chunks; stages *= 2) {
        const Division division{batch, chunks, stages};
        add(Frame(model_, division, 0, options_));
        for (int widest = 2; widest <= p.gpus() / stages; widest *= 2)
          if (p.activation.count(widest)) add(Frame(model_, division, widest, options_));
        if (!frames_.empty() && frames_.back().division() == division) count_plans(frames_.back());
      }
    }
  }

  void add(Frame frame) {
    if (frame.empty()) return;
    for (std::size_t i = 0; i < frame.besides(); ++i)
      cases_.push({frame.quick_bound(i), frames_.size(), i, false});
    result_.certificate.cases += frame.besides();
    frames_.push_back(std::move(frame));
  }

  // Of the widest frame of a division, which has the plans of the others too.
  void count_plans(const Frame& frame) {
    const double plans = frame.log10_plans() + std::log10(static_cast<double>(frame.besides()));
    double& all = result_.certificate.log10_plans;
    const double more = std::max(all, plans);
    all = more + std::log10(std::pow(10, all - more) + std::pow(10, plans - more));
  }

  void relax(Case next) {
    const Frame::Relaxed relaxed = frames_[next.frame].relax(next.beside);
    if (relaxed.bound >= never) {
      ++result_.certificate.too_large;
      return;
    }
    if (relaxed.guess) take(*relaxed.guess);
    next.bound = std::max(next.bound, relaxed.bound);
    next.relaxed = true;
    cases_.push(next);
  }

  void solve(const Case& next) {
    Frame::Solved solved = frames_[next.frame].solve(next.beside, incumbent_);
    result_.certificate.mixtures += solved.mixtures;
    if (solved.plan) take(*solved.plan);
    if (solved.complete) {
      ++result_.certificate.solved;
    } else {
      leave_open(next.bound);
    }
  }

  void leave_open(std::int64_t bound) {
    ++result_.certificate.open;
    open_bound_ = std::min(open_bound_, bound);
  }

  void take(const Plan& plan) {
    const Price priced = price(model_, plan);
    const std::int64_t step = (options_.cuts == Cuts::even ? priced.step : priced.step_seen).v;
    if (step >= incumbent_) return;
    incumbent_ = step;
    result_.best = plan;
    result_.price = priced;
  }

  Result stopped() {
    for (; !cases_.empty(); cases_.pop())
      if (cases_.top().bound < incumbent_)
        leave_open(cases_.top().bound);
      else
        ++result_.certificate.bounded;
    return finished();
  }

  Result finished() {
    if (result_.best || open_bound_ < never)
      result_.certificate.lower_bound = Tick{std::min(incumbent_, open_bound_)};
    return std::move(result_);
  }

  const CostModel& model_;
  const Options& options_;
  Watch& watch_;
  std::deque<Frame> frames_;
  std::priority_queue<Case> cases_;
  std::int64_t incumbent_ = never, open_bound_ = never;
  Result result_;
};

}  // namespace

Result search(const CostModel& model, std::int64_t batch, const Options& options, Watch& watch) {
  return Planner(model, batch, options, watch).run();
}

}  // namespace orrery::galvatron
