#include "planner/galvatron/front.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace orrery::galvatron {
namespace {

// What is kept so far, by plain time: the least synchronised time of at most that plain time.
class Staircase {
 public:
  bool covers(std::int64_t plain, std::int64_t synchronised) const {
    const auto after = steps_.upper_bound(plain);
    return after != steps_.begin() && std::prev(after)->second <= synchronised;
  }
  void add(std::int64_t plain, std::int64_t synchronised) {
    auto at = steps_.insert_or_assign(plain, synchronised).first;
    for (auto next = std::next(at); next != steps_.end() && next->second >= synchronised;)
      next = steps_.erase(next);
  }

 private:
  std::map<std::int64_t, std::int64_t> steps_;
};

}  // namespace

std::size_t dominated_last(std::vector<Choice>& choices) {
  std::stable_sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return std::tie(a.memory, a.plain, a.synchronised) < std::tie(b.memory, b.plain, b.synchronised);
  });
  Staircase kept;
  const auto end = std::stable_partition(choices.begin(), choices.end(), [&](const Choice& c) {
    if (kept.covers(c.plain, c.synchronised)) return false;
    kept.add(c.plain, c.synchronised);
    return true;
  });
  return static_cast<std::size_t>(end - choices.begin());
}

Hull::Hull(std::span<const Choice> choices, std::int64_t Choice::*time) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Corner c{choices[i].memory, choices[i].*time, static_cast<int>(i)};
    if (!corners_.empty() && corners_.back().time <= c.time) continue;
    if (!corners_.empty() && corners_.back().memory == c.memory) corners_.pop_back();
    const auto between = [&] {  // the last corner is on or above the line around it
      const Corner &a = corners_[corners_.size() - 2], &b = corners_.back();
      return static_cast<double>(a.time - b.time) * static_cast<double>(c.memory - a.memory) <=
             static_cast<double>(a.time - c.time) * static_cast<double>(b.memory - a.memory);
    };
    while (corners_.size() >= 2 && between()) corners_.pop_back();
    corners_.push_back(c);
  }
}

std::size_t Hull::above(int n, std::int64_t memory) const {
  std::size_t i = 0;
  while (i < corners_.size() && corners_[i].memory * n <= memory) ++i;
  return i;
}

std::int64_t Hull::bound(int n, std::int64_t memory) const {
  if (n == 0) return memory >= 0 ? 0 : never;
  const std::size_t i = above(n, memory);
  if (i == 0) return never;
  const Corner& low = corners_[i - 1];
  if (i == corners_.size()) return low.time * n;
  const double slope =
      static_cast<double>(low.time - corners_[i].time) / static_cast<double>(corners_[i].memory - low.memory);
  // A tick and a rounding less, to stay a bound.
  const double saved = slope * static_cast<double>(memory - low.memory * n) * (1 + 1e-12) + 1;
  return low.time * n - static_cast<std::int64_t>(saved) - 1;
}

std::vector<int> Hull::rounded(int n, std::int64_t memory) const {
  const std::size_t i = above(n, memory);
  if (i == 0) return {};
  const Corner& low = corners_[i - 1];
  std::vector<int> out(static_cast<std::size_t>(n), low.choice);
  if (i == corners_.size()) return out;
  const std::int64_t more = (memory - low.memory * n) / (corners_[i].memory - low.memory);
  std::fill_n(out.begin(), std::min<std::int64_t>(more, n), corners_[i].choice);
  return out;
}

std::vector<int> Fronts::counts(const Mixture& m) const {
  std::vector<int> out(choices_, 0);
  for (std::uint32_t at = m.back; at != 0; at = steps_[at].before)
    ++out[static_cast<std::size_t>(steps_[at].choice)];
  return out;
}

void Fronts::reduce(std::vector<Mixture>& front, bool same_plain) const {
  const auto order = [](const Mixture& a, const Mixture& b) {
    return std::tie(a.memory, a.plain, a.synchronised, a.back) <
           std::tie(b.memory, b.plain, b.synchronised, b.back);
  };
  std::sort(front.begin(), front.end(), order);
  Staircase kept;
  std::map<std::int64_t, std::int64_t> least;  // synchronised time, by plain time
  std::erase_if(front, [&](const Mixture& m) {
    if (same_plain) {
      const auto [at, fresh] = least.try_emplace(m.plain, m.synchronised);
      if (!fresh && at->second <= m.synchronised) return true;
      at->second = m.synchronised;
      return false;
    }
    if (kept.covers(m.plain, m.synchronised)) return true;
    kept.add(m.plain, m.synchronised);
    return false;
  });
}

}  // namespace orrery::galvatron
