#include "profiler/runs.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "profiler/gzip.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class Texts : public Files {
 public:
  std::map<std::string, std::string, std::less<>> files;
  std::string text(std::string_view name) override { return files.find(name)->second; }
  bool exists(std::string_view name) override { return files.find(name) != files.end(); }
};

TEST(Gunzip, UnpacksMembersThatFollowEachOther) {
  EXPECT_EQ(gunzip(gzip("one\n") + gzip("two\n"), "a.gz"), "one\ntwo\n");
  EXPECT_FALSE(is_gzip("plain"));
}

TEST(Gunzip, RefusesDamagedAndCutData) {
  std::string whole = gzip(std::string(100000, 'x') + "end");
  EXPECT_THROW(gunzip(whole.substr(0, whole.size() / 2), "a.gz"), InputError);
  whole[12] = static_cast<char>(whole[12] ^ 0x5a);
  EXPECT_THROW(gunzip(whole, "a.gz"), InputError);
}

constexpr std::string_view row =
    R"({"id":"r","source":{"name":"A paper","release":"v1"},"model":{"name":"m","layers":2,"moe":null,"moe_layers":0,"gated":false,"seq":128},)"
    R"("hw":{"gpu":"A100-80GB-SXM","n_gpus":8},"precision":"bf16","parallel":{"tp":2,"vpp":null,"sp":true,"recompute":"none"},)"
    R"("result":{"iter_s":1.5,"mem_gb":null},"split":"calibrate","family":"papers","quality":"A"})";

TEST(Runs, RowsOfJsonLinesAreReadPlainAndPacked) {
  Texts texts;
  texts.files["a.jsonl"] = std::string(row) + "\n\n" + std::string(row);
  texts.files["b.jsonl.gz"] = gzip(std::string(row) + "\n");
  const std::vector<std::string> names = {"a.jsonl", "b.jsonl.gz"};
  const std::vector<MeasuredRun> runs = read_runs(texts, names);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0], runs[2]);
  EXPECT_EQ(runs[0].id, "r");
  EXPECT_EQ(runs[0].source, "A paper");
  EXPECT_EQ(runs[0].release, "v1");
  EXPECT_EQ(runs[0].model.layers, 2);
  EXPECT_EQ(runs[0].model.heads, std::nullopt);
  EXPECT_EQ(runs[0].model.beyond, "");
  EXPECT_EQ(runs[0].hardware.gpus, 8);
  EXPECT_EQ(runs[0].parallel.sequence_parallel, true);
  EXPECT_EQ(runs[0].parallel.virtual_stages, std::nullopt);
  EXPECT_EQ(runs[0].measured_s, 1.5);
  EXPECT_EQ(runs[0].measured_mem_gib, 0);
  EXPECT_TRUE(may_fit(runs[0]));
}

TEST(Runs, OddLinesBecomeOddRuns) {
  const std::vector<MeasuredRun> runs = read_runs(
      "{\"id\":\"a\",\"parallel\":{\"tp\":\"eight\"}}\nnot json\n[1,2]\n{\"parallel\":7}\n"
      "{\"model\":{\"layers\":-3}}\n{\"result\":{\"iter_s\":1e400}}\n",
      "rows.jsonl");
  ASSERT_EQ(runs.size(), 6u);
  EXPECT_EQ(runs[0].odd, "/parallel/tp: expected a count, found \"eight\"");
  EXPECT_EQ(runs[1].id, "rows.jsonl:2");
  EXPECT_NE(runs[1].odd, "");
  EXPECT_EQ(runs[2].odd, ": expected an object, found an array of 2 items");
  EXPECT_EQ(runs[3].odd, "/parallel: expected an object, found 7");
  EXPECT_EQ(runs[4].odd, "/model/layers: expected a count, found -3");
  EXPECT_NE(runs[5].odd, "");
}

TEST(Runs, PartsBeyondADenseDecoderAreNamed) {
  EXPECT_EQ(read_runs(R"({"model":{"moe":{"experts":8}}})", "f")[0].model.beyond, "mixture of experts");
  EXPECT_EQ(read_runs(R"({"model":{"lora":{"rank":16}}})", "f")[0].model.beyond, "LoRA");
  EXPECT_EQ(read_runs(R"({"model":{"window":128}})", "f")[0].model.beyond, "windowed attention");
  EXPECT_EQ(read_runs(R"({"parallel":{"peft":null}})", "f")[0].model.beyond,
            "fine-tuning on packed sequences");
}

constexpr std::string_view document = R"({
  "schema": "orrery.runs/1",
  "source": {"name": "A paper", "url": "https://example.org"},
  "family": "papers",
  "defaults": {"precision": "bf16", "model": {"hidden": 64, "heads": 4}, "result": {"mem_gb": 7}},
  "runs": [
    {"id": "one", "model": {"heads": 8}, "source": {"ref": "Table 1"}, "result": {"iter_s": 2}},
    {"id": "two", "precision": "fp16"}
  ]
})";

TEST(Runs, RunsOfADocumentAreMergedOverItsDefaults) {
  const std::vector<MeasuredRun> runs = read_runs(document, "a.json");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].model.hidden, 64);
  EXPECT_EQ(runs[0].model.heads, 8);
  EXPECT_EQ(runs[1].model.heads, 4);
  EXPECT_EQ(runs[0].source, "A paper");
  EXPECT_EQ(runs[0].url, "https://example.org");
  EXPECT_EQ(runs[0].ref, "Table 1");
  EXPECT_EQ(runs[0].measured_mem_gib, 7);
  EXPECT_EQ(runs[0].measured_s, 2);
  EXPECT_EQ(runs[0].precision, "bf16");
  EXPECT_EQ(runs[1].precision, "fp16");
}

TEST(Runs, SlipsInADocumentAreErrors) {
  std::string slip(document);
  slip.replace(slip.find("\"heads\": 8"), 10, "\"haeds\": 8");
  try {
    read_runs(slip, "a.json");
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("a.json:7: /runs/0/model/haeds"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace orrery
