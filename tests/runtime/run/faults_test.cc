// Faults at random moments. Whatever happens: the job ends by itself and says why in one message, leaves no
// process, loses no checkpoint, and --resume comes to the same losses. ORRERY_TEST_ALL in the environment:
// more than 200 of them, else a dozen.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "runtime/state/checkpoint.h"
#include "sim/base/error.h"
#include "tests/runtime/run/training.h"

namespace orrery::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

int rounds() { return std::getenv("ORRERY_TEST_ALL") ? 22 : 2; }

class Faults : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    training = new TrainingRun;
    const auto before = steady_clock::now();
    whole = run(training->path(), arguments(training->path() + "/whole"));
    seconds = std::chrono::duration<double>(steady_clock::now() - before).count();
    ASSERT_EQ(whole.code, 0) << whole.err;
  }
  static void TearDownTestSuite() { delete training; }

  static std::vector<std::string> arguments(const std::string& checkpoints, const std::string& more = {}) {
    std::vector<std::string> out =
        training->arguments(training->scenario(dp2, 2),
                            {"--checkpoints", checkpoints, "--checkpoint-every", "4", "--keep", "99"});
    if (!more.empty()) out.push_back(more);
    return out;
  }

  std::size_t any(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  }

  // Starts a job, does something to it at a random moment of its life, and waits for its end. What it had
  // committed by then must be there and whole. Once more where the job was faster.
  template <class Fault>
  Ended strike(Fault fault, const std::vector<std::string>& more = {}) {
    for (int attempt = 0; attempt < 9; ++attempt) {
      const Ended ended = strike_once(fault, more);
      if (ended.code != 0) return ended;
    }
    ADD_FAILURE() << "the fault never came in time";
    return {};
  }
  template <class Fault>
  Ended strike_once(Fault fault, const std::vector<std::string>& more) {
    fs::remove_all(checkpoints);
    std::vector<std::string> words = arguments(checkpoints);
    words.insert(words.end(), more.begin(), more.end());
    Job job(training->path(), words);
    while (job.ranks().size() < 2 && job.is_running())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double share = std::uniform_real_distribution<double>(0, 0.7)(random);
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds * share));
    const std::uint64_t committed = newest();
    if (job.ranks().size() == 2) fault(job);
    Ended ended = job.wait();
    EXPECT_TRUE(ended.in_time) << ended.err;
    EXPECT_TRUE(ended.left.empty());
    EXPECT_GE(newest(), committed);
    return ended;
  }

  // The step of the newest checkpoint; all that are committed are whole.
  std::uint64_t newest() const {
    Disk disk;
    std::uint64_t out = 0;
    for (const Checkpoints::Found& found : Checkpoints(disk, checkpoints).list()) {
      EXPECT_EQ(found.problem, "");
      EXPECT_NO_THROW(CheckpointReader(found.path).verify()) << found.path;
      out = found.step;
    }
    return out;
  }

  void expect_message(const Ended& ended, int code, const std::string& part) {
    EXPECT_EQ(ended.code, code) << ended.err;
    ASSERT_EQ(ended.messages().size(), 1U) << ended.err;
    EXPECT_NE(ended.messages()[0].find(part), std::string::npos) << part << "\n" << ended.err;
  }

  void expect_same_losses(const Ended& rest) {
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_EQ(difference(whole.losses, rest.losses), 0);
  }
  // The run goes on from the newest checkpoint, or, where there is none, begins.
  void expect_continues() {
    const bool any_left = newest() > 0;
    if (newest() == TrainingRun::steps) return;  // the fault came too late
    expect_same_losses(run(training->path(), arguments(checkpoints, any_left ? "--resume" : "")));
  }

  // All checkpoints of the whole run but the last.
  void copy_checkpoints() {
    fs::remove_all(checkpoints);
    fs::copy(training->path() + "/whole", checkpoints, fs::copy_options::recursive);
    fs::remove_all(checkpoints + "/step-000040");
  }
  std::string file_of_newest() {
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(checkpoints + "/step-000036"))
      files.push_back(file.path());
    std::sort(files.begin(), files.end());
    return files[any(files.size())];
  }
  // With a damaged newest checkpoint: passed over, or refused with the file's name and removed by the user.
  void expect_damage_is_found() {
    const Ended damaged = run(training->path(), arguments(checkpoints, "--resume"));
    if (damaged.code == 0) return expect_same_losses(damaged);
    expect_message(damaged, 3, "step");
    fs::remove_all(checkpoints + "/step-000036");
    expect_same_losses(run(training->path(), arguments(checkpoints, "--resume")));
  }

  static TrainingRun* training;
  static Ended whole;
  static double seconds;
  std::mt19937 random{static_cast<std::uint32_t>(GetParam())};
  std::string checkpoints = training->path() + "/struck";
};

