// Topology::loads(): what each pattern puts on the links.
#include <algorithm>

#include "sim/base/error.h"
#include "sim/cluster/topology.h"

namespace orrery {
namespace {

// Sums by link; merges what it holds whenever that has doubled.
class Sums {
 public:
  void add(std::uint32_t link, double weight) {
    if (loads_.size() == limit_) {
      merge();
      limit_ = std::max(limit_, 2 * loads_.size());
    }
    loads_.push_back({LinkId{link}, weight});
  }
  std::vector<LinkLoad> take() {
    merge();
    return std::move(loads_);
  }

 private:
  void merge() {
    const auto by_link = [](const LinkLoad& a, const LinkLoad& b) { return a.link < b.link; };
    std::stable_sort(loads_.begin(), loads_.end(), by_link);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      if (kept > 0 && loads_[kept - 1].link == loads_[i].link) {
        loads_[kept - 1].bytes_per_byte += loads_[i].bytes_per_byte;
      } else {
        loads_[kept++] = loads_[i];
      }
    }
    loads_.resize(kept);
  }
  std::vector<LinkLoad> loads_;
  std::size_t limit_ = 4096;
};

// The members on one node, in their order.
struct Visit {
  std::uint32_t node = 0, group = 0, pod = 0, first = 0, count = 0;  // a range of the seats
};

class Loader {
 public:
  Loader(const Cluster& cluster, const Wiring& wiring, std::span<const RankId> members)
      : cluster_(cluster), wiring_(wiring), count_(static_cast<double>(members.size())) {
    seats_.reserve(members.size());
    for (const RankId m : members) seats_.push_back(seat(cluster, m));
  }

  std::vector<LinkLoad> run(Pattern pattern) {
    switch (pattern) {
      case Pattern::all_reduce: ring(2 * (count_ - 1) / count_); break;
      case Pattern::all_gather:
      case Pattern::reduce_scatter: ring((count_ - 1) / count_); break;
      case Pattern::broadcast: chain(); break;
      case Pattern::all_to_all: all_to_all(1 / count_); break;
      case Pattern::ring_exchange:
        for (std::size_t i = 0; i < seats_.size(); ++i) message(seats_[i], seats_[(i + 1) % seats_.size()]);
        break;
      case Pattern::message:
        ORRERY_CHECK(seats_.size() == 2);
        message(seats_[0], seats_[1]);
        break;
    }
    return sums_.take();
  }

 private:
  const NodeWiring& wiring(std::uint32_t group) const { return wiring_.groups[group]; }
  std::span<const Seat> seats(const Visit& v) const { return std::span(seats_).subspan(v.first, v.count); }

  void add(const NodeWiring& w, std::uint32_t node, std::span<const std::uint32_t> path, double weight) {
    for (const std::uint32_t link : path) sums_.add(w.first_link + (node - w.first_node) * w.links + link, weight);
  }

  void message(const Seat& a, const Seat& b) {
    const NodeWiring &wa = wiring(a.group), &wb = wiring(b.group);
    if (a.node == b.node) return add(wa, a.node, wa.between(a.local, b.local), 1);
    for_each_part(wiring_.fabric, wa, a.local, wb, b.local, [&](std::uint32_t leave, std::uint32_t enter, double share) {
      add(wa, a.node, wa.leaving(a.local, leave), share);
      add(wb, b.node, wb.entering(enter, b.local), share);
      const std::uint32_t from_pod = pod_of(cluster_, a.node), to_pod = pod_of(cluster_, b.node);
      if (!wiring_.fabric.crosses(from_pod, leave, to_pod, enter)) return;
      sums_.add(wiring_.fabric.up(from_pod, leave), share);
      sums_.add(wiring_.fabric.down(to_pod, enter), share);
    });
  }

  // Puts the members of a node next to each other, nodes in order of their first member.
  std::vector<Visit> by_node() {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> order;  // node, position
    for (std::uint32_t i = 0; i < seats_.size(); ++i) order.emplace_back(seats_[i].node, i);
    std::sort(order.begin(), order.end());
    std::vector<Visit> visits;
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      if (i == 0 || order[i].first != order[i - 1].first) {
        const Seat& s = seats_[order[i].second];
        visits.push_back({s.node, s.group, pod_of(cluster_, s.node), i, 0});
      }
      ++visits.back().count;
    }
    std::sort(visits.begin(), visits.end(),
              [&](const Visit& a, const Visit& b) { return order[a.first].second < order[b.first].second; });
    std::vector<Seat> sorted;
    sorted.reserve(seats_.size());
    for (const auto& [node, position] : order) sorted.push_back(seats_[position]);
    seats_ = std::move(sorted);
    return visits;
  }

