// Profile files that are incomplete, and Galvatron's strategy files.
#include <gtest/gtest.h>

#include <random>

#include "planner/galvatron/strategy_file.h"
#include "tests/base/error_of.h"
#include "tests/planner/galvatron/fixtures.h"

namespace orrery::galvatron {
namespace {

using testing::llama2_7b;
using testing::llama2_7b_files;
using testing::llama2_7b_shape;

std::string error_with(const ProfileFiles& files, const Shape& shape = llama2_7b_shape()) {
  return error_of([&] { make_profile(files, shape); });
}

// The file's measurements but for those that `left_out` says.
template <class LeftOut>
Source without(const Source& source, const LeftOut& left_out) {
  Source out = source;
  std::erase_if(out.measurements, left_out);
  return out;
}

TEST(GalvatronProfile, HasWhatTheFilesSay) {
  const Profile p = llama2_7b();
  // The line through 12 batch sizes that Galvatron's fit comes to.
  EXPECT_NEAR(p.layer.slope, 3.85902, 5e-6);
  EXPECT_NEAR(p.layer.intercept, 0.83299, 5e-6);
  EXPECT_NEAR(p.other.slope, 2.68033, 5e-6);
  EXPECT_NEAR(p.other.intercept, 2.35490, 5e-6);
  EXPECT_DOUBLE_EQ(p.parameters, 778.2236328125);
  EXPECT_DOUBLE_EQ(p.activation.at(8), 68.3204345703125);
  EXPECT_DOUBLE_EQ(p.recomputed, 32);
  EXPECT_DOUBLE_EQ(p.last.states.at(4), 775.74560546875);
  EXPECT_DOUBLE_EQ(p.strided.at(4), 155.815);
  EXPECT_DOUBLE_EQ(p.all_gather.at(8).of(4), 0.1333 / 2);
  EXPECT_TRUE(p.notes.empty());
}

TEST(GalvatronProfile, OfVersionTwoHasOneTimeAndOneDegree) {
  ProfileFiles files = llama2_7b_files();
  files.computation =
      testing::source(R"({"layernum[4]_bsz2": 76.25, "layertype_0": 9.5})", "computation.json");
  files.memory = testing::source(
      R"({"layertype_0": {"parameter_size": 10, "tp_activation_per_bsz_dict": {"1": 5, "checkpoint": 1}},
    "other_memory_pp_off": {"model_states": 60, "activation": 3}, "other_memory_pp_on_first": {"model_states": 30, "activation": 1},
    "other_memory_pp_on_last": {"model_states": 30, "activation": 2}})",
      "memory.json");
  files.collectives = {};
  const Profile p = make_profile(files, llama2_7b_shape());
  EXPECT_DOUBLE_EQ(p.layer.at(3), 28.5);
  EXPECT_DOUBLE_EQ(p.other.at(3), 0);
  EXPECT_DOUBLE_EQ(p.whole.states.at(1), 60);
  EXPECT_FALSE(CostModel(p).knows_beside({.tp = 2}, 1));
  ASSERT_EQ(p.notes.size(), 1u);  // no group of 2 could be used: only what embedding and head take is amiss
  EXPECT_NE(p.notes[0].find("layertype_other"), std::string::npos);
}

// An all-gather is half an all-reduce, (n - 1) / n of the buffer at the bus bandwidth.
TEST(GalvatronProfile, WithoutTimesOfCollectivesTakesBandwidth) {
  ProfileFiles files = llama2_7b_files();
  files.collectives = {};
  const Profile p = make_profile(files, llama2_7b_shape());
  EXPECT_DOUBLE_EQ(p.all_gather.at(4).of(64), 0.75 * 64 / 159.119);
  EXPECT_FALSE(CostModel(p).knows_layer({.sp = 2, .dp = 4}));
  ASSERT_EQ(p.notes.size(), 1u);
  EXPECT_NE(p.notes[0].find("groups of 2, 4, 8"), std::string::npos);
}

TEST(GalvatronProfile, NamesWhatIsMissing) {
  const ProfileFiles whole = llama2_7b_files();
  ProfileFiles files = whole;
  files.bandwidths = without(whole.bandwidths, [](const Measurement& m) { return m.detail == "strided"; });
  EXPECT_EQ(error_with(files), "bandwidths.json: expected \"allreduce_size_2_consec_0\", found none");
  files = whole;
  files.messages = without(whole.messages, [](const Measurement& m) { return m.ranks == 8; });
  EXPECT_EQ(error_with(files), "messages.json: expected \"pp_size_8\", found none");
  files = whole;
  files.overlap.measurements.clear();
  EXPECT_EQ(error_with(files), "overlap.json: expected \"overlap_coe\", found none");
  files = whole;
  files.memory =
      without(whole.memory, [](const Measurement& m) { return m.detail.ends_with("full recompute"); });
  EXPECT_EQ(error_with(files),
            "memory.json: expected \"checkpoint\" of \"tp_activation_per_bsz_dict\" in \"layertype_0_sp\", "
            "for 2048 "
            "tokens, found none");
  files = whole;
  files.memory =
      without(whole.memory, [](const Measurement& m) { return m.detail.find("last") != std::string::npos; });
  EXPECT_EQ(
      error_with(files),
      "memory.json: expected model states in \"other_memory_pp_on_last_sp\", for 2048 tokens, found none");
  Shape longer = llama2_7b_shape();
  longer.sequence = 4096;
  EXPECT_NE(error_with(whole, longer).find("for 4096 tokens, found none"), std::string::npos);
  files = whole;
  files.computation = without(whole.computation, [](const Measurement& m) { return m.batch > 7; });
  EXPECT_EQ(error_with(files),
            "computation.json: expected one batch size, or 8 to fit a line through, of layer 0, a sequence, "
            "of 2048 "
            "tokens, found 7");
  files.computation.measurements.clear();
  EXPECT_EQ(error_with(files), "computation.json: expected \"layertype_0_bsz1_seq2048\", found none");
  files = whole;
  files.computation.measurements.push_back(
      {.what = What::forward, .name = "layer 1, a sequence", .value = {1, 1, 1, 1, 1, 1}});
  EXPECT_EQ(error_with(files), "computation.json: expected one type of layer, found \"layertype_1\"");
}

