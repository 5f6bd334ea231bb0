#include "profiler/measure/links.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "profiler/measure/samples.h"

namespace orrery {
namespace {

constexpr Kind collectives[] = {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all,
                                Kind::broadcast};

double between(const Backend& b, EventIndex from, EventIndex to) {
  return to_seconds(b.time_of(to) - b.time_of(from)).v;
}

// Ranks that communicate, all groups at once: disjoint, of equally many ranks.
using Parts = std::vector<std::vector<std::uint32_t>>;

Parts all_of(std::uint32_t ranks) {
  Parts out(1, std::vector<std::uint32_t>(ranks));
  std::iota(out.front().begin(), out.front().end(), 0U);
  return out;
}

constexpr std::size_t nowhere = ~std::size_t{0};
std::size_t part_of(const Parts& parts, std::uint32_t rank) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (std::find(parts[i].begin(), parts[i].end(), rank) != parts[i].end()) return i;
  return nowhere;
}

// The communications of one rank in its part, each after a matrix product, as in a step: its threads have
// computed when it begins, and the ranks come to it one by one.
class Member {
 public:
  static constexpr int most_products = 16;  // of a batch
  // Device memory that a member takes.
  static Bytes memory(const LinkOptions& o, std::int64_t side) {
    return {o.buffers.v + 3 * side * side * 4 + 4096};
  }

  // `rank` is of one of the parts. `side`: of its products.
  Member(Backend& backend, const Parts& parts, std::uint32_t rank, const LinkOptions& options,
         std::int64_t side)
      : backend_(backend),
        ranks_(static_cast<std::uint32_t>(parts.front().size())),
        buffers_(options.buffers),
        base_(static_cast<std::byte*>(backend.allocate(options.buffers, Memory::device))) {
    open_groups(parts, rank);
    backend.create_events(first_product + 2 * most_products);
    product_.name = KernelName::matmul;
    for (TensorRef* t : {&product_.in[0], &product_.in[1], &product_.out[0]})
      *t = {backend.allocate({side * side * size_of(options.dtype)}, Memory::device), options.dtype, side,
            side};
    clear();
  }

  // Queues one of a whole buffer of `bytes`: each on memory of its own as long as there is some, as in a
  // step.
  void post(Kind kind, std::int64_t bytes, Stream stream) {
    const Communication c = describe(kind, bytes, transfers_.emplace_back());
    backend_.communicate(c, stream);
  }

  // What the library expects of each collective of the points.
  std::vector<Seconds> estimates(std::span<const CollectivePoint> points) {
    std::vector<Communication> list;
    for (const CollectivePoint& p : points)
      if (p.kind != Kind::send) list.push_back(describe(p.kind, p.bytes.v, transfers_.emplace_back()));
    const std::vector<Seconds> out = backend_.estimates(list);
    transfers_.clear();
    met_ = 0;
    return out;
  }

  Communication describe(Kind kind, std::int64_t bytes, Transfer& t) {
    const std::int64_t elements = bytes / 4, part = elements / ranks_;
    auto* whole = reinterpret_cast<float*>(base_ + place(bytes));
    float* mine = whole + part * rank_;
    float* other = whole + elements;
    switch (kind) {
      case Kind::reduce_scatter:
        t = {whole, mine, part};
        break;
      case Kind::all_gather:
        t = {mine, whole, part};
        break;
      case Kind::all_to_all:
        t = {whole, other, part};
        break;
      case Kind::send:
        t = {whole, nullptr, elements};
        break;
      case Kind::receive:
        t = {nullptr, other, elements};
        break;
      default:
        t = {whole, whole, elements};
    }
    Communication c;
    c.kind = kind;
    const bool message = kind == Kind::send || kind == Kind::receive;
    c.group = !message ? 0 : (kind == Kind::send) == (rank_ == 0) ? 1 : 2;  // by direction
    c.sequence = kind == Kind::receive ? received_++ : kind == Kind::send ? sent_++ : met_++;
    c.transfers = {&t, 1};
    c.label = "profile";
    return c;
  }

  // So that all begin together.
  void meet() {
    Communication c = describe(Kind::all_reduce, 4 * ranks_, transfers_.emplace_back());
    c.group = all_;
    backend_.communicate(c, Stream::data);
    synchronize();
  }
  void multiply() { backend_.launch(product_, Stream::compute); }
  void multiply(int i) {
    const auto event = first_product + 2 * static_cast<EventIndex>(i);
    backend_.record(event, Stream::compute);
    multiply();
    backend_.record(event + 1, Stream::compute);
  }

