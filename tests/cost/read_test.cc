#include "sim/cost/read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "sim/base/math.h"
#include "sim/cost/constants.h"
#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

class Texts : public Files {
 public:
  std::map<std::string, std::string, std::less<>> texts;
  std::string text(std::string_view name) override {
    const auto at = texts.find(name);
    if (at == texts.end()) fail({std::string(name), "", 0}, "a file that can be read");
    return at->second;
  }
  bool exists(std::string_view name) override { return texts.find(name) != texts.end(); }
};

std::string file(const std::string& members) { return R"({"schema": "orrery.calibration/1", "name": "x")" + members + "}"; }
std::string constants(const std::string& values) {
  return R"(, "constants": [{"evidence": "measured", "source": "here", "values": {)" + values + "}}]";
}

std::string error_of(const std::string& text) {
  Texts files;
  files.texts["c.json"] = text;
  try {
    read_calibration(files, "c.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ORRERY_SOURCE_DIR "/scenarios/calibrations"))
    if (entry.is_regular_file()) names.push_back(entry.path().stem().string());
  return names;
}

double number(double v) { return v; }
double number(Seconds v) { return v.v; }
double number(Bytes v) { return static_cast<double>(v.v); }

std::vector<std::pair<std::string, double>> values(const Calibration& c) {
  std::vector<std::pair<std::string, double>> out;
  for_each_constant(c, [&](std::string_view name, const auto& v) { out.emplace_back(name, number(v)); });
  return out;
}

TEST(CalibrationFile, LaterReplacesEarlier) {
  Texts files;
  files.texts["parts/base.json"] = file(constants(R"("clock16": 0.9, "kernel_gap": "3 us")"));
  files.texts["c.json"] = file(R"(, "bases": ["parts/base.json"], "stack": "s")" + constants(R"("clock16": 0.8)"));
  const Calibration c = read_calibration(files, "c.json");
  EXPECT_EQ(c.clock16, 0.8);
  EXPECT_EQ(c.kernel_gap.v, 3e-6);
  EXPECT_EQ(c.stack, "s");
  EXPECT_EQ(provenance(c, "kernel_gap").evidence, Evidence::measured);
  EXPECT_EQ(provenance(c, "jitter").evidence, Evidence::assumed);
}

TEST(CalibrationFile, Broken) {
  EXPECT_NE(error_of(file(constants(R"("clok16": 0.8)"))).find("clock16"), std::string::npos);
  EXPECT_NE(error_of(file(constants(R"("kernel_gap": 3)"))).find("/constants/0/values/kernel_gap"), std::string::npos);
  EXPECT_NE(error_of(file(constants(R"("clock16": 0)"))).find("more than 0"), std::string::npos);
  EXPECT_NE(error_of(file(R"(, "constants": [{"evidence": "measured", "source": "", "values": {}}])")).find("/constants/0/source"),
            std::string::npos);
  EXPECT_NE(error_of(file(R"(, "constants": [{"evidence": "guessed", "source": "a", "values": {}}])")).find("assumed"), std::string::npos);
  EXPECT_NE(error_of(file(R"(, "bases": ["c.json"])")).find("a chain of at most 8"), std::string::npos);
  EXPECT_NE(error_of(file(R"(, "bases": ["gone.json"])")).find("gone.json"), std::string::npos);
  EXPECT_NE(error_of(file(R"(, "constants": [{"evidence": "measured", "source": "a", "values": {"clock16": 1}},
                                             {"evidence": "measured", "source": "b", "values": {"clock16": 1}}])")).find("once in a file"),
            std::string::npos);
  EXPECT_NE(error_of(file(R"(, "attention": [{"evidence": "measured", "source": "a", "kernel": "k", "head_dim": 64, "rates": ["1 TFLOP/s"]}])"))
                .find("6 rates"), std::string::npos);
  EXPECT_NE(error_of(file(R"(, "curves": [{"evidence": "measured", "source": "a", "op": "gather", "ranks": 2}])")).find("all_gather"),
            std::string::npos);
}

TEST(CalibrationFile, WrittenAndReadBackIsEqual) {
  for (const std::string& name : shipped()) {
    const Calibration c = calibration(name);
    Texts files;
    files.texts["c.json"] = write_calibration(c).dump();
    EXPECT_EQ(read_calibration(files, "c.json"), c) << name;
  }
}

TEST(CalibrationFile, HeldOutRunsAreOfTheFileItselfAndNotOfItsBases) {
  Texts files;
  const std::string held_out = R"(, "held_out": {"runs": 26, "error": "6.5 %", "source": "their runs"})";
  files.texts["base.json"] = file(held_out);
  files.texts["c.json"] = file(R"(, "bases": ["base.json"])");
  EXPECT_EQ(read_calibration(files, "base.json").held_out, (HeldOut{26, 0.065, "their runs"}));
  EXPECT_EQ(read_calibration(files, "c.json").held_out, HeldOut{});
  files.texts["again.json"] = write_calibration(read_calibration(files, "base.json")).dump();
  EXPECT_EQ(read_calibration(files, "again.json"), read_calibration(files, "base.json"));
}

TEST(CalibrationFile, FactsAreOfTheFileItselfAndReadBackEqual) {
  Texts files;
  files.texts["base.json"] = file(R"(, "facts": {"GPU": "one", "SM clock": "1980 MHz"})");
  files.texts["c.json"] = file(R"(, "bases": ["base.json"])");
  const Calibration c = read_calibration(files, "base.json");
  EXPECT_EQ(c.facts, (std::map<std::string, std::string>{{"GPU", "one"}, {"SM clock", "1980 MHz"}}));
  EXPECT_TRUE(read_calibration(files, "c.json").facts.empty());
  files.texts["again.json"] = write_calibration(c).dump();
  EXPECT_EQ(read_calibration(files, "again.json"), c);
}

TEST(CalibrationFile, MeasuredOpsAreReadBackEqualAndLaterOnesReplace) {
  Calibration c = calibration("h100-megatron-core");
  Op product{.name = OpName::logits, .kind = OpKind::matmul, .pass = Pass::weight_gradient, .dtype = DType::fp32};
  product.accumulate = true;
  product.m = 7, product.n = 5, product.k = 3;
  Op core{.name = OpName::attention, .kind = OpKind::attention, .causal = true, .batch = 4, .m = 8, .n = 8, .k = 2};
  Op gate{.name = OpName::activation, .pass = Pass::input_gradient, .gated = true, .elements = 99};
  c.measured.set({product, {1.25e-6}, 0.0625, "a"});
  c.measured.set({core, {1.0 / 3}, 0, "b"});
  c.measured.set({gate, {2e-3}, 0.1, "a"});
  Texts files;
  files.texts["base.json"] = write_calibration(c).dump();
  EXPECT_EQ(read_calibration(files, "base.json"), c);
  const std::string row = R"({"op": "activation", "kind": "memory", "pass": "input_gradient", "dtype": "bf16",
                              "gated": true, "elements": 99, "time": "5 ms"})";
  const auto over = [](const std::string& rows) {
    return file(R"(, "bases": ["base.json"], "measured": [{"source": "later", "ops": [)" + rows + "]}]");
  };
  files.texts["c.json"] = over(row);
  EXPECT_EQ(read_calibration(files, "c.json").measured.find(gate)->source, "later");
  EXPECT_EQ(read_calibration(files, "c.json").measured.all().size(), 3u);
  EXPECT_NE(error_of(file(R"(, "measured": [{"source": "a", "ops": [)" + row + "," + row + "]}]")).find("once in a file"),
            std::string::npos);
  EXPECT_NE(error_of(file(R"(, "measured": [{"source": "a", "ops": [{"op": "qvk"}]}])")).find("qkv"), std::string::npos);
}

