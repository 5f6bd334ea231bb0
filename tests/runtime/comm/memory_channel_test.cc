// Both ends of a channel driven by one thread, so that every order of events can be made.
#include "runtime/comm/memory_channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "runtime/comm/board.h"
#include "runtime/comm/ring.h"
#include "sim/base/error.h"

namespace orrery::comm {
namespace {

class Ends : public testing::Test {
 protected:
  // Elements start, start + 1, ... in rank 0's arena.
  float* numbers(std::int64_t count, float start) {
    float* const x = allocate(0, count);
    std::iota(x, x + count, start);
    return x;
  }
  float* allocate(std::uint32_t rank, std::int64_t count) {
    return reinterpret_cast<float*>(region.arena(rank).allocate(static_cast<std::size_t>(count) * 4));
  }
  void send(Stream lane, const float* x, std::int64_t count, Request& r) {
    sender.send(
        {1, lane, reinterpret_cast<const std::byte*>(x), static_cast<std::size_t>(count) * 4, {}, &r});
  }
  void receive(Stream lane, float* x, std::int64_t count, Request& r) {
    receiver.receive({0,
                      lane,
                      reinterpret_cast<std::byte*>(x),
                      nullptr,
                      static_cast<std::size_t>(count) * 4,
                      Apply::copy,
                      {},
                      &r});
  }
  void progress() {
    for (int i = 0; i < 100; ++i) {
      sender.progress();
      receiver.progress();
    }
  }

  Region region{2, {64 << 20}, Sharing::threads};
  MemoryChannel sender{region, 0}, receiver{region, 1};
};

TEST_F(Ends, SmallMessagesAreBufferedLargeOnesAreReadInPlace) {
  Request small, large, arrived;
  send(Stream::tensor, numbers(10, 0), 10, small);
  send(Stream::tensor, numbers(100'000, 0), 100'000, large);
  progress();
  EXPECT_TRUE(small.done());
  EXPECT_FALSE(large.done());
  float* const x = allocate(1, 100'010);
  receive(Stream::tensor, x, 10, arrived);
  receive(Stream::tensor, x + 10, 100'000, arrived);
  progress();
  EXPECT_TRUE(large.done() && arrived.done());
  EXPECT_EQ(x[9], 9);
  EXPECT_EQ(x[100'009], 99'999);
}

TEST_F(Ends, ALaneIsInOrderAndHoldsUpNoOther) {
  constexpr std::int64_t counts[] = {1, 50'000, 3, 8'192, 8'193, 20'000};  // around a slot of 8,192
  Request sent[6], early;
  for (int i = 0; i < 6; ++i)
    send(Stream::data, numbers(counts[i], static_cast<float>(i)), counts[i], sent[i]);
  send(Stream::tensor, numbers(5, 42), 5, early);
  float* const y = allocate(1, 5);
  Request got;
  receive(Stream::tensor, y, 5, got);
  progress();
  EXPECT_TRUE(got.done());  // though no message of the other lane has been received
  EXPECT_EQ(y[4], 46);
  for (int i = 0; i < 6; ++i) {
    float* const x = allocate(1, counts[i]);
    Request r;
    receive(Stream::data, x, counts[i], r);
    progress();
    ASSERT_TRUE(r.done());
    EXPECT_EQ(x[counts[i] - 1], static_cast<float>(counts[i] - 1 + i));
    EXPECT_TRUE(sent[i].done());
  }
}

// Memory that no arena holds passes through slots: more slots than the ring has.
TEST_F(Ends, MessagesFromAnywhere) {
  std::vector<float> x(1'000'000), y(1'000'000);
  std::iota(x.begin(), x.end(), 0.0F);
  Request sent, received;
  send(Stream::data, x.data(), 1'000'000, sent);
  receive(Stream::data, y.data(), 1'000'000, received);
  progress();
  EXPECT_TRUE(sent.done() && received.done());
  EXPECT_EQ(x, y);
}

TEST_F(Ends, LengthsThatDifferAreAnError) {
  Request sent, received;
  send(Stream::data, numbers(10, 0), 10, sent);
  receive(Stream::data, allocate(1, 20), 20, received);
  sender.progress();
  try {
    receiver.progress();
    FAIL() << "a short message was taken";
  } catch (const DeviceError& e) {
    EXPECT_STREQ(
        e.what(),
        "a message in all_reduce 0 of group 0 (fp32, 0 bytes) is cut: rank 1 expects 80 bytes, rank 0 "
        "sent 40");
  }
}

TEST(Region, ArenasAreAlignedZeroAndFinite) {
  Region region(2, {4 << 20}, Sharing::processes);
  Arena& arena = region.arena(1);
  std::byte* const first = arena.allocate(3);
  std::byte* const second = arena.allocate(1000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 256, 0U);
  EXPECT_EQ(second - first, 256);
  EXPECT_EQ(std::count(second, second + 1000, std::byte{}), 1000);
  try {
    arena.allocate(5 << 20);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_STREQ(e.what(), "out of memory: 5242880 bytes asked for, 4193024 of 4194304 left");
  }
}

TEST(Board, TheFirstReasonStands) {
  Region region(2, {1 << 20}, Sharing::threads);
  Board& board = region.board();
  EXPECT_FALSE(board.aborted());
  board.abort(1, "disk full");
  board.abort(0, "rank 1 has left");
  EXPECT_TRUE(board.aborted());
  EXPECT_EQ(board.reason(), "disk full");
}

TEST(Board, KeepsWhatARankWaitsFor) {
  Region region(3, {1 << 20}, Sharing::threads);
  region.board().set_waiting(2, {17, 1, -1, "all_gather"});
  const Waiting w = region.board().waiting(2);
  EXPECT_EQ(w.since, 17);
  EXPECT_EQ(w.receive_from, 1);
  EXPECT_STREQ(w.operation, "all_gather");
  EXPECT_EQ(region.board().waiting(0).since, 0);
}

}  // namespace
}  // namespace orrery::comm