  // The time of so many.
  double products(int count) {
    backend_.record(0, Stream::compute);
    for (int i = 0; i < count; ++i) multiply();
    backend_.record(1, Stream::compute);
    synchronize();
    return between(backend_, 0, 1);
  }

  // What each of `count` communications adds to the products.
  double batch(Kind kind, std::int64_t bytes, int count) {
    meet();
    backend_.record(0, Stream::compute);
    for (int i = 0; i < count; ++i) {
      multiply(i);
      pass(Stream::compute, Stream::data);
      post(kind, bytes, Stream::data);
      pass(Stream::data, Stream::compute);
    }
    backend_.record(1, Stream::data);
    synchronize();
    return added(count) / count;
  }

  // There and back between ranks 0 and 1, so many times, each after a product of rank 0; the time of one way.
  double round_trips(std::int64_t bytes, int count) {
    meet();
    const bool first = rank_ == 0;
    const Stream out = first ? Stream::send_next : Stream::send_previous;
    const Stream in = first ? Stream::receive_next : Stream::receive_previous;
    backend_.record(0, first ? Stream::compute : in);
    for (int i = 0; i < count; ++i) {
      if (first) {
        multiply(i);
        pass(Stream::compute, out);
        post(Kind::send, bytes, out);
      }
      post(Kind::receive, bytes, in);
      pass(in, first ? Stream::compute : out);
      if (!first) post(Kind::send, bytes, out);
    }
    backend_.record(1, first ? in : out);
    synchronize();
    return added(first ? count : 0) / (2 * count);
  }

  void synchronize() {
    backend_.synchronize();
    transfers_.clear();
  }

 private:
  static constexpr EventIndex first_product = 4;
  // Its part; of two ranks, one more for each direction of messages; of several parts, one of them all.
  void open_groups(const Parts& parts, std::uint32_t rank) {
    const std::size_t mine = part_of(parts, rank);
    const std::vector<std::uint32_t>& members = parts[mine];
    rank_ = static_cast<std::uint32_t>(std::find(members.begin(), members.end(), rank) - members.begin());
    std::vector<GroupMembers> groups(ranks_ == 2 ? 3 : 1, GroupMembers{members, Role::world});
    std::vector<std::uint32_t> ids;
    for (std::size_t i = 0; i < groups.size(); ++i) ids.push_back(static_cast<std::uint32_t>(3 * mine + i));
    if (parts.size() > 1) {
      all_ = static_cast<std::uint32_t>(groups.size());
      groups.push_back({{}, Role::world});
      for (const auto& part : parts)
        groups.back().members.insert(groups.back().members.end(), part.begin(), part.end());
      std::sort(groups.back().members.begin(), groups.back().members.end());
      ids.push_back(static_cast<std::uint32_t>(3 * parts.size()));
    }
    backend_.open_groups(groups, ids);
  }
  // What products read: memory that nobody wrote may hold anything.
  void clear() {
    for (int i = 0; i < 2; ++i) {
      Kernel zero;
      zero.name = KernelName::zero;
      zero.out[0] = product_.in[i];
      backend_.launch(zero, Stream::compute);
    }
    backend_.synchronize();
  }
  void pass(Stream from, Stream to) {
    backend_.record(2, from);
    backend_.wait(2, to);
  }
  // The time between events 0 and 1 without that of the products.
  double added(int products) const {
    constexpr double resolution = 1e-7;  // s
    double out = between(backend_, 0, 1);
    for (int i = 0; i < products; ++i) {
      const auto event = first_product + 2 * static_cast<EventIndex>(i);
      out -= between(backend_, event, event + 1);
    }
    return std::max(out, resolution);
  }
  // Of a buffer and one beside it for what comes in.
  std::int64_t place(std::int64_t bytes) {
    const std::int64_t both = (2 * bytes + 255) / 256 * 256;
    if (next_ + both > buffers_.v) next_ = 0;
    return std::exchange(next_, next_ + both);
  }