// No constant without its source: what a shipped calibration changes from the defaults, and every table entry.
TEST(CalibrationFile, ShippedOnesSayWhereEverythingIsFrom) {
  ASSERT_GE(shipped().size(), 10u);
  for (const std::string& name : shipped()) {
    const Calibration c = calibration(name), plain;
    EXPECT_EQ(c.name, name);
    EXPECT_FALSE(c.device.empty()) << name;
    const std::vector<std::pair<std::string, double>> here = values(c), standard = values(plain);
    for (std::size_t i = 0; i < here.size(); ++i)
      EXPECT_TRUE(here[i] == standard[i] || !provenance(c, here[i].first).source.empty()) << name << " " << here[i].first;
    for (const AttentionRates& a : c.attention_rates) EXPECT_FALSE(provenance(c, attention_key(a)).source.empty()) << name;
    for (const Curve& k : c.curves) EXPECT_FALSE(provenance(c, curve_key(k)).source.empty()) << name;
    bool tabulated = c.attention_kernel.empty();  // prices unfused attention alone
    for (const AttentionRates& a : c.attention_rates) tabulated |= a.kernel == c.attention_kernel;
    EXPECT_TRUE(tabulated) << name << " runs " << c.attention_kernel;
  }
}

TEST(Constants, GetAndSetByName) {
  Calibration c;
  double v = 0;
  EXPECT_TRUE(set_constant(c, "matmul8.epilogue", 2e-6));
  EXPECT_EQ(c.matmul8.epilogue.v, 2e-6);
  EXPECT_TRUE(set_constant(c, "ops.softmax.input_gradient.bytes", 11));
  EXPECT_TRUE(get_constant(c, "ops.softmax.input_gradient.bytes", v));
  EXPECT_EQ(v, 11);
  EXPECT_FALSE(set_constant(c, "clock", 1));
  const auto names = constant_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size()) << "names are distinct";
}

TEST(Constants, JitterGrowsWithRanksAboveItsScale) {
  Calibration c;
  c.jitter = 0.01;
  c.jitter_ranks = 64;
  EXPECT_EQ(scale_jitter(c, 8), 1);
  EXPECT_EQ(scale_jitter(c, 64), 1);
  EXPECT_NEAR(scale_jitter(c, 512), 1.03, 1e-12);
}

// Against the C library, which is accurate to the last bit or two.
TEST(Math, LogarithmAndPower) {
  for (double x : {1e-300, 1e-9, 0.3, 0.999999, 1.0, 1.5, 2.0, 3.0, 1e5, 1e300}) {
    EXPECT_NEAR(orrery::log2(x), std::log2(x), 4e-16 * std::max(1.0, std::abs(std::log2(x)))) << x;
  }
  for (double x : {-40.5, -1.0, -0.4, 0.0, 0.3, 0.5, 1.0, 10.7, 100.0})
    EXPECT_NEAR(orrery::exp2(x) / std::exp2(x), 1, 4e-16) << x;
  EXPECT_NEAR(power(3.0, 2.5) / std::pow(3.0, 2.5), 1, 2e-15);
}

}  // namespace
}  // namespace orrery::test
