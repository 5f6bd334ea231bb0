#include "tools/disk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/base/error_of.h"
#include "tests/tools/shell.h"
#include "tools/errors.h"

namespace orrery {
namespace {
namespace fs = std::filesystem;

TEST(Disk, WritesWholeFilesAndLeavesNothingElse) {
  const Scratch scratch("disk");
  const std::string file = scratch.path() + "/folder/a.json";
  fs::create_directory(scratch.path() + "/folder");
  write_file(file, "one");
  write_file(file, "two");
  DiskFiles disk;
  EXPECT_EQ(disk.text(file), "two");
  EXPECT_EQ(disk.list(scratch.path() + "/folder"), std::vector<std::string>{"a.json"});
}

TEST(Disk, CompressesByName) {
  const Scratch scratch("gzip");
  const std::string file = scratch.path() + "/a.json.gz", text(100'000, 'x');
  write_file(file, text);
  EXPECT_LT(fs::file_size(file), 1000u);
  EXPECT_EQ(scratch.run("gzip -dc a.json.gz | md5sum").out, scratch.run("head -c 100000 /dev/zero | tr '\\0' x | md5sum").out);
  write_file(scratch.path() + "/b.json.gz", text);
  EXPECT_EQ(scratch.run("cmp a.json.gz b.json.gz").code, 0);
}

TEST(Disk, LeavesNothingOfAFileThatWasNotFinished) {
  const Scratch scratch("unfinished");
  {
    OutputFile file(scratch.path() + "/a");
    file.append("half");
  }
  EXPECT_FALSE(fs::exists(scratch.path() + "/a"));
  EXPECT_EQ(DiskFiles().list(scratch.path()), (std::vector<std::string>{"docs", "scenarios", "tests"}));
}

TEST(Disk, SaysWhatItCannotRead) {
  const Scratch scratch("unreadable");
  DiskFiles disk;
  EXPECT_EQ(error_of([&] { disk.text("/no/such/file"); }), "/no/such/file: can't be read: No such file or directory");
  EXPECT_EQ(error_of([&] { disk.text(scratch.path()); }), scratch.path() + ": can't be read: it is a directory");
  EXPECT_FALSE(disk.exists("/no/such/file"));
  EXPECT_TRUE(disk.exists(scratch.path()));
  EXPECT_TRUE(disk.list("/no/such/folder").empty());
}

TEST(Disk, RefusesToWriteIntoAFolderThatIsNotThere) { EXPECT_THROW(write_file("/no/such/folder/a", "x"), DeviceError); }

TEST(Disk, FindsPresetsGivenFirstThenThoseOfTheTree) {
  const std::vector<std::string> all = preset_directories("mine::/theirs");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0], "mine");
  EXPECT_EQ(all[1], "/theirs");
  EXPECT_EQ(all[2], ORRERY_SOURCE_DIR "/scenarios");
}

}  // namespace
}  // namespace orrery
