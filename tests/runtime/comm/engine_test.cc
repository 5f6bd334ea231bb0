// Order: lanes, events, groups, and any interleaving of their messages.
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "runtime/comm/delay_line.h"
#include "runtime/comm/faulty.h"
#include "tests/runtime/comm/ranks.h"

namespace orrery::comm {
namespace {

Communication sum(std::uint32_t group, std::uint32_t sequence, const Transfer& t) {
  return {Kind::all_reduce, group, sequence, DType::fp32, Reduction::sum, 0, {&t, 1}, ""};
}

Wrap held(std::uint64_t seed) {
  return [seed](std::unique_ptr<Channel> channel, std::uint32_t rank) -> std::unique_ptr<Channel> {
    const FaultPlan plan{.longest_hold = 20, .seed = seed * 100 + rank};
    return std::make_unique<Faulty>(std::move(channel), plan);
  };
}

// An event of a lane lets another lane see what it has made; one of the caller holds a lane until it
// advances.
TEST(Counter, SaysOnlyThatAWatchedValueIsReached) {
  Counter c;
  EXPECT_FALSE(c.advance());  // 1
  EXPECT_FALSE(c.watch(1));
  EXPECT_TRUE(c.watch(4));
  EXPECT_TRUE(c.watch(3));
  EXPECT_TRUE(c.watch(5));
  EXPECT_FALSE(c.advance());  // 2
  EXPECT_TRUE(c.advance());   // 3, the least
  EXPECT_FALSE(c.advance());  // 4: whoever was told has to watch again
  EXPECT_TRUE(c.watch(5));
  EXPECT_TRUE(c.advance());
}

// One thread sleeps for every third value, as long as it takes: none of its wakings may be lost.
TEST(Counter, NoAdvanceIsLost) {
  Counter c;
  Bell bell;
  constexpr std::uint32_t last = 30'000;
  std::thread sleeper([&] {
    for (std::uint32_t value = 3; value <= last; value += 3)
      for (;;) {
        const std::uint32_t key = bell.key();
        if (!c.watch(value)) break;
        bell.sleep(key);
      }
  });
  for (std::uint32_t i = 0; i < last; ++i)
    if (c.advance()) bell.ring();
  sleeper.join();
}

TEST(Engine, EventsOrderLanes) {
  play({.ranks = 3}, [](Rank& rank) {
    Counter ready;
    float* const x = rank.allocate<float>(50'000);
    const Transfer t{x, x, 50'000};
    const Point own{&ready, 1};
    Times first{}, second{};
    const Point a = rank.engine.post(sum(rank.world, 0, t), Stream::tensor, {&own, 1}, &first);
    const Point b = rank.engine.post(sum(rank.world, 1, t), Stream::data, {&a, 1}, &second);
    EXPECT_FALSE(a.reached());
    std::fill_n(x, 50'000, 1.0F);
    if (ready.advance()) rank.engine.notify();
    rank.engine.wait(b);
    EXPECT_TRUE(a.reached());
    for (int i = 0; i < 50'000; ++i) ASSERT_EQ(x[i], 9);
    EXPECT_LE(first.start, first.end);
    EXPECT_LE(first.end, second.start);
    EXPECT_LE(second.start, second.end);
  });
}

// Lanes are posted in different orders by different ranks: a late one holds up no other.
TEST(Engine, LanesDoNotHoldUpEachOther) {
  play({.ranks = 4}, [](Rank& rank) {
    float* const x = rank.allocate<float>(4 * 100'000);
    std::vector<Transfer> t;
    std::vector<Point> ends;
    for (std::uint32_t i = 0; i < 4; ++i) t.push_back({x + i * 100'000, x + i * 100'000, 100'000});
    std::fill_n(x, 400'000, static_cast<float>(rank.rank));
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t lane = (i + rank.rank) % 4;
      ends.push_back(rank.engine.post(sum(rank.world, lane, t[lane]), static_cast<Stream>(lane + 1)));
    }
    for (const Point& end : ends) rank.engine.wait(end);
    for (int i = 0; i < 400'000; ++i) ASSERT_EQ(x[i], 6);
  });
}

// The progress thread alone brings a communication to its end while its rank does something else.
TEST(Engine, RunsInTheBackground) {
  play({.ranks = 2}, [](Rank& rank) {
    float* const x = rank.allocate<float>(1'000'000);
    const Transfer t{x, x, 1'000'000};
    const Point end = rank.engine.post(sum(rank.world, 0, t), Stream::data);
    while (!end.reached()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
}

// Nobody drives for a thread that attends: what it has queued goes on when it says so, or stops attending.
TEST(Engine, AttendedItRests) {
  play({.ranks = 2}, [](Rank& rank) {
    float* const x = rank.allocate<float>(1000);
    const Transfer t{x, x, 1000};
    rank.engine.attend(true);
    const Point first = rank.engine.post(sum(rank.world, 0, t), Stream::data);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(first.reached());
    while (!first.reached()) rank.engine.go_on();
    const Point second = rank.engine.post(sum(rank.world, 1, t), Stream::data);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(second.reached());
    rank.engine.attend(false);
    while (!second.reached()) std::this_thread::yield();
  });
}

TEST(Engine, SeveralThreadsWait) {
  play({.ranks = 2}, [](Rank& rank) {
    float* const x = rank.allocate<float>(100'000);
    std::fill_n(x, 100'000, 1.0F);
    const Transfer t{x, x, 100'000};
    std::vector<Point> ends;
    for (std::uint32_t i = 0; i < 10; ++i)
      ends.push_back(rank.engine.post(sum(rank.world, i, t), Stream::data));
    std::vector<std::thread> threads;
    for (const Point& end : ends) threads.emplace_back([&rank, end] { rank.engine.wait(end); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(x[0], 1024);
  });
}

// Ranks of a grid: each is in a row group and a column group, on two lanes at once, and sends to its right.
void play_grid(Rank& rank) {
  constexpr std::uint32_t columns = 2;
  const std::uint32_t row = rank.rank / columns, column = rank.rank % columns, rows = rank.size() / columns;
  std::vector<std::uint32_t> in_row, in_column;
  for (std::uint32_t r = 0; r < rank.size(); ++r) {
    if (r / columns == row) in_row.push_back(r);
    if (r % columns == column) in_column.push_back(r);
  }
  const std::uint32_t of_row = rank.engine.open_group(1 + row, in_row);
  const std::uint32_t of_column = rank.engine.open_group(100 + column, in_column);
  float* const x = rank.allocate<float>(2 * 30'000);
  float* const y = rank.allocate<float>(30'000);
  const Transfer across{x, x, 30'000}, down{x + 30'000, x + 30'000, 30'000}, message{y, y, 30'000};
  std::fill_n(x, 60'000, static_cast<float>(rank.rank + 1));
  std::fill_n(y, 30'000, static_cast<float>(rank.rank + 1));
  const Kind end = column == 0 ? Kind::send : Kind::receive;
  std::vector<Point> ends;
  for (std::uint32_t i = 0; i < 3; ++i) {
    ends.push_back(rank.engine.post(sum(of_row, 2 * i, across), Stream::tensor));
    ends.push_back(rank.engine.post(sum(of_column, i, down), Stream::data));
    ends.push_back(rank.engine.post(
        {end, of_row, 2 * i + 1, DType::fp32, Reduction::sum, 0, {&message, 1}, "to the right"},
        Stream::send_next));
  }
  for (const Point& p : ends) rank.engine.wait(p);
  const auto one = static_cast<float>(row * columns + 1 + row * columns + 2);
  float all = 0;
  for (std::uint32_t r = 0; r < rows; ++r) all += static_cast<float>(r * columns + column + 1);
  for (int i = 0; i < 30'000; ++i) {
    ASSERT_EQ(x[i], one * 4);
    ASSERT_EQ(x[30'000 + i], all * static_cast<float>(rows * rows));
    ASSERT_EQ(y[i], static_cast<float>(row * columns + 1));
  }
}

TEST(Engine, SubGroupsOnSeveralLanes) {
  for (const std::uint32_t ranks : {2U, 4U, 6U, 8U}) play({.ranks = ranks}, play_grid);
  play({.ranks = 4, .sharing = Sharing::processes}, play_grid);
}

TEST(Engine, AnyInterleaving) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) play({.ranks = 4, .wrap = held(seed)}, play_grid);
}

// The bits of a sum of random numbers: equal on all ranks, and the same however messages interleave; in rank
// order, equal to the plain loop over ranks.
TEST(Engine, SumsHaveTheSameBits) {
  constexpr std::uint32_t ranks = 5;
  for (const bool fixed_order : {false, true}) {
    for (const std::int64_t count : {100, 20'000}) {
      std::vector<std::vector<float>> results;
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        std::vector<std::vector<float>> of_rank(ranks);
        play({.ranks = ranks, .options = {.fixed_order = fixed_order}, .wrap = held(seed)}, [&](Rank& rank) {
          float* const x = rank.allocate<float>(count);
          std::mt19937 random(rank.rank);
          for (std::int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(random()) * 1e-5F - 2e4F;
          const Transfer t{x, x, count};
          rank.engine.run(sum(rank.world, 0, t), Stream::data);
          of_rank[rank.rank].assign(x, x + count);
        });
        for (auto& r : of_rank) results.push_back(std::move(r));
      }
      if (fixed_order) {
        std::vector<float> plain(static_cast<std::size_t>(count));
        for (std::uint32_t r = 0; r < ranks; ++r) {
          std::mt19937 random(r);
          for (float& x : plain) {
            const float mine = static_cast<float>(random()) * 1e-5F - 2e4F;
            x = r == 0 ? mine : x + mine;
          }
        }
        results.push_back(plain);
      }
      for (const auto& r : results)
        EXPECT_EQ(r, results[0]) << count << (fixed_order ? " in rank order" : "");
    }
  }
}

// A ring over links cannot be faster than 2(n-1) messages, each its bytes / rate + latency.
TEST(DelayLine, TakesAtLeastItsTime) {
  constexpr std::uint32_t ranks = 4;
  const Link link{.rate = {1e9}, .latency = {1e-3}};
  const Wrap wrap = [&](std::unique_ptr<Channel> channel, std::uint32_t) -> std::unique_ptr<Channel> {
    return std::make_unique<DelayLine>(std::move(channel), std::vector{link},
                                       std::vector<std::uint32_t>(ranks, 0));
  };
  play({.ranks = ranks, .wrap = wrap}, [&](Rank& rank) {
    constexpr std::int64_t count = 1'000'000;
    float* const x = rank.allocate<float>(count);
    std::fill_n(x, count, 1.0F);
    const Transfer t{x, x, count};
    Times times;
    rank.barrier();
    rank.engine.wait(rank.engine.post(sum(rank.world, 0, t), Stream::data, {}, &times));
    const double least = 2 * (ranks - 1) * (4.0 * count / ranks / link.rate.v + link.latency.v);
    EXPECT_GE(static_cast<double>(times.end - times.start) * 1e-9, 0.98 * least);
    for (int i = 0; i < count; ++i) ASSERT_EQ(x[i], ranks);
  });
}

}  // namespace
}  // namespace orrery::comm
