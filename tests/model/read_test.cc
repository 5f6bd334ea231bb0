#include "sim/model/read.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "sim/model/params.h"
#include "tests/base/error_of.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

TEST(Presets, ReadBackAsWritten) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ORRERY_SOURCE_DIR "/scenarios/models")) {
    const std::string stem = entry.path().stem().string(), text = preset_text(stem);
    const Model m = model_from(text, stem + ".json");
    EXPECT_EQ(m.name, stem);
    EXPECT_FALSE(m.source.empty()) << stem;
    EXPECT_EQ(write_model(m).dump() + "\n", text) << stem;
    ++count;
  }
  EXPECT_GE(count, 80);
}

std::vector<std::string> unpriced(const std::string& name) { return preset(name).unpriced; }

TEST(Unpriced, NamesWhatTheOpsDoNotCover) {
  using Parts = std::vector<std::string>;
  for (const char* dense : {"gpt2", "gpt3-175b", "llama3-70b", "qwen3-8b", "mistral-7b", "nemotron4-340b",
                            "bloom-176b", "mpt-7b"})
    EXPECT_EQ(unpriced(dense), Parts{}) << dense;
  EXPECT_EQ(unpriced("mixtral-8x7b"), Parts{"mixture-of-experts layers"});
  EXPECT_EQ(unpriced("deepseek-v3"), (Parts{"mixture-of-experts layers", "multi-head latent attention"}));
  EXPECT_EQ(unpriced("t5-small"), Parts{"encoder-decoder models"});
  EXPECT_EQ(unpriced("bert-base"), Parts{"bidirectional encoders"});
  EXPECT_EQ(unpriced("vit-b16").front(), "image models");
  EXPECT_EQ(unpriced("gpt-neox-20b"), Parts{"parallel residuals"});
}

TEST(Unpriced, DependsOnTheSequenceForWindows) {
  const Model m = preset("mistral-7b");
  EXPECT_EQ(not_priced(m, 4096), std::nullopt);
  EXPECT_EQ(not_priced(m, 8192), "attention windows of 4096 tokens, smaller than the sequence of 8192");
  EXPECT_EQ(not_priced(preset("mixtral-8x7b"), 1), "mixture-of-experts layers (mixtral-8x7b)");
}

TEST(Unpriced, KeepsWhatOnlyTheFileKnows) {
  Model m = preset("llama3-8b");
  m.unpriced.push_back("speech");
  EXPECT_EQ(model_from(write_model(m).dump()), m);
}

constexpr const char* small = R"({"schema": "orrery.model/1", "name": "small", "vocab": 1000, "layers": [
  {"count": 2, "hidden": 64, "attention": {"heads": 4}, "mlp": {"ffn": 256}},
  {"hidden": 64, "attention": {"heads": 4, "kv_heads": 2, "head_dim": 32}, "mlp": {"ffn": 256}},
  {"hidden": 64, "attention": {"heads": 4}, "mlp": {"ffn": 256}}]})";

TEST(OrreryModel, SharesEqualLayers) {
  const Model m = model_from(small);
  EXPECT_EQ(m.kinds.size(), 2u);
  EXPECT_EQ(m.layers, (std::vector<std::uint16_t>{0, 0, 1, 0}));
  EXPECT_EQ(m.hidden, 64);
  EXPECT_EQ(m.layer(0).attention.head_dim, 16);
  EXPECT_EQ(m.layer(0).attention.kv_heads, 4);
  EXPECT_EQ(model_from(write_model(m).dump()), m);
}

TEST(OrreryModel, SaysWhatARunComputesBesideTheShapes) {
  Model m = model_from(small);
  EXPECT_EQ(m.rotary, Rotary{});
  EXPECT_EQ(m.norm_epsilon, 1e-5);
  const std::string plain = write_model(m).dump();
  for (const char* member : {"rotary\":", "norm_epsilon", "unexecuted"})
    EXPECT_EQ(plain.find(member), std::string::npos) << member;
  m.rotary = {.theta = 500000, .factor = 8, .low = 1, .high = 4, .original = 8192};
  m.norm_epsilon = 1e-6;
  m.unexecuted = {"the activation \"mish\""};
  EXPECT_EQ(model_from(write_model(m).dump()), m);
  EXPECT_EQ(unpriced_parts(m), unpriced_parts(model_from(small)));
  m.rotary = {.theta = 1234.5, .factor = 1.5, .low = 0.5, .high = 4.5, .original = 1};
  EXPECT_EQ(model_from(write_model(m).dump()), m);
}

TEST(OrreryModel, NeedsNoSchemaInPlace) {
  const std::string text = small;
  EXPECT_EQ(model_from("{" + text.substr(text.find("\"name\""))), model_from(small));
}

// A small good model with one part replaced.
std::string broken(const std::string& part, const std::string& with) {
  std::string text =
      R"({"schema": "orrery.model/1", "name": "x", "vocab": 100, "layers": [{"count": 2, "hidden": 64, "attention": {"heads": 4}, "mlp": {"ffn": 256}}]})";
  text.replace(text.find(part), part.size(), with);
  return error_of([&] { model_from(text, "m.json"); });
}

