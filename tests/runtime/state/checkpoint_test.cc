#include "runtime/state/checkpoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "runtime/state/checkpoint_file.h"
#include "sim/base/half.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "tests/base/error_of.h"
#include "tests/runtime/state/directory.h"
#include "tests/runtime/state/run_state.h"

namespace orrery {
namespace {

using testing::Degrees;
using testing::World;

struct Sharding {
  const char* name;
  Degrees degrees;
  Zero zero;
};
constexpr Sharding shardings[] = {
    {"one rank", {1, 1, 1, 1}, Zero::none},  {"tp 2", {2, 1, 1, 1}, Zero::none},
    {"tp 4", {4, 1, 1, 1}, Zero::none},      {"tp 8", {8, 1, 1, 1}, Zero::none},
    {"dp 3", {1, 1, 3, 1}, Zero::optimizer}, {"tp 2 dp 3", {2, 1, 3, 1}, Zero::full},
    {"pp 2", {1, 2, 1, 1}, Zero::none},      {"tp 2 pp 2 dp 2", {2, 2, 2, 1}, Zero::gradients},
    {"tp 4 dp 5", {4, 1, 5, 1}, Zero::full}, {"pp 2x2 dp 2", {1, 2, 2, 2}, Zero::full},
};

World world(const Model& model, const Sharding& s) {
  Plan plan = testing::plan(s.degrees, s.zero);
  return {model, plan};
}

class CheckpointsOf : public ::testing::TestWithParam<int> {
 protected:
  Model model = GetParam() == 0 ? testing::gpt(4, 32, 8, 150, 32) : testing::llama(4, 32, 8, 2, 40, 150);
  Directory directory;
  Disk disk;
};

TEST_P(CheckpointsOf, EveryShardingReadsEveryOther) {
  for (const Sharding& from : shardings) {
    testing::write(disk, directory.path(), world(model, from), 7);
    const CheckpointReader reader(directory / "step-000007");
    reader.verify();
    for (const Sharding& to : shardings)
      EXPECT_EQ(testing::differences(reader, world(model, to)), 0) << from.name << " to " << to.name;
  }
}

TEST_P(CheckpointsOf, BytesAreTheSameEachTime) {
  const World w = world(model, shardings[5]);
  testing::write(disk, directory.path(), w, 7);
  const std::string json = get_file(directory / "step-000007/checkpoint.json"),
                    shard = get_file(directory / "step-000007/rank-00003.safetensors");
  testing::write(disk, directory.path(), w, 7);
  EXPECT_EQ(get_file(directory / "step-000007/checkpoint.json"), json);
  EXPECT_EQ(get_file(directory / "step-000007/rank-00003.safetensors"), shard);
  EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"step-000007"});
}

INSTANTIATE_TEST_SUITE_P(Models, CheckpointsOf, ::testing::Values(0, 1));

class OneCheckpoint : public ::testing::Test {
 protected:
  OneCheckpoint() { testing::write(disk, directory.path(), w, 50); }
  std::string error() const {
    return error_of([&] { CheckpointReader(path).verify(); });
  }
  void replace(const std::string& file, const std::string& what, const std::string& by) {
    std::string text = get_file(file);
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos);
    put_file(file, text.replace(at, what.size(), by));
  }
  World w{testing::llama(2, 8, 2, 1, 8, 20), testing::plan({.dp = 2}, Zero::full)};
  Directory directory;
  std::string path = directory / "step-000050", json = path + "/checkpoint.json",
              shard = path + "/rank-00001.safetensors";
  Disk disk;
};

TEST_F(OneCheckpoint, InfoRoundTrip) {
  const CheckpointInfo expected = testing::info(w, 50), got = CheckpointReader(path).info();
  EXPECT_EQ(got.step, 50u);
  EXPECT_EQ(got.seed, expected.seed);
  EXPECT_EQ(got.sequences, expected.sequences);
  EXPECT_EQ(got.dataset, expected.dataset);
  EXPECT_EQ(got.dataset_digest, expected.dataset_digest);
  EXPECT_EQ(got.model, expected.model);
  EXPECT_EQ(got.training, expected.training);
  EXPECT_EQ(got.plan, expected.plan);
  EXPECT_EQ(got.settings.dump(), expected.settings.dump());
}

