// A run that is killed and goes on comes to the losses of one that was not, under any plan.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "runtime/state/checkpoint.h"
#include "tests/runtime/run/training.h"

namespace orrery::testing {
namespace {

struct Other {
  const char* name;
  const char* plan;
  int ranks;
};

const Other others[] = {
    {"one_rank", R"({"micro_batch": 8, "attention": "unfused"})", 1},
    {"tensor_parallel", R"({"tp": 2, "micro_batch": 4, "attention": "unfused"})", 2},
    {"pipeline", R"({"pp": 2, "micro_batch": 2, "attention": "unfused"})", 2},
    {"zero_1", R"({"dp": 2, "micro_batch": 1, "zero": 1, "attention": "unfused"})", 2},
    {"zero_2", R"({"dp": 2, "micro_batch": 4, "zero": 2, "attention": "unfused"})", 2},
    {"zero_3", R"({"dp": 2, "micro_batch": 2, "zero": 3, "attention": "unfused"})", 2},
    {"recomputed", R"({"dp": 2, "micro_batch": 2, "recompute": "full", "attention": "unfused"})", 2},
    {"four_ranks", R"({"tp": 2, "dp": 2, "micro_batch": 2, "attention": "unfused"})", 4},
    {"four_of_data", R"({"dp": 4, "micro_batch": 1, "zero": 3, "attention": "unfused"})", 4},
};

class Resume : public ::testing::Test {
 protected:
  // Kills one rank as soon as a checkpoint of step `after` is there.
  void run_until(int after) {
    Job job(training.path(), training.arguments(training.scenario(dp2, 2),
                                                {"--checkpoints", checkpoints, "--checkpoint-every", "5"}));
    char name[32];
    std::snprintf(name, sizeof name, "/step-%06d", after);
    for (int i = 0; i < 4000 && !std::filesystem::exists(checkpoints + name); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::vector<pid_t> ranks = job.ranks();
    if (!ranks.empty()) kill(ranks.back(), SIGKILL);
    job.wait();
    std::filesystem::remove_all(checkpoints + "/step-000040");  // where it was faster than this
  }
  TrainingRun training;
  std::string checkpoints = training / "checkpoints";
};

TEST_F(Resume, SamePlanGivesTheSameBits) {
  const Ended whole = run(training.path(), training.arguments(training.scenario(dp2, 2)));
  ASSERT_EQ(whole.code, 0) << whole.err;
  run_until(10);
  const Ended rest = run(training.path(), training.arguments(training.scenario(dp2, 2),
                                                             {"--checkpoints", checkpoints, "--resume"}));
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_LE(rest.losses.size(), 30U);
  EXPECT_EQ(difference(whole.losses, rest.losses), 0);
}

TEST_F(Resume, AnotherPlanGivesTheSameLosses) {
  const Ended whole = run(training.path(), training.arguments(training.scenario(dp2, 2)));
  ASSERT_EQ(whole.code, 0) << whole.err;
  run_until(10);
  for (const Other& other : others) {
    SCOPED_TRACE(other.name);
    const std::string copy = training / other.name;
    std::filesystem::copy(checkpoints, copy, std::filesystem::copy_options::recursive);
    const Ended rest = run(training.path(), training.arguments(training.scenario(other.plan, other.ranks),
                                                               {"--checkpoints", copy, "--resume"}));
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_LE(difference(whole.losses, rest.losses), 1e-5);
  }
}

TEST_F(Resume, CtrlCEndsAfterTheStepWithACheckpoint) {
  const Ended whole = run(training.path(), training.arguments(training.scenario(dp2, 2)));
  Job job(training.path(), training.arguments(training.scenario(dp2, 2), {"--checkpoints", checkpoints}));
  while (job.ranks().size() < 2 && job.is_running())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  job.interrupt();
  const Ended interrupted = job.wait();
  EXPECT_EQ(interrupted.code, 130) << interrupted.err;
  EXPECT_TRUE(interrupted.left.empty());
  ASSERT_FALSE(interrupted.losses.empty());
  Disk disk;
  const auto latest = Checkpoints(disk, checkpoints).latest();
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->step, interrupted.losses.size());
  if (latest->step == TrainingRun::steps) return;
  const Ended rest = run(training.path(), training.arguments(training.scenario(dp2, 2),
                                                             {"--checkpoints", checkpoints, "--resume"}));
  EXPECT_EQ(rest.losses.size() + latest->step, whole.losses.size());
  EXPECT_EQ(difference(whole.losses, rest.losses), 0);
}

TEST_F(Resume, ExportedWeightsAreThoseOfTheLastCheckpoint) {
  const std::string weights = training / "weights";
  const Ended trained =
      run(training.path(),
          training.arguments(training.scenario(dp2, 2), {"--checkpoints", checkpoints, "--export", weights}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Ended unchanged = run(
      training.path(), training.arguments(training.scenario(dp2, 2), {"--weights", weights, "--lr", "0"}, 1));
  ASSERT_EQ(unchanged.code, 0) << unchanged.err;
  EXPECT_GT(trained.held_out, 0);
  EXPECT_EQ(unchanged.held_out, trained.held_out);
}

}  // namespace
}  // namespace orrery::testing
