#include "profiler/measure/links.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "profiler/measure/cpu_device.h"
#include "profiler/measure/hosts.h"
#include "runtime/comm/delay_line.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/cpu/backend.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

class Quiet : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

TEST(Links, EveryKindSizeAndGroupIsMeasured) {
  LinkOptions options;
  options.bytes = {1 << 10, 1 << 17};
  options.bytes_each = 1 << 18;
  options.batches = 3;
  const int groups[] = {2, 3};
  Quiet watch;
  const auto points = measure_links(cpu_ranks(), groups, watch, options);
  EXPECT_EQ(points.size(), 2u * 5 * 2 + 2) << "five collectives in two groups, and messages between two";
  for (const CollectivePoint& p : points) {
    EXPECT_GT(p.seconds, 0) << name(p.kind);
    EXPECT_EQ(p.bytes.v % (4 * p.ranks), 0);
  }
}

TEST(Links, BetweenHostsByPlacement) {
  LinkOptions options;
  options.bytes = {1 << 10, 1 << 17};
  options.bytes_each = 1 << 18;
  options.batches = 2;
  Quiet watch;
  // Of 3 hosts of 2 ranks: all, one a host; the same of 2 hosts.
  std::map<std::pair<int, int>, std::size_t> count;  // by ranks and hosts
  for (const CollectivePoint& p : measure_far_links(cpu_ranks(), 3, 2, watch, options)) {
    EXPECT_GT(p.seconds, 0) << name(p.kind);
    EXPECT_EQ(p.bytes.v % (4 * p.ranks), 0);
    EXPECT_TRUE(p.kind != Kind::send || (p.ranks == 2 && p.nodes == 2));
    ++count[{p.ranks, p.nodes}];
  }
  const std::map<std::pair<int, int>, std::size_t> expected{
      {{6, 3}, 10}, {{3, 3}, 10}, {{4, 2}, 10}, {{2, 2}, 12}};
  EXPECT_EQ(count, expected);
}

// Ranks 0 and 1, 2 and 3 share a host; between hosts each rank is behind a link of its own.
WithRanks ranks_of_two_hosts(comm::Link link) {
  return [link](std::uint32_t ranks, Bytes memory, const RankMeasures& call) {
    std::vector<std::vector<double>> out(ranks);
    comm::Region region(ranks, {memory.v + (std::int64_t{64} << 20)}, comm::Sharing::threads);
    std::vector<std::thread> threads;
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        std::vector<std::uint32_t> far(ranks);
        for (std::uint32_t peer = 0; peer < ranks; ++peer) far[peer] = peer / 2 == rank / 2 ? 0 : 1;
        comm::DelayLine channel(std::make_unique<comm::MemoryChannel>(region, rank), {comm::Link{}, link},
                                far);
        comm::Engine engine(rank, channel, region.bell(rank), region.board(), region.arena(rank));
        CpuBackend backend(engine, region.arena(rank));
        out[rank] = call(backend, rank);
      });
    for (std::thread& t : threads) t.join();
    return out;
  };
}

// What links can't beat holds on however busy a machine: bytes that cross them over their rate, and a
// latency.
TEST(Links, NothingBetweenHostsIsFasterThanTheLink) {
  const comm::Link link{{200e6}, {1e-3}};
  LinkOptions options;
  options.bytes = {1 << 14, 1 << 20};
  options.bytes_each = 1 << 20;
  options.batches = 2;
  options.buffers = {std::int64_t{4} << 20};
  Quiet watch;
  const auto points = measure_far_links(ranks_of_two_hosts(link), 2, 2, watch, options);
  EXPECT_EQ(points.size(), 2u * (1 + 5 + 5));
  for (const CollectivePoint& p : points) {
    if (p.kind == Kind::broadcast) continue;                       // its root goes on before others have it
    const double part = p.kind == Kind::send ? 1 : 1.0 / p.ranks;  // of the buffer, through one link at least
    EXPECT_GE(p.seconds, 0.999 * (link.latency.v + part * static_cast<double>(p.bytes.v) / link.rate.v))
        << name(p.kind) << " of " << p.bytes.v << ", " << p.ranks << " ranks";
  }
}

TEST(Links, HostsHaveEquallyManyRanksInOrder) {
  const HostShape shape = host_shape({{0, 1, 2}, {3, 4, 5}});
  EXPECT_EQ(shape.hosts, 2);
  EXPECT_EQ(shape.per_host, 3);
  const auto error = [](const std::vector<std::vector<std::uint32_t>>& machines) -> std::string {
    try {
      host_shape(machines);
    } catch (const DeviceError& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_EQ(
      error({{0, 1}, {2}}),
      "equally many ranks on each host are needed: rank 2's has 1, rank 0's 2 (mpirun --map-by ppr:N:node)");
  EXPECT_EQ(error({{0, 2}, {1, 3}}),
            "ranks must be numbered host by host: rank 1 is not on the host of the one before it "
            "(mpirun --map-by ppr:N:node)");
}

TEST(Links, OverlapNeverSpeedsUp) {
  const Overlap o = measure_overlap(cpu_ranks());
  EXPECT_GE(o.compute, 1);
  EXPECT_GE(o.communication, 1);
  const Overlap far = measure_overlap(cpu_ranks(), far_links({}), 2);
  EXPECT_GE(far.compute, 1);
  EXPECT_GE(far.communication, 1);
}

TEST(Links, CoresAreAtMostTheRanks) {
  EXPECT_EQ(measure_cores(cpu_ranks(), 1), 1);
  const double cores = measure_cores(cpu_ranks(), 3);
  EXPECT_GT(cores, 0);
  EXPECT_LE(cores, 3);
}

TEST(Links, AFailingRankEndsTheOthers) {
  EXPECT_THROW(cpu_ranks()(2, {1 << 20},
                           [](Backend& b, std::uint32_t rank) -> std::vector<double> {
                             if (rank == 1) throw DeviceError("no more");
                             const GroupMembers world{{0, 1}, Role::world};
                             const std::uint32_t id = 0;
                             b.open_groups({&world, 1}, {&id, 1});
                             Communication c;
                             float value = 0;
                             const Transfer one{&value, &value, 1};
                             c.transfers = {&one, 1};
                             b.communicate(c, Stream::data);
                             b.synchronize();
                             return std::vector<double>();
                           }),
               DeviceError);
}

}  // namespace
}  // namespace orrery