TrainingRun* Faults::training = nullptr;
Ended Faults::whole;
double Faults::seconds = 0;

TEST_P(Faults, KilledRank) {
  const std::size_t rank = any(2);
  const Ended ended = strike([&](Job& job) { kill(job.ranks().at(rank), SIGKILL); });
  expect_message(ended, 4, "rank " + std::to_string(rank));
  expect_continues();
}

TEST_P(Faults, KilledLauncher) {
  const Ended ended = strike([](Job& job) { kill(job.process(), SIGKILL); });
  EXPECT_EQ(ended.code, 128 + SIGKILL);
  expect_continues();
}

TEST_P(Faults, KilledMachine) {  // all at once
  strike([](Job& job) { kill(-job.process(), SIGKILL); });
  expect_continues();
}

TEST_P(Faults, StoppedRank) {
  const std::size_t rank = any(2);
  const Ended ended = strike([&](Job& job) { kill(job.ranks().at(rank), SIGSTOP); }, {"--patience", "1"});
  expect_message(ended, 4, "rank " + std::to_string(rank) + " does not answer");
  expect_continues();
}

TEST_P(Faults, Interrupted) {
  const Ended ended = strike([](Job& job) { job.interrupt(); });
  EXPECT_EQ(ended.code, 130) << ended.err;
  expect_continues();
}

// Files of a rank may not become longer than so many bytes, which is refused as a full disk is.
TEST_P(Faults, FullDisk) {
  const rlimit limit{any(20'000), 20'000};
  const Ended ended = strike([&](Job& job) {
    for (const pid_t rank : job.ranks()) prlimit(rank, RLIMIT_FSIZE, &limit, nullptr);
  });
  expect_message(ended, 4, "can't be written: File too large");
  expect_continues();
}

TEST_P(Faults, CutCheckpoint) {
  copy_checkpoints();
  const std::string file = file_of_newest();
  fs::resize_file(file, any(fs::file_size(file)));
  expect_damage_is_found();
}

TEST_P(Faults, FlippedBitOfCheckpoint) {
  copy_checkpoints();
  const std::string file = file_of_newest();
  std::string bytes = get_file(file);
  bytes[any(bytes.size())] ^= static_cast<char>(1 << any(8));
  put_file(file, bytes);
  expect_damage_is_found();
}

TEST_P(Faults, CutData) {
  copy_checkpoints();
  const std::string text = get_file(training->data());
  put_file(training->data(), text.substr(0, any(text.size())));
  expect_message(run(training->path(), arguments(checkpoints, "--resume")), 3, training->data());
  put_file(training->data(), text);
  expect_continues();
}

TEST_P(Faults, DataCutBelowARunningJob) {
  const std::string text = get_file(training->data());
  const Ended ended = strike([](Job&) { put_file(training->data(), ""); });
  put_file(training->data(), text);
  if (ended.code == 3)  // before it was opened
    expect_message(ended, 3, training->data() + ": expected at least 33 tokens");
  else
    expect_message(ended, 4, "killed by signal 7 (Bus error): a file that it reads has become shorter");
  expect_continues();
}

INSTANTIATE_TEST_SUITE_P(Seed, Faults, ::testing::Range(0, rounds()));

}  // namespace
}  // namespace orrery::testing