TEST_F(OneCheckpoint, EveryTruncationIsFound) {
  for (const std::string& file : {json, shard}) {
    const std::string whole = get_file(file);
    for (std::size_t n = 0; n < whole.size(); n += n < 200 || n + 200 > whole.size() ? 1 : 37) {
      put_file(file, std::string_view(whole).substr(0, n));
      if (file == json && n + 1 == whole.size()) continue;  // the last line break
      ASSERT_NE(error().find(file), std::string::npos) << n << error();
      EXPECT_FALSE(Checkpoints(disk, directory.path()).latest()) << n;
    }
    put_file(file, whole);
    EXPECT_EQ(error(), "no error");
  }
}

TEST_F(OneCheckpoint, EveryDamagedByteOfAShardIsFound) {
  const std::string whole = get_file(shard);
  for (std::size_t i = 0; i < whole.size(); i += 11) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    put_file(shard, damaged);
    ASSERT_NE(error().find(shard), std::string::npos) << i << error();
  }
}

TEST_F(OneCheckpoint, Messages) {
  const std::string whole = get_file(shard);
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  put_file(shard, damaged);
  EXPECT_NE(error().find("the file is damaged"), std::string::npos) << error();
  put_file(shard, whole.substr(0, 100));
  EXPECT_EQ(error(), shard + ": expected " + std::to_string(whole.size()) +
                         " bytes, as checkpoint.json says, found 100");
  std::filesystem::remove(shard);
  EXPECT_EQ(error(), shard + ": expected " + std::to_string(whole.size()) +
                         " bytes, as checkpoint.json says, found no such file");
  put_file(shard, whole);
  replace(json, "orrery.checkpoint/1", "orrery.checkpoint/2");
  EXPECT_EQ(error(), json + ":2: /schema: expected \"orrery.checkpoint/1\", found \"orrery.checkpoint/2\"");
}

// A reader verifies what it reads, no more.
TEST_F(OneCheckpoint, DamageIsFoundWhereItIsRead) {
  std::string damaged = get_file(shard);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  put_file(shard, damaged);
  const CheckpointReader reader(path);
  std::vector<std::string> broken;
  for (const State state : {State::weight, State::first_moment, State::second_moment})
    for (const CanonicalTensor& t : canonical_tensors(w.model)) {
      std::vector<float> values(static_cast<std::size_t>(t.rows * t.columns));
      if (error_of([&] { reader.read(state, t.whole(), values); }) != "no error")
        broken.push_back(std::string(name(state)) + " " + t.name);
    }
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_TRUE(broken[0].starts_with("second_moment ")) << broken[0];
}

TEST_F(OneCheckpoint, MissingAndDoubleSlicesAreFound) {
  const std::string whole = get_file(json);
  CheckpointFile file = read_checkpoint_file(whole, json);
  file.shards.pop_back();
  put_file(json, write_checkpoint_file(file));
  EXPECT_NE(error().find("elements of"), std::string::npos) << error();
  file = read_checkpoint_file(whole, json);
  file.shards.push_back(file.shards.back());
  put_file(json, write_checkpoint_file(file));
  EXPECT_NE(error().find("slices that don't overlap"), std::string::npos) << error();
  file = read_checkpoint_file(whole, json);
  file.info.model.vocab = 21;
  put_file(json, write_checkpoint_file(file));
  EXPECT_NE(error().find("all 168 elements of embedding.weight (weight), found 160"), std::string::npos)
      << error();
  file.info.model.vocab = 19;
  put_file(json, write_checkpoint_file(file));
  EXPECT_NE(error().find("slices of embedding.weight[0:19, 0:8]"), std::string::npos) << error();
}

TEST_F(OneCheckpoint, ModelsThatAreNotDenseDecodersAreRefused) {
  Model model = w.model;
  model.kinds[0].mlp = Moe{4, 2, 8, 0, true, false, Activation::silu};
  CheckpointFile file = read_checkpoint_file(get_file(json), json);
  file.info.model = model;
  put_file(json, write_checkpoint_file(file));
  EXPECT_NE(error().find("a dense decoder"), std::string::npos) << error();
}

