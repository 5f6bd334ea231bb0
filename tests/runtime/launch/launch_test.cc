// Ranks as forked processes: what ends them, and that none outlives the call.
#include "runtime/launch/launch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "runtime/comm/board.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

LaunchOptions ranks(std::uint32_t n) {
  LaunchOptions options;
  options.ranks = n;
  options.arena = {1 << 20};
  options.watchdog = {.beat_ms = 20, .silence_ms = 500, .wait_ms = 5'000};
  return options;
}

void wait_for_the_end(comm::Connection& c) {
  while (!c.region().board().aborted()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  throw DeviceError(c.region().board().reason());
}

template <class Error>
std::string error_of(const LaunchOptions& options, const RankBody& body) {
  try {
    run_ranks(options, body);
  } catch (const Error& e) {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // no child is left
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Launch, EveryRankRunsInAProcessOfItsOwn) {
  EXPECT_NO_THROW(run_ranks(ranks(3), [launcher = getpid()](comm::Connection& c) {
    if (c.world() != 3 || getpid() == launcher || getppid() != launcher) throw DeviceError("wrong");
  }));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Launch, AnErrorOfOneRankEndsAll) {
  const auto body = [](comm::Connection& c) {
    if (c.rank() == 2) throw InputError({}, "data: is bad");
    wait_for_the_end(c);
  };
  for (int i = 0; i < 100; ++i)  // whichever ends first
    ASSERT_EQ(error_of<InputError>(ranks(3), body), "data: is bad");
}

TEST(Launch, AMessageMayBeLong) {
  const std::string text(1500, 'x');
  EXPECT_EQ(error_of<DeviceError>(ranks(2), [&](comm::Connection&) { throw DeviceError(text); }), text);
}

TEST(Launch, AKilledRankIsNamed) {
  const auto body = [](comm::Connection& c) {
    if (c.rank() == 2) raise(SIGKILL);
    wait_for_the_end(c);
  };
  EXPECT_TRUE(error_of<DeviceError>(ranks(3), body).starts_with("rank 2 "));
}

TEST(Launch, AStoppedRankIsNamedAndKilled) {
  const auto body = [](comm::Connection& c) {
    if (c.rank() == 0) raise(SIGSTOP);
    wait_for_the_end(c);
  };
  EXPECT_TRUE(error_of<DeviceError>(ranks(2), body).starts_with("rank 0 does not answer"));
}

TEST(Launch, TheWishToStopReachesRanks) {
  LaunchOptions options = ranks(2);
  options.stop = [] { return true; };
  EXPECT_NO_THROW(run_ranks(options, [](comm::Connection& c) {
    while (!c.region().board().asked_to_end()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }));
}

TEST(Launch, MoreMemoryThanTheMachineHas) {
  LaunchOptions options = ranks(4);
  options.tensors = {std::int64_t{1} << 50};
  bool ran = false;
  const std::string error = error_of<DeviceError>(options, [&](comm::Connection&) { ran = true; });
  EXPECT_TRUE(error.starts_with("the tensors of 4 ranks take 4194304.0 GiB, but this machine has ")) << error;
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace orrery
