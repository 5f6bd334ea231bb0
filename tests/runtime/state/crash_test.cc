// The end of the process, or the refusal of the disk, between any two operations on files.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "runtime/state/checkpoint.h"
#include "sim/base/error.h"
#include "tests/runtime/state/directory.h"
#include "tests/runtime/state/run_state.h"

namespace orrery {
namespace {

using testing::World;

constexpr int killed = 9;

// Does `at` operations; the next one ends the process or is refused. Long writes stop half-way.
class FailingDisk : public Disk {
 public:
  FailingDisk(int at, bool exits) : left_(at), exits_(exits) {}

  int create(const std::string& path) override { return next(path), Disk::create(path); }
  void write(int file, ByteSpan bytes, const std::string& path) override {
    if (left_ == 0) Disk::write(file, bytes.first(bytes.size() / 2), path);
    next(path);
    Disk::write(file, bytes, path);
  }
  void sync(int file, const std::string& path) override { next(path), Disk::sync(file, path); }
  void sync_directory(const std::string& path) override { next(path), Disk::sync_directory(path); }
  void make_directory(const std::string& path) override { next(path), Disk::make_directory(path); }
  void rename(const std::string& from, const std::string& to) override { next(to), Disk::rename(from, to); }
  void exchange(const std::string& a, const std::string& b) override { next(a), Disk::exchange(a, b); }
  void remove_file(const std::string& path) override { next(path), Disk::remove_file(path); }
  void remove_directory(const std::string& path) override { next(path), Disk::remove_directory(path); }

 private:
  void next(const std::string& path) {
    if (left_-- > 0) return;
    if (exits_) ::_exit(killed);
    throw DeviceError(path + ": no space left");
  }
  int left_;
  bool exits_;
};

// Runs `code` in a process of its own; its exit status.
template <class Code>
int in_child(Code code) {
  const pid_t child = ::fork();
  if (child == 0) {
    code();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Crashes : public ::testing::Test {
 protected:
  // All there is after a failure: the newest complete checkpoint is of one of two steps, and whole.
  void expect_whole(std::uint64_t before, std::uint64_t after) {
    const auto latest = Checkpoints(disk, directory.path()).latest();
    ASSERT_TRUE(latest);
    EXPECT_TRUE(latest->step == before || latest->step == after) << latest->step;
    const CheckpointReader reader(latest->path);
    reader.verify();
    EXPECT_EQ(testing::differences(reader, world), 0);
  }
  void write_and_prune(Disk& with, std::uint64_t step) {
    testing::write(with, directory.path(), world, step);
    Checkpoints(with, directory.path()).prune(2);
  }
  World world{testing::gpt(1, 8, 2, 20, 8), testing::plan({.tp = 2})};
  Directory directory;
  Disk disk;
};

TEST_F(Crashes, KilledBetweenAnyTwoOperations) {
  for (const std::uint64_t step : {10, 20, 30}) testing::write(disk, directory.path(), world, step);
  int at = 0;
  for (;; ++at) {
    const int status = in_child([&] {
      FailingDisk failing(at, true);
      write_and_prune(failing, 40);
    });
    expect_whole(30, 40);
    if (status == 0) break;
    ASSERT_EQ(status, killed);
    if (Checkpoints(disk, directory.path()).latest()->step == 40)
      std::filesystem::remove_all(directory / "step-000040");
  }
  EXPECT_GT(at, 20);
  EXPECT_EQ(list_directory(directory.path()), (std::vector<std::string>{"step-000030", "step-000040"}));
}

TEST_F(Crashes, KilledWhileReplacingACheckpoint) {
  testing::write(disk, directory.path(), world, 10);
  for (int at = 0;; ++at) {
    const int status = in_child([&] {
      FailingDisk failing(at, true);
      testing::write(failing, directory.path(), world, 10);
    });
    expect_whole(10, 10);
    if (status == 0) break;
  }
  EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"step-000010"});
}

TEST_F(Crashes, RefusalsLoseNothingAndCanBeRetried) {
  testing::write(disk, directory.path(), world, 10);
  for (int at = 0;; ++at) {
    FailingDisk failing(at, false);
    try {
      write_and_prune(failing, 20);
      break;
    } catch (const DeviceError&) {
      expect_whole(10, 20);
    }
  }
  expect_whole(20, 20);
  EXPECT_EQ(list_directory(directory.path()), (std::vector<std::string>{"step-000010", "step-000020"}));
}

// The kernel's own refusal, by a limit on the size of files.
TEST_F(Crashes, FullDiskNamesTheFileAndTheReason) {
  testing::write(disk, directory.path(), world, 10);
  std::string message;
  EXPECT_EQ(
      in_child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{2000, 2000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        try {
          testing::write(disk, directory.path(), world, 20);
        } catch (const DeviceError& error) {
          const bool good =
              error.what() ==
              directory /
                  ".step-000020.partial/rank-00000.safetensors.partial: can't be written: File too large";
          ::_exit(good ? 7 : 8);
        }
      }),
      7);
  expect_whole(10, 10);
}

TEST_F(Crashes, NoPermissionNamesTheFile) {
  put_file(directory / "file", "");
  try {
    Checkpoints(disk, directory / "file").begin(1);
    FAIL();
  } catch (const DeviceError& error) {
    EXPECT_EQ(error.what(), directory / "file: can't be read: Not a directory");
  }
}

}  // namespace
}  // namespace orrery
