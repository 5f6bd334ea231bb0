// Programs broken on purpose: the rehearsal says who waits for whom.
#include <gtest/gtest.h>

#include <functional>

#include "runtime/rehearsal/backend.h"
#include "sim/base/error.h"

namespace orrery::rehearsal {
namespace {

const std::vector<CostClass> classes(1);
const std::vector<Price> prices{{{}, {1'000'000}, {}}};

// Ranks of one host; `post` issues to all, then all are awaited. What the DeviceError says.
std::string deadlock(std::uint32_t ranks, const std::vector<std::vector<std::uint32_t>>& groups, Clock clock,
                     const std::function<void(std::deque<RehearsalBackend>&)>& post) {
  World world(ranks, 1, clock);
  std::deque<RehearsalBackend> backends;
  std::vector<GroupMembers> members;
  std::vector<std::uint32_t> ids;
  for (const auto& g : groups) {
    members.push_back({g, Role::data});
    ids.push_back(static_cast<std::uint32_t>(ids.size()));
  }
  for (std::uint32_t r = 0; r < ranks; ++r) {
    backends.emplace_back(world, r, classes, prices);
    backends[r].open_groups(members, ids);
    backends[r].create_events(2);
  }
  post(backends);
  try {
    for (RehearsalBackend& b : backends) b.synchronize();
  } catch (const DeviceError& e) {
    return e.what();
  }
  return "none";
}

Communication meeting(Kind kind, std::uint32_t group, std::uint32_t sequence, std::string_view label) {
  Communication c;
  c.kind = kind;
  c.group = group;
  c.sequence = sequence;
  c.label = label;
  return c;
}

class Deadlock : public ::testing::TestWithParam<bool> {
 protected:
  static Clock clock() { return GetParam() ? Clock::real(1) : Clock::simulated(); }
};

TEST_P(Deadlock, OfNeighboursThatBothSendFirstIsACircle) {
  const std::string said = deadlock(2, {{0, 1}, {1, 0}}, clock(), [](std::deque<RehearsalBackend>& b) {
    b[0].communicate(meeting(Kind::send, 0, 0, "send of activations"), Stream::send_next);
    b[0].communicate(meeting(Kind::receive, 1, 0, "receive of gradients"), Stream::send_next);
    b[1].communicate(meeting(Kind::send, 1, 0, "send of gradients"), Stream::send_next);
    b[1].communicate(meeting(Kind::receive, 0, 0, "receive of activations"), Stream::send_next);
  });
  EXPECT_EQ(said,
            "deadlock: ranks wait in a circle\n"
            "  rank 0 waits for rank 1 in send of activations, meeting 0 of group 0\n"
            "  rank 1 waits for rank 0 in send of gradients, meeting 0 of group 1");
}

TEST_P(Deadlock, OfTwoMessagesSwappedOnOneSideIsACircle) {
  const std::string said = deadlock(2, {{0, 1}}, clock(), [](std::deque<RehearsalBackend>& b) {
    b[0].communicate(meeting(Kind::send, 0, 0, "micro-batch 0"), Stream::send_next);
    b[0].communicate(meeting(Kind::send, 0, 1, "micro-batch 1"), Stream::send_next);
    b[1].communicate(meeting(Kind::receive, 0, 1, "micro-batch 1"), Stream::receive_previous);
    b[1].communicate(meeting(Kind::receive, 0, 0, "micro-batch 0"), Stream::receive_previous);
  });
  EXPECT_EQ(said,
            "deadlock: ranks wait in a circle\n"
            "  rank 0 waits for rank 1 in micro-batch 0, meeting 0 of group 0\n"
            "  rank 1 waits for rank 0 in micro-batch 1, meeting 1 of group 0");
}

TEST_P(Deadlock, IsFollowedThroughTheStreamsOfARank) {
  const std::string said = deadlock(3, {{0, 1}, {1, 2}}, clock(), [](std::deque<RehearsalBackend>& b) {
    b[0].communicate(meeting(Kind::all_reduce, 0, 0, "gradients"), Stream::data);
    b[1].communicate(meeting(Kind::receive, 1, 0, "activations"), Stream::receive_previous);
    b[1].record(0, Stream::receive_previous);
    b[1].wait(0, Stream::compute);
    b[1].launch(Kernel{}, Stream::compute);
    b[1].record(1, Stream::compute);
    b[1].wait(1, Stream::data);
    b[1].communicate(meeting(Kind::all_reduce, 0, 0, "gradients"), Stream::data);
  });
  EXPECT_EQ(said,
            "deadlock: a rank does not come\n"
            "  rank 0 waits for rank 1 in gradients, meeting 0 of group 0\n"
            "  rank 1 waits for rank 2 in activations, meeting 0 of group 1\n"
            "  rank 2 never comes: it has nothing more to do");
}

TEST_P(Deadlock, IsNoneWhereAllCome) {
  EXPECT_EQ(deadlock(3, {{0, 1, 2}}, clock(),
                     [](std::deque<RehearsalBackend>& b) {
                       for (auto& each : b) {
                         each.launch(Kernel{}, Stream::compute);
                         each.communicate(meeting(Kind::all_reduce, 0, 0, "gradients"), Stream::data);
                       }
                     }),
            "none");
}

TEST_P(Deadlock, OfMembersThatDoNotAgreeIsSaidAtOnce) {
  const std::string said = deadlock(2, {{0, 1}}, clock(), [](std::deque<RehearsalBackend>& b) {
    b[0].communicate(meeting(Kind::all_reduce, 0, 0, "all_reduce of gradients"), Stream::data);
    b[1].communicate(meeting(Kind::all_gather, 0, 0, "all_gather of weights"), Stream::data);
  });
  const std::string zero = "rank 0 comes with 0 bytes to all_reduce of gradients",
                    one = "rank 1 comes with 0 bytes to all_gather of weights",
                    end = ": both are meeting 0 of group 0";
  EXPECT_TRUE(said == one + ", but " + zero + end || said == zero + ", but " + one + end) << said;
}

INSTANTIATE_TEST_SUITE_P(Clocks, Deadlock, ::testing::Bool(),
                         [](const auto& real) { return real.param ? "real" : "simulated"; });

TEST(DeadlockOfHosts, OfARankThatLeftEndsItsPeersHosts) {
  World world(2, 2, Clock::simulated());
  world.open_group(0, {0, 1});
  world.leave(1);
  world.meet(0, Stream::data, {}, {1}, {0, 0, Kind::all_reduce, 4, "gradients"});
  try {
    world.drain(0);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_STREQ(e.what(),
                 "deadlock: a rank does not come\n"
                 "  rank 0 waits for rank 1 in gradients, meeting 0 of group 0\n"
                 "  rank 1 has left");
  }
}

}  // namespace
}  // namespace orrery::rehearsal
