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

// One group of all; of two ranks, one more for each direction of messages.
void open_groups(Backend& backend, std::uint32_t ranks) {
  GroupMembers world{std::vector<std::uint32_t>(ranks), Role::world};
  std::iota(world.members.begin(), world.members.end(), 0U);
  const std::vector<GroupMembers> groups(ranks == 2 ? 3 : 1, world);
  const std::uint32_t ids[] = {0, 1, 2};
  backend.open_groups(groups, std::span(ids, groups.size()));
}

// The communications of one rank in its group of all, each after a matrix product, as in a step: its threads
// have computed when it begins, and the ranks come to it one by one.
class Member {
 public:
  static constexpr int most_products = 16;  // of a batch
  // Device memory that a member takes.
  static Bytes memory(const LinkOptions& o, std::int64_t side) {
    return {o.buffers.v + 3 * side * side * 4 + 4096};
  }

  // `side`: of its products.
  Member(Backend& backend, std::uint32_t ranks, std::uint32_t rank, const LinkOptions& options,
         std::int64_t side)
      : backend_(backend),
        ranks_(ranks),
        rank_(rank),
        buffers_(options.buffers),
        base_(static_cast<std::byte*>(backend.allocate(options.buffers, Memory::device))) {
    open_groups(backend, ranks);
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
    post(Kind::all_reduce, 4 * ranks_, Stream::data);
    synchronize();
  }
  void multiply() { backend_.launch(product_, Stream::compute); }
  void multiply(int i) {
    const auto event = first_product + 2 * static_cast<EventIndex>(i);
    backend_.record(event, Stream::compute);
    multiply();
    backend_.record(event + 1, Stream::compute);
  }

  // The time of a batch of them.
  double products() {
    backend_.record(0, Stream::compute);
    for (int i = 0; i < most_products; ++i) multiply();
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
  std::uint32_t ranks_, rank_, sent_ = 0, received_ = 0, met_ = 0;
  Bytes buffers_;
  std::byte* base_;
  Kernel product_;
  std::int64_t next_ = 0;
  std::deque<Transfer> transfers_;  // of what is queued
};

// What one rank measures: by point, by batch.
using Samples = std::vector<std::vector<double>>;

int batch_size(std::int64_t bytes, const LinkOptions& o) {
  return static_cast<int>(std::clamp<std::int64_t>(o.bytes_each / bytes, 2, Member::most_products));
}

Samples measure_member(Member& member, std::span<const CollectivePoint> points, const LinkOptions& options,
                       const std::function<void(std::size_t)>& progress) {
  Samples out;
  for (const CollectivePoint& p : points) {
    progress(out.size());
    std::vector<double>& samples = out.emplace_back();
    const int count = batch_size(p.bytes.v, options);
    for (int b = 0; b <= options.batches; ++b) {
      const double t = p.kind == Kind::send ? member.round_trips(p.bytes.v, count)
                                            : member.batch(p.kind, p.bytes.v, count);
      if (b > 0) samples.push_back(t);
    }
  }
  return out;
}

// Of the rank that came last to each batch: the others waited for it.
double combine(const std::vector<Samples>& by_rank, std::size_t point, Kind kind) {
  std::vector<double> batches = by_rank.front()[point];
  for (const Samples& samples : by_rank)
    for (std::size_t b = 0; b < batches.size() && kind != Kind::send; ++b)
      batches[b] = std::min(batches[b], samples[point][b]);
  return summarize(batches).mean;
}

}  // namespace

std::vector<CollectivePoint> measure_links(const WithRanks& with_ranks, std::span<const int> groups,
                                           Watch& watch, const LinkOptions& options) {
  std::vector<CollectivePoint> out;
  for (const int n : groups) {
    if (watch.stop()) break;
    const auto ranks = static_cast<std::uint32_t>(n);
    std::vector<CollectivePoint> points;
    for (const std::int64_t bytes : options.bytes) {
      const Bytes whole{bytes / (4 * n) * 4 * n};
      for (const Kind k : collectives) points.push_back({k, n, whole, 0});
      if (n == 2) points.push_back({Kind::send, n, whole, 0});
    }
    std::vector<Samples> by_rank(ranks);
    std::vector<Seconds> estimates;
    with_ranks(ranks, Member::memory(options, options.side), [&](Backend& backend, std::uint32_t rank) {
      Member member(backend, ranks, rank, options, options.side);
      const std::vector<Seconds> expected = member.estimates(points);
      if (rank == 0) estimates = expected;
      by_rank[rank] = measure_member(member, points, options, [&](std::size_t done) {
        if (rank == 0)
          watch.progress(done, points.size(), "communication of " + std::to_string(n) + " ranks");
      });
    });
    std::size_t next_estimate = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].seconds = combine(by_rank, i, points[i].kind);
      if (points[i].kind != Kind::send && next_estimate < estimates.size())
        points[i].estimate = estimates[next_estimate++].v;
      out.push_back(points[i]);
    }
  }
  return out;
}

double measure_cores(const WithRanks& with_ranks, std::uint32_t ranks, const LinkOptions& options) {
  constexpr int rounds = 15;
  if (ranks < 2) return 1;
  std::vector<double> alone, together;
  with_ranks(ranks, Member::memory(options, options.side), [&](Backend& backend, std::uint32_t rank) {
    Member member(backend, ranks, rank, options, options.side);
    for (int i = 0; i <= rounds; ++i) {
      const double all = member.products();
      const double one = rank == 0 ? member.products() : 0;
      member.meet();
      if (rank > 0 || i == 0) continue;
      alone.push_back(one);
      together.push_back(all);
    }
  });
  return std::min(1.0, summarize(alone).median / summarize(together).median) * ranks;
}

Overlap measure_overlap(const WithRanks& with_ranks, const LinkOptions& options) {
  const std::int64_t bytes = options.overlap_bytes;
  constexpr int collectives_each = 8, rounds = 9;
  std::vector<std::vector<Overlap>> by_rank(2);
  const Bytes memory = Member::memory(options, options.overlap_side);
  with_ranks(2, memory, [&](Backend& backend, std::uint32_t rank) {
    Member member(backend, 2, rank, options, options.overlap_side);
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
      by_rank[rank].push_back(
          {both.first / play(products, 0).first, both.second / play(0, collectives_each).second});
    }
  });
  std::vector<double> compute, communication;
  for (const std::vector<Overlap>& rank : by_rank)
    for (const Overlap& o : rank) {
      compute.push_back(o.compute);
      communication.push_back(o.communication);
    }
  return {std::max(1.0, summarize(compute).median), std::max(1.0, summarize(communication).median)};
}

}  // namespace orrery