  // The share of a node's traffic that goes over each NIC of its members (by NIC), and of it through each member.
  struct Exits {
    std::vector<double> nic, member;
  };
  Exits exits(const Visit& v) const {
    const NodeWiring& w = wiring(v.group);
    std::vector<double> owners(w.nics);
    for (const Seat& s : seats(v)) {
      const auto [first, count] = w.own_nics(s.local);
      for (std::uint32_t n = first; n < first + count; ++n) ++owners[n];
    }
    const auto used = static_cast<double>(std::count_if(owners.begin(), owners.end(), [](double o) { return o > 0; }));
    Exits e{std::vector<double>(w.nics), {}};
    for (std::size_t n = 0; n < owners.size(); ++n) e.nic[n] = owners[n] > 0 ? 1 / used : 0;
    for (const Seat& s : seats(v)) {
      const auto [first, count] = w.own_nics(s.local);
      double share = 0;
      for (std::uint32_t n = first; n < first + count; ++n) share += 1 / used / owners[n];
      e.member.push_back(share);
    }
    return e;
  }

  // From each member to the next, `amount` less what leaves the node from there (nothing, if `e` is empty).
  void ring_inside(const Visit& v, double amount, const Exits& e) {
    const NodeWiring& w = wiring(v.group);
    const std::span<const Seat> s = seats(v);
    for (std::size_t i = 0; i < s.size(); ++i) {
      const double carries = amount * (e.member.empty() ? 1 : 1 - e.member[i]);
      for (std::size_t j = 0; w.mesh && j < s.size(); ++j) {
        if (i != j) add(w, v.node, w.between(s[i].local, s[j].local), carries / static_cast<double>(s.size() - 1));
      }
      if (!w.mesh) add(w, v.node, w.between(s[i].local, s[(i + 1) % s.size()].local), carries);
    }
  }

  enum class Way : std::uint8_t { out, in };
  void pass(const Visit& v, double amount, const Exits& e, Way way) {
    const NodeWiring& w = wiring(v.group);
    const std::span<const Seat> s = seats(v);
    for (std::size_t i = 0; i < s.size(); ++i) {
      const auto [first, count] = w.own_nics(s[i].local);
      for (std::uint32_t n = first; n < first + count; ++n) {
        const double part = amount * e.member[i] / count;
        add(w, v.node, way == Way::out ? w.leaving(s[i].local, n) : w.entering(n, s[i].local), part);
      }
    }
  }

  // Between two nodes, traffic stays on its rail below a leaf as far as both use that rail.
  void hop(const Visit& a, const Exits& ea, const Visit& b, const Exits& eb, double amount) {
    const FabricWiring& f = wiring_.fabric;
    if (f.leaves_per_pod == 0) return;
    if (f.kind == FabricKind::fat_tree) {
      if (!f.crosses(a.pod, 0, b.pod, 0)) return;
      sums_.add(f.up(a.pod, 0), amount);
      return sums_.add(f.down(b.pod, 0), amount);
    }
    for (std::uint32_t n = 0; n < f.leaves_per_pod; ++n) {
      const double from = n < ea.nic.size() ? ea.nic[n] : 0, to = n < eb.nic.size() ? eb.nic[n] : 0;
      const double stays = a.pod == b.pod ? std::min(from, to) : 0;
      if (from > stays) sums_.add(f.up(a.pod, n), amount * (from - stays));
      if (to > stays) sums_.add(f.down(b.pod, n), amount * (to - stays));
    }
  }

