#include "runtime/state/token_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/base/error_of.h"
#include "tests/runtime/state/directory.h"

namespace orrery {
namespace {

using Tokens = std::vector<std::int64_t>;

// Token i of the file is i, so that a sequence says where it was cut.
class Sources : public ::testing::Test {
 protected:
  void write(std::int64_t tokens) {
    IndexedWriter writer(disk, directory / "count", TokenType::int32);
    Tokens all(static_cast<std::size_t>(tokens));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = 0; i < all.size(); i += 7)
      writer.add_document(std::span(all).subspan(i, std::min<std::size_t>(7, all.size() - i)));
    writer.commit();
  }
  TokenSource source(DataOptions options) { return {directory / "count", options}; }
  static Tokens training(const TokenSource& s, std::uint64_t index) {
    Tokens tokens(static_cast<std::size_t>(s.options().sequence) + 1);
    s.training(index, tokens);
    return tokens;
  }
  Directory directory;
  Disk disk;
};

TEST_F(Sources, PartsShareNoTokenAndEpochsCoverTheirPart) {
  for (const std::int64_t n : {30, 100, 101, 102, 103, 104, 1000})
    for (const double share : {0.0, 0.2, 0.5}) {
      write(n);
      const TokenSource s = source({4, n, 9, share});
      std::set<std::int64_t> trained, held;
      for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        std::set<std::int64_t> starts;
        for (std::int64_t i = 0; i < s.epoch(); ++i) {
          const Tokens t = training(s, static_cast<std::uint64_t>(epoch * s.epoch() + i));
          for (std::size_t k = 1; k < t.size(); ++k) EXPECT_EQ(t[k], t[k - 1] + 1);
          EXPECT_EQ(t[0] % 4, 0);
          starts.insert(t[0]);
          trained.insert(t.begin(), t.end());
        }
        EXPECT_EQ(std::ssize(starts), s.epoch());
      }
      for (std::int64_t i = 0; i < s.held_out(); ++i) {
        Tokens t(5);
        s.held_out(i, t);
        held.insert(t.begin(), t.end());
      }
      std::vector<std::int64_t> both;
      std::set_intersection(trained.begin(), trained.end(), held.begin(), held.end(),
                            std::back_inserter(both));
      EXPECT_TRUE(both.empty());
      // All but what is left over of a sequence, in each part.
      EXPECT_GT(std::ssize(trained) + std::ssize(held), n - 8);
      EXPECT_EQ(s.held_out() > 0, share > 0);
    }
}

TEST_F(Sources, OrderDependsOnSeedEpochAndSequenceAlone) {
  write(1000);
  const auto starts = [&](const TokenSource& s, std::uint64_t from) {
    Tokens out;
    for (std::uint64_t i = 0; i < 50; ++i) out.push_back(training(s, from + i)[0]);
    return out;
  };
  const TokenSource s = source({10, 1000, 1, 0}), again = source({10, 1000, 1, 0}),
                    other = source({10, 1000, 2, 0});
  const auto epoch = static_cast<std::uint64_t>(s.epoch());
  EXPECT_EQ(starts(s, 0), starts(again, 0));
  EXPECT_NE(starts(s, 0), starts(other, 0));
  EXPECT_NE(starts(s, 0), starts(s, epoch));
  EXPECT_FALSE(std::ranges::is_sorted(starts(s, 0)));
}

TEST_F(Sources, Golden) {
  write(100);
  const TokenSource s = source({9, 100, 7, 0});
  Tokens starts;
  for (std::uint64_t i = 0; i < 11; ++i) starts.push_back(training(s, i)[0]);
  EXPECT_EQ(starts, (Tokens{72, 0, 27, 18, 54, 36, 63, 90, 81, 45, 9}));
}

TEST_F(Sources, TooShortAFileIsNamed) {
  write(10);
  EXPECT_EQ(
      error_of([&] {
        source({10, 10, 1, 0});
      }),
      directory /
          "count.bin: expected at least 11 tokens, one sequence and its last label, to train on, found 10");
  EXPECT_EQ(error_of([&] {
              source({4, 10, 1, 0.2});
            }),
            directory /
                "count.bin: expected at least 5 tokens, one sequence and its last label, held out, found 2");
}

}  // namespace
}  // namespace orrery