TEST(OrreryModel, NamesWhatIsWrong) {
  EXPECT_EQ(broken("model/1", "model/9"),
            "m.json:1: /schema: expected \"orrery.model/1\", found \"orrery.model/9\"");
  EXPECT_EQ(broken("\"vocab\": 100, ", ""),
            "m.json:1: expected a member \"vocab\" (an integer from 1 to 16777216), found none");
  EXPECT_EQ(broken("\"heads\": 4", "\"heads\": 5"),
            "m.json:1: /layers/0/attention/heads: expected a divisor of the hidden width 64, or a "
            "\"head_dim\" beside it, found 5");
  EXPECT_EQ(broken("\"heads\": 4", "\"heads\": 4, \"kv_heads\": 3"),
            "m.json:1: expected key/value heads that divide the heads, found 3 for 4 in layer 0");
  EXPECT_EQ(broken("\"heads\": 4", "\"heads\": 4, \"kv_heads\": 8"),
            "m.json:1: /layers/0/attention/kv_heads: expected an integer from 1 to 4, found 8");
  EXPECT_EQ(broken("\"ffn\": 256", "\"ffn\": \"256\""),
            "m.json:1: /layers/0/mlp/ffn: expected an integer from 1 to 2097152, found \"256\"");
  EXPECT_EQ(broken("\"ffn\": 256", "\"ffn\": 256, \"activation\": \"swilu\""),
            "m.json:1: /layers/0/mlp/activation: expected one of \"gelu\", \"relu\", \"squared_relu\", "
            "\"silu\", \"gelu_tanh\", found \"swilu\" (did you mean \"silu\"?)");
  EXPECT_EQ(broken("\"ffn\": 256", "\"ffn\": 256, \"gatde\": true"),
            "m.json:1: /layers/0/mlp/gatde: unknown member, did you mean \"gated\"?");
  EXPECT_EQ(broken("\"count\": 2", "\"count\": 2000"),
            "m.json:1: /layers/0/count: expected an integer from 1 to 1024, found 2000");
  EXPECT_EQ(broken("\"vocab\": 100", "\"vocab\": 100, \"position\": \"learned\""),
            "m.json:1: expected max_positions, as positions are learned, found none");
  EXPECT_EQ(broken("\"vocab\": 100", "\"vocab\": 100, \"position\": \"alibi\", \"rotary\": {}"),
            "m.json:1: /rotary: expected none, as positions are not rotary, found an empty object");
  EXPECT_EQ(broken("\"vocab\": 100", "\"vocab\": 100, \"rotary\": {\"scaling\": {\"factor\": 8}}"),
            "m.json:1: /rotary/scaling: expected a member \"original_positions\" (an integer from 1 to "
            "1073741824), found none");
  EXPECT_EQ(broken("\"vocab\": 100",
                   "\"vocab\": 100, \"rotary\": {\"scaling\": {\"factor\": 8, "
                   "\"low_frequency_factor\": 4, \"original_positions\": 8192}}"),
            "m.json:1: /rotary/scaling: expected a member \"high_frequency_factor\" (a number above "
            "low_frequency_factor), found none");
  EXPECT_EQ(
      broken("\"mlp\": {\"ffn\": 256}", "\"mlp\": {\"ffn\": 256}, \"cross\": {\"heads\": 4}"),
      "m.json:1: expected cross-attention only in the decoder of a model with encoder layers, found layer 0");
  EXPECT_EQ(
      broken("\"vocab\": 100", "\"vocab\": 100, \"patches\": {\"image\": 8, \"patch\": 2, \"classes\": 10}"),
      "m.json:1: expected either patches or a vocabulary, found both");
  EXPECT_EQ(broken("[{\"count\": 2, \"hidden\": 64, \"attention\": {\"heads\": 4}, \"mlp\": {\"ffn\": 256}}]",
                   "[]"),
            "m.json:1: expected one layer at least, found none");
  EXPECT_EQ(broken("\"mlp\": {\"ffn\": 256}", "\"moe\": {\"experts\": 2, \"top_k\": 3, \"ffn\": 8}"),
            "m.json:1: /layers/0/moe/top_k: expected an integer from 1 to 2, found 3");
}

TEST(OrreryModel, IsNeverTooLargeToCount) {
  EXPECT_EQ(
      broken("\"count\": 2, \"hidden\": 64, \"attention\": {\"heads\": 4}, \"mlp\": {\"ffn\": 256}",
             "\"count\": 1024, \"hidden\": 262144, \"attention\": {\"heads\": 8192, \"head_dim\": 8192}, "
             "\"moe\": {\"experts\": 4096, \"top_k\": 1, \"ffn\": 2097152}"),
      "m.json:1: expected a model of at most 10^15 parameters, found 6989587722317332480");
}

Model changed(const std::string& name, const std::string& text) {
  const Json document = parse_json(text, "s.json");
  const Reader r(document, "s.json");
  const Model m = modified(preset(name), r);
  r.done();
  return m;
}

TEST(Modified, ChangesWhatIsAsked) {
  const Model m =
      changed("llama3.1-405b", R"({"layers": 8, "kv_heads": 16, "vocab": 32000, "name": "proxy"})");
  EXPECT_EQ(m.depth(), 8);
  EXPECT_EQ(m.layer(7).attention.kv_heads, 16);
  EXPECT_EQ(m.vocab, 32000);
  EXPECT_EQ(m.name, "proxy");
  EXPECT_EQ(parameters(changed("mpt-7b", R"({"max_positions": 4096})")) - parameters(preset("mpt-7b")),
            2048 * 4096);
  EXPECT_EQ(changed("gpt2", "{}"), preset("gpt2"));
}

TEST(Modified, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(error_of([] { changed("deepseek-v3", R"({"layers": 8})"); }),
            "s.json:1: /layers: expected layers that are all alike, to change their number, found 8");
  EXPECT_EQ(error_of([] { changed("llama3-8b", R"({"layer": 8})"); }),
            "s.json:1: /layer: unknown member, did you mean \"layers\"?");
}

}  // namespace
}  // namespace orrery