TEST_F(OneCheckpoint, WeightsAloneAreACheckpoint) {
  Checkpoints checkpoints(disk, directory.path());
  checkpoints.begin(60);
  for (int rank = 0; rank < 2; ++rank) {
    testing::RankState state(w, rank);
    std::erase_if(state.owned, [](const OwnedSlice& o) { return o.state != State::weight; });
    checkpoints.write_shard(w.model, 60, static_cast<std::uint32_t>(rank), state.owned);
  }
  checkpoints.commit(testing::info(w, 60), 2);
  const CheckpointReader reader(directory / "step-000060");
  EXPECT_TRUE(reader.has(State::weight));
  EXPECT_FALSE(reader.has(State::first_moment));
}

TEST_F(OneCheckpoint, HalfWeightsKeepTheirBits) {
  Checkpoints checkpoints(disk, directory.path());
  checkpoints.begin(60);
  std::vector<std::vector<Bf16>> values;
  std::vector<OwnedSlice> owned;
  for (const CanonicalTensor& t : canonical_tensors(w.model)) {
    values.emplace_back(static_cast<std::size_t>(t.rows * t.columns), to_bf16(0.3F));
    owned.push_back({State::weight, t.whole(), DType::bf16, values.back().data()});
  }
  checkpoints.write_shard(w.model, 60, 0, owned);
  checkpoints.commit(testing::info(w, 60), 1);
  float got = 0;
  CheckpointReader(directory / "step-000060").read({"head.weight", 3, 1, 2, 1}, std::span(&got, 1));
  EXPECT_EQ(got, to_float(to_bf16(0.3F)));
}

TEST_F(OneCheckpoint, LatestPassesOverWhatIsDamaged) {
  for (const std::uint64_t step : {60, 1000000, 70}) testing::write(disk, directory.path(), w, step);
  put_file(directory / "step-x", "");
  std::filesystem::create_directory(directory / "step-000080");
  Checkpoints checkpoints(disk, directory.path());
  EXPECT_EQ(checkpoints.latest()->step, 1000000u);
  put_file(directory / "step-1000000/rank-00000.safetensors", "");
  EXPECT_EQ(checkpoints.latest()->step, 70u);
  const auto found = checkpoints.list();
  ASSERT_EQ(found.size(), 5u);
  EXPECT_NE(found[3].problem.find("step-000080/checkpoint.json: there is no such file"), std::string::npos);
  checkpoints.prune(2);
  EXPECT_EQ(
      list_directory(directory.path()),
      (std::vector<std::string>{"step-000060", "step-000070", "step-000080", "step-1000000", "step-x"}));
  std::filesystem::rename(directory / "step-000060", directory / "step-000065");
  EXPECT_EQ(checkpoints.list()[0].problem, "it is of another step");
}

// Ranks that are threads of one process write, and read with a reader each.
TEST_F(OneCheckpoint, RanksMayBeThreads) {
  Checkpoints checkpoints(disk, directory.path());
  const World wide(w.model, testing::plan({.tp = 2, .dp = 2}, Zero::full));
  const auto each_rank = [&](auto work) {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < wide.plan.ranks(); ++rank) threads.emplace_back(work, rank);
    for (std::thread& t : threads) t.join();
  };
  checkpoints.begin(60);
  each_rank([&](int rank) {
    checkpoints.write_shard(w.model, 60, static_cast<std::uint32_t>(rank),
                            testing::RankState(wide, rank).owned);
  });
  checkpoints.commit(testing::info(wide, 60), 4);
  std::atomic<std::int64_t> different = 0;
  each_rank([&](int) { different += testing::differences(CheckpointReader(directory / "step-000060"), w); });
  EXPECT_EQ(different, 0);
}

TEST_F(OneCheckpoint, NoDirectoryIsNoCheckpoint) {
  EXPECT_FALSE(Checkpoints(disk, directory / "none").latest());
}

}  // namespace
}  // namespace orrery
