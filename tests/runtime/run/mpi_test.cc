// Ranks started by an MPI launcher do and say what forked ones do.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/runtime/run/training.h"

namespace orrery::testing {
namespace {

class Mpi : public ::testing::Test {
 protected:
  static std::vector<std::string> launcher(int ranks) {
    return {ORRERY_MPIEXEC, "--oversubscribe", "--allow-run-as-root", "-n", std::to_string(ranks)};
  }
  Ended run_by_mpi(const std::vector<std::string>& arguments, int ranks) {
    return Job(training.path(), arguments, launcher(ranks)).wait();
  }
  // What happens to rank 1 after the first checkpoint.
  Ended strike(int signal) {
    const std::vector<std::string> forever = training.arguments(
        scenario, {"--checkpoints", checkpoints, "--checkpoint-every", "5", "--patience", "1"}, 1'000'000);
    Job job(training.path(), forever, launcher(2));
    while (!std::filesystem::exists(checkpoints + "/step-000005") && job.is_running())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::vector<pid_t> ranks = job.ranks();
    EXPECT_EQ(ranks.size(), 2U);
    if (!ranks.empty()) kill(ranks.back(), signal);
    return job.wait();
  }
  TrainingRun training;
  std::string scenario = training.scenario(dp2, 2);
  std::string checkpoints = training / "checkpoints";
};

TEST_F(Mpi, SameLossesAsForkedRanks) {
  const Ended forked = run(training.path(), training.arguments(scenario));
  const Ended launched = run_by_mpi(training.arguments(scenario), 2);
  EXPECT_EQ(launched.code, 0) << launched.err;
  EXPECT_EQ(launched.losses.size(), static_cast<std::size_t>(TrainingRun::steps));
  EXPECT_EQ(launched.losses, forked.losses);
}

TEST_F(Mpi, GoesOnFromForkedRanks) {
  const Ended whole =
      run(training.path(), training.arguments(scenario, {"--checkpoints", checkpoints, "--checkpoint-every",
                                                         "10", "--keep", "4"}));
  for (const char* step : {"/step-000020", "/step-000030", "/step-000040"})
    std::filesystem::remove_all(checkpoints + step);
  const std::string four = training.scenario(R"({"dp": 2, "tp": 2, "attention": "unfused"})", 4);
  const Ended rest = run_by_mpi(training.arguments(four, {"--checkpoints", checkpoints, "--resume"}), 4);
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(rest.losses.size(), 30U);
  EXPECT_LE(difference(whole.losses, rest.losses), 1e-5);
}

TEST_F(Mpi, AKilledRankEndsTheJob) {
  const Ended ended = strike(SIGKILL);
  EXPECT_TRUE(ended.in_time);
  EXPECT_NE(ended.code, 0);
  EXPECT_TRUE(ended.left.empty());
  EXPECT_NE(ended.err.find("rank 1"), std::string::npos) << ended.err;
}

TEST_F(Mpi, AStoppedRankIsNamed) {
  const Ended ended = strike(SIGSTOP);
  EXPECT_TRUE(ended.in_time);
  EXPECT_NE(ended.code, 0);
  EXPECT_TRUE(ended.left.empty());
  EXPECT_NE(ended.err.find("rank 1 does not answer: no heartbeat for 1.0 s"), std::string::npos) << ended.err;
}

TEST_F(Mpi, OtherNumberOfRanks) {
  const Ended ended = run_by_mpi(training.arguments(scenario), 3);
  EXPECT_EQ(ended.code, 4);
  EXPECT_NE(ended.err.find("the plan has 2 ranks, but the launcher started 3"), std::string::npos)
      << ended.err;
}

}  // namespace
}  // namespace orrery::testing