  Backend& backend_;
  std::uint32_t ranks_, rank_ = 0, all_ = 0;  // of its part; the group of all parts
  std::uint32_t sent_ = 0, received_ = 0, met_ = 0;
  Bytes buffers_;
  std::byte* base_;
  Kernel product_;
  std::int64_t next_ = 0;
  std::deque<Transfer> transfers_;  // of what is queued
};

int batch_size(std::int64_t bytes, const LinkOptions& o) {
  return static_cast<int>(std::clamp<std::int64_t>(o.bytes_each / bytes, 2, Member::most_products));
}

// Batch by batch, point by point.
std::vector<double> measure_member(Member& member, std::span<const CollectivePoint> points,
                                   const LinkOptions& options,
                                   const std::function<void(std::size_t)>& progress) {
  std::vector<double> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    progress(i);
    const CollectivePoint& p = points[i];
    const int count = batch_size(p.bytes.v, options);
    for (int b = 0; b <= options.batches; ++b) {
      const double t = p.kind == Kind::send ? member.round_trips(p.bytes.v, count)
                                            : member.batch(p.kind, p.bytes.v, count);
      if (b > 0) out.push_back(t);
    }
  }
  return out;
}

// By batch, of the rank of a part that came last: the others waited for it. Of messages, of the first.
double of_part(const std::vector<std::vector<double>>& by_rank, const std::vector<std::uint32_t>& part,
               std::size_t first, std::size_t batches, Kind kind) {
  std::vector<double> out(batches);
  for (std::size_t b = 0; b < batches; ++b) {
    out[b] = by_rank[part.front()][first + b];
    for (const std::uint32_t r : part)
      if (kind != Kind::send) out[b] = std::min(out[b], by_rank[r][first + b]);
  }
  return summarize(out).mean;
}

// Measures the points in all parts at once. A point's time is the slowest part's.
void measure_parts(const WithRanks& with_ranks, const Parts& parts, const LinkOptions& options, Watch& watch,
                   const std::string& what, std::vector<CollectivePoint>& points) {
  std::uint32_t ranks = 0;
  for (const auto& part : parts) ranks = std::max(ranks, *std::max_element(part.begin(), part.end()) + 1);
  const auto batches = static_cast<std::size_t>(options.batches);
  const auto by_rank =
      with_ranks(ranks, Member::memory(options, options.side), [&](Backend& backend, std::uint32_t rank) {
        if (part_of(parts, rank) == nowhere) return std::vector<double>();
        Member member(backend, parts, rank, options, options.side);
        const std::vector<Seconds> estimates = member.estimates(points);
        std::vector<double> out = measure_member(member, points, options, [&](std::size_t done) {
          if (rank == 0) watch.progress(done, points.size(), what);
        });
        for (const Seconds s : estimates) out.push_back(s.v);
        return out;
      });
  const std::vector<double>& first = by_rank[parts.front().front()];
  std::size_t next_estimate = points.size() * batches;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (const auto& part : parts)
      points[i].seconds =
          std::max(points[i].seconds, of_part(by_rank, part, i * batches, batches, points[i].kind));
    if (points[i].kind != Kind::send && next_estimate < first.size())
      points[i].estimate = first[next_estimate++];
  }
}

void add_points(std::span<const Kind> kinds, int ranks, int nodes, const LinkOptions& options,
                std::vector<CollectivePoint>& out) {
  for (const std::int64_t bytes : options.bytes)
    for (const Kind k : kinds) out.push_back({k, ranks, {bytes / (4 * ranks) * 4 * ranks}, 0, 0, nodes});
}

// Every `stride`-th of `ranks` ranks, from each of the first.
Parts strided(int ranks, int stride) {
  Parts out(static_cast<std::size_t>(stride));
  for (int r = 0; r < ranks; ++r)
    out[static_cast<std::size_t>(r % stride)].push_back(static_cast<std::uint32_t>(r));
  return out;
}

// The first ranks of neighbouring hosts, two by two.
Parts neighbours(int hosts, int per_host) {
  Parts out;
  for (int h = 0; h + 1 < hosts; h += 2)
    out.push_back({static_cast<std::uint32_t>(h * per_host), static_cast<std::uint32_t>((h + 1) * per_host)});
  return out;
}

}  // namespace

Bytes links_memory(const LinkOptions& o) { return Member::memory(o, std::max(o.side, o.overlap_side)); }

std::vector<CollectivePoint> measure_links(const WithRanks& with_ranks, std::span<const int> groups,
                                           Watch& watch, const LinkOptions& options) {
  std::vector<CollectivePoint> out;
  for (const int n : groups) {
    if (watch.stop()) break;
    std::vector<CollectivePoint> points;
    std::vector<Kind> kinds(std::begin(collectives), std::end(collectives));
    if (n == 2) kinds.push_back(Kind::send);
    add_points(kinds, n, 1, options, points);
    measure_parts(with_ranks, all_of(static_cast<std::uint32_t>(n)), options, watch,
                  "communication of " + std::to_string(n) + " ranks", points);
    out.insert(out.end(), points.begin(), points.end());
  }
  return out;
}

