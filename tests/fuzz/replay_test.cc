// The corpora of the fuzzers as ordinary tests, with any compiler: every file once, and every file cut and
// spoilt a little, always the same way.
#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/targets.h"
#include "tools/disk.h"

namespace orrery::fuzz {

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

const std::string corpora = std::string(ORRERY_SOURCE_DIR) + "/tests/fuzz/corpus/";

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, Replays) {
  const Target target = GetParam();
  DiskFiles files;
  const std::string folder = corpora + std::string(target.name);
  const std::vector<std::string> seeds = files.list(folder);
  EXPECT_FALSE(seeds.empty()) << folder;
  std::mt19937 random(1);
  for (const std::string& name : seeds) {
    const std::string path = folder + "/" + name;
    SCOPED_TRACE(path);
    const std::string seed = files.text(path);
    target.run(seed);
    for (int i = 0; i < 20 && !seed.empty(); ++i) {
      std::string spoilt = seed;
      spoilt[random() % spoilt.size()] = static_cast<char>(random() % 256);
      target.run(spoilt);
      target.run(std::string_view(seed).substr(0, random() % seed.size()));
    }
  }
}

std::string name_of(const testing::TestParamInfo<Target>& info) { return std::string(info.param.name); }

INSTANTIATE_TEST_SUITE_P(Every, Corpus, testing::ValuesIn(targets().begin(), targets().end()), name_of);

}  // namespace
}  // namespace orrery::fuzz
