// What a run refuses: before the first step, with a message that names the file or flag and what was found.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/runtime/run/training.h"

namespace orrery::testing {
namespace {

class Refusals : public ::testing::Test {
 protected:
  void expect(const std::vector<std::string>& arguments, int code, const std::string& message) {
    const Ended ended = run(training.path(), arguments);
    EXPECT_EQ(ended.code, code) << ended.err;
    EXPECT_EQ(ended.messages(), std::vector<std::string>{"orrery: " + message});
  }
  void expect_of_data(const std::string& text, const std::string& message) {
    put_file(training.data(), text);
    expect(training.arguments(scenario), 3, training.data() + message);
  }
  TrainingRun training;
  std::string scenario = training.scenario(dp2, 2);
  std::string checkpoints = training / "checkpoints";
};

TEST_F(Refusals, Data) {
  expect_of_data("", ": expected at least 33 tokens, one sequence and its last label, to train on, found 1");
  expect_of_data("too short",
                 ": expected at least 33 tokens, one sequence and its last label, to train on, found 10");
  expect_of_data(std::string(300, 'x'),
                 ": expected at least 33 tokens, one sequence and its last label, held out, found 15");
  std::filesystem::remove(training.data());
  expect(training.arguments(scenario), 3, training.data() + ": there is no such file");
}

TEST_F(Refusals, TokensBeyondTheVocabulary) {
  put_file(training.data(), std::string(2000, 'z'));
  const Ended ended = run(training.path(), training.arguments(training.scenario(dp2, 2, "257", "100")));
  EXPECT_EQ(ended.code, 3);
  ASSERT_EQ(ended.messages().size(), 1U);
  EXPECT_NE(ended.messages()[0].find("expected a token from 0 to 99, found 122"), std::string::npos)
      << ended.err;
}

TEST_F(Refusals, Weights) {
  expect(training.arguments(scenario, {"--weights", training / "none"}), 3,
         training / "none/model.safetensors: there is no such file");
  expect(training.arguments(scenario, {"--weights", training.data()}), 3,
         training.data() + "/model.safetensors: there is no such file");
}

TEST_F(Refusals, PlacesToWrite) {
  expect(training.arguments(scenario, {"--checkpoints", "/proc/none"}), 4,
         "/proc/none: can't be created: No such file or directory");
  expect(training.arguments(scenario, {"--checkpoints", training.data()}), 4,
         training.data() + ": can't be read: Not a directory");
  expect(training.arguments(scenario, {"--checkpoints", checkpoints, "--export", "/proc/none"}), 4,
         "/proc/none: can't be created: No such file or directory");
}

TEST_F(Refusals, Flags) {
  expect(training.arguments(scenario, {"--held-out", "1"}), 2, "--held-out takes a share below 1");
  expect(training.arguments(scenario, {"--keep", "0"}), 2, "--keep takes at least 1, not 0");
  expect(training.arguments(scenario, {"--resume"}), 2, "--resume needs --checkpoints DIR");
  expect(training.arguments(scenario, {"--export", "x"}), 2,
         "--export needs --checkpoints DIR: it writes the last of them");
}

TEST_F(Refusals, MoreMemoryThanThereIs) {
  const std::string wide = training.scenario(dp2, 2, R"("hidden": 32)", R"("hidden": 262144)");
  const Ended ended = run(training.path(), training.arguments(wide));
  EXPECT_EQ(ended.code, 4);
  ASSERT_EQ(ended.messages().size(), 1U) << ended.err;
  EXPECT_TRUE(ended.messages()[0].starts_with("orrery: the tensors of 2 ranks take ")) << ended.err;
}

TEST_F(Refusals, RanksThatTheClusterLacks) {
  const std::string four = training.scenario(R"({"dp": 4, "attention": "unfused"})", 2);
  expect(training.arguments(four), 3, four + ": /plan: tp*cp*dp*pp = 4 ranks, but the cluster has 2 devices");
}

TEST_F(Refusals, CheckpointsOfOtherRuns) {
  const auto with = [&](const std::string& file, const std::vector<std::string>& more) {
    std::vector<std::string> out{"--checkpoints", checkpoints};
    out.insert(out.end(), more.begin(), more.end());
    return training.arguments(file, out);
  };
  expect(with(scenario, {"--resume"}), 3,
         checkpoints + ": expected a complete checkpoint to resume from, found none");
  ASSERT_EQ(run(training.path(), with(scenario, {})).code, 0);
  const std::string step = checkpoints + ", step 40: ";
  expect(
      with(scenario, {}), 2,
      checkpoints +
          "/step-000040 is of an earlier run: --resume goes on from it; a new run takes another directory");
  const auto edited = [&](const char* from, const char* to) {
    return with(training.scenario(dp2, 2, from, to), {"--resume"});
  };
  expect(edited(R"("count": 2)", R"("count": 3)"), 3,
         step + "expected a checkpoint of this model, tiny, found one of another, tiny");
  expect(edited(R"("seq_len": 32)", R"("seq_len": 16)"), 3,
         step + "expected a checkpoint of a run with sequences of length 16, found 32");
  expect(edited(R"("global_batch": 8)", R"("global_batch": 16)"), 3,
         step + "expected a checkpoint of a run with a global batch of 16, found 8");
  expect(with(scenario, {"--resume", "--seed", "7"}), 3,
         step + "expected a checkpoint of a run with the seed 7, found 1");
  expect(with(scenario, {"--resume", "--held-out", "0.1"}), 3,
         step + "expected a checkpoint of a run that held out 0.1 of its data, found 0.05");
  put_file(training.data(), get_file(training.data()) + "more");
  expect(with(scenario, {"--resume"}), 3,
         training.data() + ": expected the data that the checkpoint was trained on, " + training.data() +
             ", found other data");
}

}  // namespace
}  // namespace orrery::testing
