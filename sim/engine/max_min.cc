#include "sim/engine/max_min.h"

#include <algorithm>
#include <limits>

namespace orrery::engine {
namespace {
constexpr double rounding = 1 + 1e-12;
}

void MaxMin::reset(std::uint32_t links, std::span<const std::uint32_t> first_share, std::span<const Share> shares) {
  first_share_ = first_share;
  shares_ = shares;
  const std::size_t flows = first_share.size() - 1;
  first_user_.assign(links + 1, 0);
  for (const Share& s : shares) ++first_user_[s.link + 1];
  for (std::uint32_t l = 0; l < links; ++l) first_user_[l + 1] += first_user_[l];
  users_.assign(shares.size(), {});
  position_.assign(shares.size(), 0);
  present_.assign(links, 0);
  bound_.assign(flows, 0);
  level_.assign(flows, 0);
  open_.assign(flows, 0);
  used_.assign(links, 0);
  rising_.assign(links, 0);
  rising_flows_.assign(links, 0);
  link_seen_.assign(links, 0);
  flow_seen_.assign(flows, 0);
  stamp_ = 0;
  touched_.clear();
  links_.reserve(links);
  by_bound_.reserve(flows);
  solved_.reserve(flows);
}

void MaxMin::touch(std::uint32_t flow) {
  for (const Share& s : shares(flow)) touched_.push_back(s.link);
}

void MaxMin::add(std::uint32_t flow, double bound) {
  bound_[flow] = bound;
  level_[flow] = 0;
  for (std::uint32_t s = first_share_[flow]; s < first_share_[flow + 1]; ++s) {
    const std::uint32_t link = shares_[s].link, at = first_user_[link] + present_[link]++;
    users_[at] = {flow, s};
    position_[s] = at;
  }
  touch(flow);
}

void MaxMin::remove(std::uint32_t flow) {
  for (std::uint32_t s = first_share_[flow]; s < first_share_[flow + 1]; ++s) {
    const std::uint32_t link = shares_[s].link, last = first_user_[link] + --present_[link];
    users_[position_[s]] = users_[last];
    position_[users_[last].share] = position_[s];
  }
  touch(flow);
}

std::span<const std::uint32_t> MaxMin::solve() {
  solved_.clear();
  if (++stamp_ == 0) {
    std::fill(link_seen_.begin(), link_seen_.end(), 0);
    std::fill(flow_seen_.begin(), flow_seen_.end(), 0);
    stamp_ = 1;
  }
  for (const std::uint32_t link : touched_)
    if (link_seen_[link] != stamp_) explore(link);
  touched_.clear();
  return solved_;
}

// Collects the component of a link, breadth first, and solves it.
void MaxMin::explore(std::uint32_t link) {
  links_.clear();
  by_bound_.clear();
  link_seen_[link] = stamp_;
  links_.push_back(link);
  for (std::size_t next = 0; next < links_.size(); ++next) {
    const std::uint32_t l = links_[next];
    used_[l] = rising_[l] = 0;
    rising_flows_[l] = present_[l];
    for (std::uint32_t u = first_user_[l]; u < first_user_[l] + present_[l]; ++u) {
      const User& user = users_[u];
      rising_[l] += shares_[user.share].weight;
      if (flow_seen_[user.flow] == stamp_) continue;
      flow_seen_[user.flow] = stamp_;
      open_[user.flow] = 1;
      by_bound_.push_back(user.flow);
      for (const Share& s : shares(user.flow))
        if (link_seen_[s.link] != stamp_) link_seen_[s.link] = stamp_, links_.push_back(s.link);
    }
  }
  fill();
  solved_.insert(solved_.end(), by_bound_.begin(), by_bound_.end());
}

void MaxMin::fill() {
  const auto lower = [&](std::uint32_t a, std::uint32_t b) { return bound_[a] < bound_[b]; };
  if (!std::is_sorted(by_bound_.begin(), by_bound_.end(), lower)) std::sort(by_bound_.begin(), by_bound_.end(), lower);
  double level = 0;
  for (std::size_t next = 0;;) {
    const double full = rise(level);  // the level at which the next link is full
    bool bounded = false;
    for (; next < by_bound_.size(); ++next) {
      const std::uint32_t flow = by_bound_[next];
      if (!open_[flow]) continue;
      if (bound_[flow] > full * rounding) break;
      stop(flow, bound_[flow]);
      level = std::max(level, bound_[flow]);
      bounded = true;
    }
    if (next == by_bound_.size()) return;
    if (bounded) continue;            // the links may now be full later
    level = full;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const std::uint32_t l = links_[i];
      if (rising_flows_[l] == 0 || std::max(level, (1 - used_[l]) / rising_[l]) > level) continue;
      for (std::uint32_t u = first_user_[l]; u < first_user_[l] + present_[l]; ++u)
        if (open_[users_[u].flow]) stop(users_[u].flow, level);
    }
  }
}

// The least level, no lower than `level`, at which a link is full. Forgets links whose flows have all stopped.
double MaxMin::rise(double level) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < links_.size();) {
    const std::uint32_t l = links_[i];
    if (rising_flows_[l] == 0) {
      links_[i] = links_.back();
      links_.pop_back();
      continue;
    }
    least = std::min(least, (1 - used_[l]) / rising_[l]);
    ++i;
  }
  return std::max(level, least);
}

void MaxMin::stop(std::uint32_t flow, double level) {
  open_[flow] = 0;
  level_[flow] = level;
  for (const Share& s : shares(flow)) {
    used_[s.link] += s.weight * level;
    rising_[s.link] -= s.weight;
    --rising_flows_[s.link];
  }
}

}  // namespace orrery::engine