std::vector<CollectivePoint> measure_far_links(const WithRanks& with_ranks, int hosts, int per_host,
                                               Watch& watch, const LinkOptions& options) {
  std::vector<CollectivePoint> out;
  const auto measure = [&](const Parts& parts, std::span<const Kind> kinds, int nodes) {
    if (watch.stop()) return;
    std::vector<CollectivePoint> points;
    const auto ranks = static_cast<int>(parts.front().size());
    add_points(kinds, ranks, nodes, options, points);
    measure_parts(
        with_ranks, parts, options, watch,
        "communication of " + std::to_string(ranks) + " ranks on " + std::to_string(nodes) + " hosts",
        points);
    out.insert(out.end(), points.begin(), points.end());
  };
  constexpr Kind message[] = {Kind::send};
  measure(neighbours(hosts, per_host), message, 2);
  std::vector<int> sizes{hosts};
  for (int n = 2; n < hosts; n *= 2) sizes.push_back(n);
  for (const int n : sizes) {
    measure(all_of(static_cast<std::uint32_t>(n * per_host)), collectives, n);
    if (per_host > 1) measure(strided(n * per_host, per_host), collectives, n);
  }
  return out;
}

double measure_cores(const WithRanks& with_ranks, std::uint32_t ranks, const LinkOptions& options) {
  // Longer than an operating system lets one of two on a core go on: 30 ms of products of the usual side.
  constexpr int rounds = 9, products_each = 320;
  if (ranks < 2) return 1;
  const Parts parts = all_of(ranks);
  const auto by_rank =
      with_ranks(ranks, Member::memory(options, options.side), [&](Backend& backend, std::uint32_t rank) {
        Member member(backend, parts, rank, options, options.side);
        std::vector<double> out;  // all together, then one alone
        for (int i = 0; i <= rounds; ++i) {
          const double all = member.products(products_each);
          const double one = rank == 0 ? member.products(products_each) : 0;
          member.meet();
          if (rank == 0 && i > 0) out.insert(out.end(), {all, one});
        }
        return out;
      });
  std::vector<double> alone, together;
  for (std::size_t i = 0; i + 1 < by_rank[0].size(); i += 2) {
    together.push_back(by_rank[0][i]);
    alone.push_back(by_rank[0][i + 1]);
  }
  return std::min(1.0, summarize(alone).median / summarize(together).median) * ranks;
}

Overlap measure_overlap(const WithRanks& with_ranks, const LinkOptions& options, std::uint32_t other) {
  const std::int64_t bytes = options.overlap_bytes;
  constexpr int collectives_each = 8, rounds = 9;
  const Parts parts{{0, other}};
  const Bytes memory = Member::memory(options, options.overlap_side);
  const auto by_rank = with_ranks(other + 1, memory, [&](Backend& backend, std::uint32_t rank) {
    std::vector<double> out;  // factors of compute and of communication, in turn
    if (part_of(parts, rank) == nowhere) return out;
    Member member(backend, parts, rank, options, options.overlap_side);
    // Products and collectives side by side; none of one: the others alone.
    const auto play = [&](int products, int count) {
      member.meet();
      backend.record(0, Stream::compute);
      backend.record(2, Stream::data);
      for (int i = 0; i < std::max(products, count); ++i) {
        if (i < products) member.multiply();
        if (i < count) member.post(Kind::all_reduce, bytes, Stream::data);
      }
      backend.record(1, Stream::compute);
      backend.record(3, Stream::data);
      member.synchronize();
      return std::pair(products > 0 ? between(backend, 0, 1) : 0.0, count > 0 ? between(backend, 2, 3) : 0.0);
    };
    const double alone = play(0, collectives_each).second;
    const double one = play(32, 0).first / 32;
    const int products = std::clamp(static_cast<int>(alone / one), 8, 4096);
    for (int i = 0; i < rounds; ++i) {
      const auto both = play(products, collectives_each);
      out.push_back(both.first / play(products, 0).first);
      out.push_back(both.second / play(0, collectives_each).second);
    }
    return out;
  });
  std::vector<double> compute, communication;
  for (const std::vector<double>& rank : by_rank)
    for (std::size_t i = 0; i + 1 < rank.size(); i += 2) {
      compute.push_back(rank[i]);
      communication.push_back(rank[i + 1]);
    }
  return {std::max(1.0, summarize(compute).median), std::max(1.0, summarize(communication).median)};
}

}  // namespace orrery