  void ring(double amount) {
    if (seats_.size() < 2) return;
    const std::vector<Visit> visits = by_node();
    if (visits.size() == 1) return ring_inside(visits[0], amount, {});
    const Exits first = exits(visits[0]);
    Exits here = first;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      const bool last = i + 1 == visits.size();
      ring_inside(visits[i], amount, here);
      pass(visits[i], amount, here, Way::out);
      pass(visits[i], amount, here, Way::in);
      Exits next = last ? first : exits(visits[i + 1]);
      hop(visits[i], here, visits[last ? 0 : i + 1], next, amount);
      here = std::move(next);
    }
  }

  void chain() {
    if (seats_.size() < 2) return;
    const std::vector<Visit> visits = by_node();
    chain_inside(visits[0]);
    if (visits.size() == 1) return;
    Exits here = exits(visits[0]);
    for (std::size_t i = 0; i + 1 < visits.size(); ++i) {
      pass(visits[i], 1, here, Way::out);
      Exits next = exits(visits[i + 1]);
      hop(visits[i], here, visits[i + 1], next, 1);
      pass(visits[i + 1], 1, next, Way::in);
      ring_inside(visits[i + 1], 1, next);
      here = std::move(next);
    }
  }

  // On the node of the first member, which receives nothing.
  void chain_inside(const Visit& v) {
    const NodeWiring& w = wiring(v.group);
    const std::span<const Seat> s = seats(v);
    for (std::size_t i = 0; i < s.size(); ++i) {
      for (std::size_t j = 1; w.mesh && j < s.size(); ++j) {
        if (i != j) add(w, v.node, w.between(s[i].local, s[j].local), 1 / static_cast<double>(s.size() - 1));
      }
      if (!w.mesh && i + 1 < s.size()) add(w, v.node, w.between(s[i].local, s[i + 1].local), 1);
    }
  }

  // How many members have a seat of this kind (group of nodes, local), in all and by pod.
  struct Kinds {
    std::vector<std::uint32_t> first;                  // of a group's kinds
    std::vector<std::vector<std::uint32_t>> by_pod;    // by pod, then kind
    std::vector<std::uint32_t> all;
  };
  Kinds kinds(const std::vector<Visit>& visits) const {
    Kinds k;
    std::uint32_t size = 0;
    for (const NodeWiring& w : wiring_.groups) {
      k.first.push_back(size);
      size += w.gpus;
    }
    k.all.assign(size, 0);
    for (const Visit& v : visits) {
      if (v.pod >= k.by_pod.size()) k.by_pod.resize(v.pod + 1);
      k.by_pod[v.pod].resize(size);
      for (const Seat& s : seats(v)) {
        ++k.all[k.first[v.group] + s.local];
        ++k.by_pod[v.pod][k.first[v.group] + s.local];
      }
    }
    return k;
  }

  // All pairs of members on different nodes, by kind of the other's seat, since a route depends on no more than that
  // and on whether the other is in the same pod.
  void all_to_all(double amount) {
    const std::vector<Visit> visits = by_node();
    const Kinds k = kinds(visits);
    for (const Visit& v : visits) {
      const NodeWiring& w = wiring(v.group);
      for (const Seat& a : seats(v)) {
        for (const Seat& b : seats(v)) add(w, v.node, w.between(a.local, b.local), amount);
      }
      if (visits.size() == 1) return;
      std::vector<std::uint32_t> here(k.all.size());
      for (const Seat& a : seats(v)) ++here[k.first[v.group] + a.local];
      for (std::uint32_t group = 0; group < wiring_.groups.size(); ++group) {
        for (std::uint32_t local = 0; local < wiring(group).gpus; ++local) {
          const std::uint32_t kind = k.first[group] + local;
          const double near = k.by_pod[v.pod][kind] - here[kind], far = k.all[kind] - k.by_pod[v.pod][kind];
          if (near + far == 0) continue;
          for (const Seat& a : seats(v)) to_kind(v, a.local, group, local, amount * near, amount * far);
        }
      }
    }
  }

  // Both directions between a member and the others whose seat is of one kind.
  void to_kind(const Visit& v, std::uint32_t mine, std::uint32_t group, std::uint32_t theirs, double near, double far) {
    const NodeWiring &w = wiring(v.group), &other = wiring(group);
    const FabricWiring& f = wiring_.fabric;
    for_each_part(f, w, mine, other, theirs, [&](std::uint32_t leave, std::uint32_t enter, double share) {
      add(w, v.node, w.leaving(mine, leave), (near + far) * share);
      const double over = (f.crosses(v.pod, leave, v.pod, enter) ? near : 0) + (f.leaves_per_pod > 0 ? far : 0);
      if (over > 0) sums_.add(f.up(v.pod, leave), over * share);
    });
    for_each_part(f, other, theirs, w, mine, [&](std::uint32_t leave, std::uint32_t enter, double share) {
      add(w, v.node, w.entering(enter, mine), (near + far) * share);
      const double over = (f.crosses(v.pod, leave, v.pod, enter) ? near : 0) + (f.leaves_per_pod > 0 ? far : 0);
      if (over > 0) sums_.add(f.down(v.pod, enter), over * share);
    });
  }

  const Cluster& cluster_;
  const Wiring& wiring_;
  double count_;
  std::vector<Seat> seats_;
  Sums sums_;
};

}  // namespace

std::vector<LinkLoad> Topology::loads(std::span<const RankId> members, Pattern pattern) const {
  return Loader(cluster_, wiring_, members).run(pattern);
}

}  // namespace orrery
