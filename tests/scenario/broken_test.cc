// Every broken file ends in the message that stands beside it, word for word: NAME.json, NAME.error.
// ORRERY_REWRITE=1 scenario_test --gtest_filter='Broken*' writes the messages anew; read the difference.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/base/error_of.h"
#include "tests/scenario/input_files.h"

namespace orrery {
namespace {

const std::string kinds[] = {"text", "scenario", "plan", "model", "hf", "cluster", "device", "calibration"};

class Broken : public InputFiles {};

// The folders of a kind: what its schema refuses too, and what only the reader can know.
std::vector<std::string> broken_files(const std::string& kind) {
  std::vector<std::string> out = json_files("tests/scenario/broken/" + kind);
  for (const std::string& path : json_files("tests/scenario/broken/beyond/" + kind)) out.push_back(path);
  return out;
}

TEST_F(Broken, EveryFileHasItsMessage) {
  const bool rewrite = std::getenv("ORRERY_REWRITE") != nullptr;
  std::size_t count = 0;
  for (const std::string& kind : kinds) {
    for (const std::string& path : broken_files(kind)) {
      ++count;
      const std::string golden = path.substr(0, path.size() - 5) + ".error";
      const std::string message = error_of([&] { read_as(kind, path); }) + "\n";
      EXPECT_NE(message, "no error\n") << path;
      EXPECT_LT(message.size(), 600U) << path;
      if (rewrite) write_file(golden, message);
      EXPECT_EQ(DiskFiles().text(golden), message) << path;
    }
  }
  EXPECT_GE(count, 150U);
}

TEST_F(Broken, AMissingFileADirectoryAndOneWithoutPermissionAreNamed) {
  EXPECT_EQ(error_of([] { read_as("scenario", "no/such.json"); }),
            "no/such.json: can't be read: No such file or directory");
  EXPECT_EQ(error_of([] { read_as("scenario", "scenarios"); }),
            "scenarios: can't be read: it is a directory");
  const std::string secret = testing::TempDir() + "orrery-secret.json";
  write_file(secret, "{}");
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  const bool root = ::geteuid() == 0;  // root reads anything: become nobody for a moment
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);
  const std::string message = error_of([&] { read_as("scenario", secret); });
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  std::filesystem::remove(secret);
  EXPECT_EQ(message, secret + ": can't be read: Permission denied");
}

}  // namespace
}  // namespace orrery