TEST(GalvatronProfile, RefusesTimesThatAreNone) {
  Profile p = llama2_7b();
  p.layer = {-1, 0};
  const CostModel model(p);
  EXPECT_NE(error_of([&] { testing::search_all(model, 8, {.memory = 40'000}); }).find("0 to 100 s"),
            std::string::npos);
}

// The strategy that its version 3.0 ships for this profile, 36 GB and 16 sequences.
constexpr std::string_view shipped = R"({"pp_deg": 1,
  "tp_sizes_enc": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
  "tp_consecutive_flags": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
  "dp_types_enc": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
  "use_sp": "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
  "checkpoint": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0",
  "global_bsz": 16, "chunks": 1, "pp_division": "32", "pipeline_type": "pipedream_flush", "default_dp_type": "zero2",
  "vtp": 2, "vsp": 1, "embed_sdp": 1})";

TEST(GalvatronStrategyFile, TheShippedOneHasThePriceThatItWasSaidToHave) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  const Plan plan = read_strategy(parse_json(shipped, "shipped"), "shipped", model, 0);
  EXPECT_EQ(plan.beside, (Strategy{.sp = 2, .dp = 4, .sharding = Sharding::zero3}));
  const Price priced = price(model, plan);
  EXPECT_NEAR(to_seconds(priced.step).v, 1.08605, 5e-6);
  EXPECT_LE(priced.memory.at(0), usable(36 * 1024));
  const Result found = testing::search_all(model, 16, {.memory = 36 * 1024});
  EXPECT_LT(found.price.step, priced.step);
}

TEST(GalvatronStrategyFile, IsReadAsItWasWritten) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  for (const std::int64_t gib : {16, 24, 36})
    for (const std::int64_t batch : {8, 16, 64}) {
      const Result found = testing::search_all(model, batch, {.memory = gib * 1024, .cuts = Cuts::any});
      if (!found.best) continue;
      EXPECT_EQ(read_strategy(write_strategy(*found.best, profile.gpus()), "written", model, 1), *found.best);
    }
}

TEST(GalvatronStrategyFile, ErrorsNameTheMember) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  const auto error = [&](std::string_view member, Json value) {
    Json document = parse_json(shipped, "s.json");
    document.set(std::string(member), std::move(value));
    return error_of([&] { read_strategy(document, "s.json", model, 16); });
  };
  const std::string ones(63, '1');
  EXPECT_EQ(error("vtp", 2), "no error");
  EXPECT_NE(
      error("checkpoint", "1,0").find("/checkpoint: expected 32 numbers from 0 to 1, such as \"1,1,2\""),
      std::string::npos);
  EXPECT_NE(error("tp_sizes_enc", "").find("32 numbers from 1 to 8"), std::string::npos);
  EXPECT_NE(error("tp_sizes_enc", ones).find("/tp_sizes_enc"), std::string::npos);
  EXPECT_NE(error("pp_deg", 3).find("stages that divide 8 GPUs"), std::string::npos);
  EXPECT_NE(error("pp_deg", 2).find("/chunks: expected a micro-batch for every stage"), std::string::npos);
  EXPECT_NE(error("pp_division", "31").find("32 layers together"), std::string::npos);
  EXPECT_NE(error("vtp", 3).find("/vtp: expected degrees that divide the 8 GPUs"), std::string::npos);
  EXPECT_NE(error("chunks", 8).find("a sequence of each micro-batch"), std::string::npos);
  EXPECT_NE(error("global_bsz", 0).find("/global_bsz"), std::string::npos);
}

// Every mutation of the text ends in a plan that can be priced, or in an error.
TEST(GalvatronStrategyFile, MutationsAreRead) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text(shipped);
    for (int k = std::uniform_int_distribution(1, 3)(random); k > 0; --k)
      text[std::uniform_int_distribution<std::size_t>(0, text.size() - 1)(random)] =
          "0123456789,\"{}:-"[std::uniform_int_distribution(0, 15)(random)];
    error_of([&] { price(model, read_strategy(parse_json(text, "m"), "m", model, 16)); });
  }
}

}  // namespace
}  // namespace orrery::galvatron
