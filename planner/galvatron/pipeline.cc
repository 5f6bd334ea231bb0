#include "planner/galvatron/pipeline.h"

#include <algorithm>
#include <tuple>

namespace orrery::galvatron {
namespace {

struct Suffix {
  std::int64_t x = 0, u = 0, z = 0, w = -never;
  std::uint32_t at = 0;  // of Search::chosen_
};

class Search {
 public:
  Search(const Pipeline& pipeline, std::int64_t incumbent, bool exact, std::size_t most)
      : p_(pipeline),
        stages_(static_cast<int>(p_.options.size())),
        exact_(exact),
        most_(most),
        limit_(incumbent) {
    measure_prefixes();
  }

  Best run() {
    std::vector<std::vector<Suffix>> suffixes(static_cast<std::size_t>(p_.layers) + 1);
    suffixes[0].push_back({});
    for (int stage = stages_ - 1; stage >= 0 && best_.complete; --stage) suffixes = extend(suffixes, stage);
    return std::move(best_);
  }

 private:
  struct Chosen {
    std::uint32_t behind;
    int layers;
    Option option;
  };

  // least_[s][n]: plain time of n layers on the stages before s.
  void measure_prefixes() {
    const auto layers = static_cast<std::size_t>(p_.layers) + 1;
    least_.assign(static_cast<std::size_t>(stages_) + 1, std::vector<std::int64_t>(layers, never));
    least_[0][0] = 0;
    for (std::size_t s = 0; s < p_.options.size(); ++s)
      for (std::size_t n = 0; n < p_.options[s].size(); ++n) {
        std::int64_t plain = never;
        for (const Option& o : p_.options[s][n]) plain = std::min(plain, o.plain);
        if (s == 0) first_ = std::min(first_, plain);
        for (std::size_t before = 0; plain < never && before + n < layers; ++before)
          if (least_[s][before] < never)
            least_[s + 1][before + n] = std::min(least_[s + 1][before + n], least_[s][before] + plain);
      }
  }

  std::vector<std::vector<Suffix>> extend(const std::vector<std::vector<Suffix>>& behind, int stage) {
    std::vector<std::vector<Suffix>> out(behind.size());
    const auto& options = p_.options[static_cast<std::size_t>(stage)];
    for (std::size_t n = 0; n < options.size(); ++n)
      for (std::size_t used = 0; used + n < out.size(); ++used) {
        const std::size_t left = out.size() - 1 - used - n;
        const std::int64_t before = least_[static_cast<std::size_t>(stage)][left];
        if (before >= never) continue;
        for (const Suffix& s : behind[used])
          for (const Option& o : options[n]) add(s, o, static_cast<int>(n), stage, before, out[used + n]);
      }
    if (stage > 0)
      for (std::vector<Suffix>& suffixes : out) reduce(suffixes);
    return out;
  }

  void add(const Suffix& behind, const Option& o, int layers, int stage, std::int64_t before,
           std::vector<Suffix>& to) {
    const std::int64_t c = p_.micro_batches;
    const bool every = p_.bottleneck == Bottleneck::every_stage;
    Suffix s{behind.x, behind.u + o.plain, std::max(behind.z, o.synchronised + behind.u)};
    s.w = std::max(behind.w, o.synchronised) - o.plain;
    if (every || stage == stages_ - 1) s.x = std::max(s.x, o.plain);
    const std::int64_t first = stage == 0 ? o.plain : first_;
    const std::int64_t once = std::max(s.u + before, s.z);
    std::int64_t bound = once + (c - 1) * s.x;
    if (!every) bound = std::max({bound, once + (c - stages_) * first, c * first});
    if (stage == 0 && !every) bound = std::max(bound, (c - 1) * o.plain + o.synchronised);
    if (bound >= limit_) return;
    if (chosen_.size() >= most_) {
      best_.complete = false;
      return;
    }
    if (stage == 0) return finish(behind, o, layers, bound, every);
    s.at = static_cast<std::uint32_t>(chosen_.size());
    chosen_.push_back({behind.at, layers, o});
    to.push_back(s);
  }

  void finish(const Suffix& behind, const Option& o, int layers, std::int64_t bound, bool every) {
    best_.bound = std::min(best_.bound, bound);
    std::int64_t step = bound;
    if (!every && stages_ > 1) step = std::max(step, (p_.micro_batches - 1) * o.plain + behind.w);
    if (step >= std::min(best_.step, limit_)) return;
    best_.step = step;
    best_.stages.assign({{layers, o}});
    for (std::uint32_t at = behind.at; static_cast<int>(best_.stages.size()) < stages_;
         at = chosen_[at].behind)
      best_.stages.emplace_back(chosen_[at].layers, chosen_[at].option);
  }

  void reduce(std::vector<Suffix>& suffixes) const {
    std::sort(suffixes.begin(), suffixes.end(), [](const Suffix& a, const Suffix& b) {
      return std::tie(a.u, a.x, a.z, a.w, a.at) < std::tie(b.u, b.x, b.z, b.w, b.at);
    });
    std::size_t kept = 0;
    for (const Suffix& s : suffixes) {
      const auto covers = [&](const Suffix& k) {
        return k.x <= s.x && k.z <= s.z && (!exact_ || (k.u == s.u && k.w <= s.w));
      };
      const auto end = suffixes.begin() + static_cast<std::ptrdiff_t>(kept);
      if (std::none_of(suffixes.begin(), end, covers)) suffixes[kept++] = s;
    }
    suffixes.resize(kept);
  }

  const Pipeline& p_;
  int stages_;
  bool exact_;
  std::size_t most_;
  std::int64_t limit_, first_ = never;
  std::vector<std::vector<std::int64_t>> least_;
  std::vector<Chosen> chosen_;
  Best best_;
};

}  // namespace

void keep_best(std::vector<Option>& options, bool same_plain) {
  const auto key = [](const Option& o) {
    return std::tie(o.plain, o.synchronised, o.mixture.memory, o.mixture.back);
  };
  std::sort(options.begin(), options.end(),
            [&](const Option& a, const Option& b) { return key(a) < key(b); });
  std::size_t kept = 0;
  for (const Option& o : options) {
    const bool covered = kept > 0 && options[kept - 1].synchronised <= o.synchronised &&
                         (!same_plain || options[kept - 1].plain == o.plain);
    if (!covered) options[kept++] = o;
  }
  options.resize(kept);
}

Best best_pipeline(const Pipeline& pipeline, std::int64_t incumbent, bool exact, std::size_t most) {
  return Search(pipeline, incumbent, exact, most).run();
}

}  // namespace orrery::galvatron
