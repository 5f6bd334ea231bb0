#include "planner/exact/anneal.h"

#include <algorithm>
#include <array>
#include <random>

namespace orrery::exact {
namespace {

constexpr double worse_at_first = 0.003;  // of the step: what is taken in the beginning
constexpr double of_overflow = 4;         // steps that a plan costs which needs twice the bytes there are
constexpr Time never_judged = Time{1} << 60;
constexpr std::size_t between_stops = 256;
constexpr int longest_run = 6;  // of positions that a move gives one strategy

std::size_t size(int n) { return static_cast<std::size_t>(n); }

class Annealing {
 public:
  Annealing(const Problem& p, const std::vector<Choice>& starts, const Judge& judge) : p_(p), judge_(judge) {
    for (const Choice& start : starts) {
      next_ = values_of(p, start);
      if (const double e = energy(next_); now_.lengths.empty() || e < energy_)
        now_ = start, values_ = next_, energy_ = e;
    }
    energy(values_);
    stands();
  }

  std::optional<Annealed> run(std::size_t plans, const std::function<bool()>& stop) {
    for (std::size_t i = 0; i < plans && (i % between_stops != 0 || !stop()); ++i) {
      const double left = 1 - static_cast<double>(i) / static_cast<double>(plans);
      try_one(worse_at_first * left * left);
    }
    return std::move(best_);
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  int some_strategy(int position) {
    return below(static_cast<int>(p_.tables[size(p_.table_of[size(position)])].size()));
  }
  int first_of(int chunk) const {
    int first = 0;
    for (int c = 0; c < chunk; ++c) first += now_.lengths[size(c)];
    return first;
  }

  // Whether a path that was critical lately says so: sooner known than replayed.
  bool is_longer(double than) const {
    return std::any_of(paths_.begin(), paths_.end(),
                       [&](const Path& path) { return static_cast<double>(length(path, p_, next_)) > than; });
  }

  double energy(const Values& values) {
    Path& path = paths_[next_path_++ % paths_.size()];
    step_ = replay_.run(p_, values, &path);
    double over = 0;
    for (int u = 0; u < p_.units; ++u)
      for (const Limit& limit : p_.limits[size(u)]) {
        Time sum = 0;
        for (const Term& t : limit.terms)
          sum += t.count * values[size(u + t.chunk * p_.units) * p_.components.size() + size(t.component)];
        over += std::max(0.0, static_cast<double>(sum - limit.limit) / static_cast<double>(limit.limit));
      }
    fits_ = over == 0;
    return static_cast<double>(step_) * (1 + of_overflow * over);
  }

  // False: a plan that looks better than all before, but cannot be.
  bool stands() {
    if (!fits_ || step_ >= shortest_) return true;
    const std::optional<Time> judged = judge_(now_, step_);
    if (!judged) return false;
    shortest_ = step_;
    if (!best_ || *judged < best_->judged) best_ = Annealed{now_, step_, *judged};
    return true;
  }

  void try_one(double worse) {
    before_ = now_;
    changed_.clear();
    move();
    if (now_ == before_) return;
    next_ = values_;
    for (const int chunk : changed_)
      values_of_chunk(p_, first_of(chunk), now_.lengths[size(chunk)], now_.strategies,
                      &next_[size(chunk) * p_.components.size()]);
    const double most = energy_ * (1 + worse), energy_next = is_longer(most) ? most + 1 : energy(next_);
    if (energy_next > most || !stands()) {
      now_.lengths.swap(before_.lengths);
      now_.strategies.swap(before_.strategies);
      return;
    }
    values_.swap(next_);
    energy_ = energy_next;
  }

  // To a neighbour: `changed_` gets the chunks that differ.
  void move() {
    switch (below(p_.chunks > 1 ? 6 : 4)) {
      case 0:
        return set_some(1);
      case 1:
        return set_some(2);
      case 2:
        return swap_two();
      case 3:
        return set_run();
      case 4:
        return set_alike();
      default:
        return shift();
    }
  }

  void set_some(int many) {
    const int chunk = below(p_.chunks), first = first_of(chunk);
    for (int i = 0; i < many; ++i) {
      const int position = first + below(now_.lengths[size(chunk)]);
      now_.strategies[size(position)] = some_strategy(position);
    }
    changed_.push_back(chunk);
  }

  void swap_two() {
    const int chunk = below(p_.chunks), first = first_of(chunk), length = now_.lengths[size(chunk)],
              a = first + below(length), b = first + below(length);
    if (p_.table_of[size(a)] != p_.table_of[size(b)]) return;
    std::swap(now_.strategies[size(a)], now_.strategies[size(b)]);
    changed_.push_back(chunk);
  }

  void set_run() {
    const int chunk = below(p_.chunks), first = first_of(chunk), end = first + now_.lengths[size(chunk)],
              from = first + below(end - first), to = std::min(end, from + 1 + below(longest_run)),
              strategy = some_strategy(from);
    for (int i = from; i < to; ++i)
      if (p_.table_of[size(i)] == p_.table_of[size(from)]) now_.strategies[size(i)] = strategy;
    changed_.push_back(chunk);
  }

  // A position of every chunk: stages of a pipeline are much alike.
  void set_alike() {
    const int offset = below(p_.positions()), from = first_of(below(p_.chunks)),
              strategy = some_strategy(from);
    for (int chunk = 0, first = 0; chunk < p_.chunks; first += now_.lengths[size(chunk++)]) {
      const int position = first + offset % now_.lengths[size(chunk)];
      if (p_.table_of[size(position)] != p_.table_of[size(from)]) continue;
      now_.strategies[size(position)] = strategy;
      changed_.push_back(chunk);
    }
  }

  // A position from one chunk to another, with its strategy.
  void shift() {
    const int from = below(p_.chunks), to = below(p_.chunks), length = now_.lengths[size(from)];
    if (from == to || length == 1) return;
    const int out = first_of(from) + below(length),
              in = first_of(to) - (to > from ? 1 : 0) + below(now_.lengths[size(to)] + 1);
    const auto table = p_.table_of.begin();
    if (in >= p_.positions() || std::any_of(table + std::min(in, out), table + std::max(in, out) + 1,
                                            [&](int t) { return t != table[out]; }))
      return;
    const int strategy = now_.strategies[size(out)];
    now_.strategies.erase(now_.strategies.begin() + out);
    now_.strategies.insert(now_.strategies.begin() + in, strategy);
    --now_.lengths[size(from)];
    ++now_.lengths[size(to)];
    changed_ = {from, to};
  }

  const Problem& p_;
  const Judge& judge_;
  std::mt19937_64 random_;
  Replay replay_;
  std::array<Path, 8> paths_;
  std::size_t next_path_ = 0;
  Choice now_, before_;
  Values values_, next_;
  std::vector<int> changed_;
  Time step_ = 0;  // of the last energy()
  bool fits_ = false;
  double energy_ = 0;
  Time shortest_ = never_judged;
  std::optional<Annealed> best_;
};

}  // namespace

std::vector<Choice> even_plans(const Problem& p) {
  Choice even;
  for (int c = 0, used = 0; c < p.chunks; ++c) {
    const int end = (c + 1) * p.positions() / p.chunks;
    even.lengths.push_back(end - used);
    used = end;
  }
  std::vector<Choice> out;
  const std::size_t inner = p.tables[size(p.table_of[size(p.positions() / 2)])].size();
  for (std::size_t s = 0; s < inner; ++s) {
    out.push_back(even);
    for (const int table : p.table_of)
      out.back().strategies.push_back(s < p.tables[size(table)].size() ? static_cast<int>(s) : 0);
  }
  return out;
}

std::optional<Annealed> anneal(const Problem& problem, const std::vector<Choice>& starts, std::size_t plans,
                               const Judge& judge, const std::function<bool()>& stop) {
  return Annealing(problem, starts, judge).run(plans, stop);
}

}  // namespace orrery::exact
