#include <gtest/gtest.h>

#include "runtime/state/hf_weights.h"
#include "runtime/state/initial.h"
#include "sim/base/reader.h"
#include "sim/model/read.h"
#include "tests/base/error_of.h"
#include "tests/runtime/state/directory.h"
#include "tests/runtime/state/world.h"

namespace orrery {
namespace {

// A tensor of a file made by hand: element i is base + i.
struct Made {
  std::string name;
  std::vector<std::int64_t> shape;
  float base;
};

void make(const std::string& path, const std::vector<Made>& tensors) {
  std::string header = "{", data;
  for (const Made& t : tensors) {
    std::int64_t elements = 1;
    std::string shape;
    for (const std::int64_t extent : t.shape) {
      elements *= extent;
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    }
    const std::size_t begin = data.size();
    for (std::int64_t i = 0; i < elements; ++i) {
      const float value = t.base + static_cast<float>(i);
      data.append(reinterpret_cast<const char*>(&value), 4);
    }
    header += (header.size() > 1 ? ",\"" : "\"") + t.name + R"(":{"dtype":"F32","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  const std::uint64_t size = header.size();
  put_file(path, std::string(reinterpret_cast<const char*>(&size), 8) + header + data);
}

// GPT-2 with 4 columns, 2 heads, 1 layer, 6 tokens, 3 positions, 16 inner columns.
std::vector<Made> gpt2_file(const std::string& prefix) {
  std::vector<Made> out{{"wte.weight", {6, 4}, 0},
                        {"wpe.weight", {3, 4}, 100},
                        {"h.0.ln_1.weight", {4}, 200},
                        {"h.0.ln_1.bias", {4}, 300},
                        {"h.0.attn.bias", {1, 1, 3, 3}, 0},
                        {"h.0.attn.c_attn.weight", {4, 12}, 400},
                        {"h.0.attn.c_attn.bias", {12}, 500},
                        {"h.0.attn.c_proj.weight", {4, 4}, 600},
                        {"h.0.attn.c_proj.bias", {4}, 700},
                        {"h.0.ln_2.weight", {4}, 800},
                        {"h.0.ln_2.bias", {4}, 900},
                        {"h.0.mlp.c_fc.weight", {4, 16}, 1000},
                        {"h.0.mlp.c_fc.bias", {16}, 1100},
                        {"h.0.mlp.c_proj.weight", {16, 4}, 1200},
                        {"h.0.mlp.c_proj.bias", {4}, 1300},
                        {"ln_f.weight", {4}, 1400},
                        {"ln_f.bias", {4}, 1500}};
  for (Made& t : out) t.name = prefix + t.name;
  return out;
}
Model gpt2() { return testing::gpt(1, 4, 2, 6, 3); }

// Llama with 8 columns, 4 heads of 2, 2 key heads, 12 inner columns.
std::vector<Made> llama_file() {
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", {6, 8}, 0},
          {layer + "input_layernorm.weight", {8}, 100},
          {layer + "self_attn.q_proj.weight", {8, 8}, 200},
          {layer + "self_attn.k_proj.weight", {4, 8}, 300},
          {layer + "self_attn.v_proj.weight", {4, 8}, 400},
          {layer + "self_attn.o_proj.weight", {8, 8}, 500},
          {layer + "post_attention_layernorm.weight", {8}, 600},
          {layer + "mlp.gate_proj.weight", {12, 8}, 700},
          {layer + "mlp.up_proj.weight", {12, 8}, 800},
          {layer + "mlp.down_proj.weight", {8, 12}, 900},
          {"model.norm.weight", {8}, 1000},
          {"lm_head.weight", {6, 8}, 1100}};
}
Model llama() { return testing::llama(1, 8, 4, 2, 12, 6); }

float at(const WeightSource& source, const std::string& tensor, std::int64_t row, std::int64_t column = 0) {
  float value = -1;
  source.read({tensor, row, 1, column, 1}, std::span(&value, 1));
  return value;
}

std::vector<float> all(const WeightSource& source, const Slice& slice) {
  std::vector<float> out(static_cast<std::size_t>(slice.elements()));
  source.read(slice, out);
  return out;
}

class Hf : public ::testing::Test {
 protected:
  std::string error(const std::vector<Made>& tensors, const Model& model) {
    make(directory / "model.safetensors", tensors);
    return error_of([&] { HfWeights(directory.path(), model); });
  }
  Directory directory;
  Disk disk;
};

// y = x W with W of c_attn (inputs x outputs): our row is an output.
TEST_F(Hf, Gpt2IsTransposed) {
  for (const std::string prefix : {"", "transformer."}) {
    make(directory / "g.safetensors", gpt2_file(prefix));
    const HfWeights w(directory / "g.safetensors", gpt2());
    EXPECT_EQ(at(w, "embedding.weight", 5, 3), 5 * 4 + 3);
    EXPECT_EQ(at(w, "position.weight", 2, 1), 100 + 2 * 4 + 1);
    EXPECT_EQ(at(w, "layers.0.norm1.weight", 3), 203);
    EXPECT_EQ(at(w, "layers.0.norm1.bias", 3), 303);
    EXPECT_EQ(at(w, "layers.0.attention.qkv.weight", 11, 2), 400 + 2 * 12 + 11);
    EXPECT_EQ(at(w, "layers.0.attention.qkv.bias", 11), 511);
    EXPECT_EQ(at(w, "layers.0.attention.out.weight", 1, 2), 600 + 2 * 4 + 1);
    EXPECT_EQ(at(w, "layers.0.attention.out.bias", 1), 701);
    EXPECT_EQ(at(w, "layers.0.norm2.weight", 0), 800);
    EXPECT_EQ(at(w, "layers.0.norm2.bias", 0), 900);
    EXPECT_EQ(at(w, "layers.0.mlp.up.weight", 13, 1), 1000 + 1 * 16 + 13);
    EXPECT_EQ(at(w, "layers.0.mlp.up.bias", 13), 1113);
    EXPECT_EQ(at(w, "layers.0.mlp.down.weight", 3, 15), 1200 + 15 * 4 + 3);
    EXPECT_EQ(at(w, "layers.0.mlp.down.bias", 3), 1303);
    EXPECT_EQ(at(w, "final_norm.weight", 2), 1402);
    EXPECT_EQ(at(w, "final_norm.bias", 2), 1502);
  }
}

TEST_F(Hf, LlamaIsJoined) {
  make(directory / "model.safetensors", llama_file());
  const HfWeights w(directory.path(), llama());
  EXPECT_EQ(at(w, "embedding.weight", 5, 7), 5 * 8 + 7);
  EXPECT_EQ(at(w, "layers.0.norm1.weight", 7), 107);
  EXPECT_EQ(at(w, "layers.0.attention.qkv.weight", 7, 1), 200 + 7 * 8 + 1);
  EXPECT_EQ(at(w, "layers.0.attention.qkv.weight", 8 + 3, 1), 300 + 3 * 8 + 1);
  EXPECT_EQ(at(w, "layers.0.attention.qkv.weight", 8 + 4 + 2, 6), 400 + 2 * 8 + 6);
  EXPECT_EQ(at(w, "layers.0.attention.out.weight", 1, 2), 500 + 1 * 8 + 2);
  EXPECT_EQ(at(w, "layers.0.norm2.weight", 7), 607);
  EXPECT_EQ(at(w, "layers.0.mlp.up.weight", 11, 3), 700 + 11 * 8 + 3);
  EXPECT_EQ(at(w, "layers.0.mlp.up.weight", 12 + 11, 3), 800 + 11 * 8 + 3);
  EXPECT_EQ(at(w, "layers.0.mlp.down.weight", 7, 11), 900 + 7 * 12 + 11);
  EXPECT_EQ(at(w, "final_norm.weight", 0), 1000);
  EXPECT_EQ(at(w, "head.weight", 5, 7), 1100 + 5 * 8 + 7);
}

TEST_F(Hf, SeveralFilesByTheirIndex) {
  const std::vector<Made> tensors = llama_file();
  const auto cut = tensors.begin() + 5;
  make(directory / "model-00001-of-00002.safetensors", {tensors.begin(), cut});
  make(directory / "model-00002-of-00002.safetensors", {cut, tensors.end()});
  std::string map;
  for (auto t = tensors.begin(); t != tensors.end(); ++t)
    map += (map.empty() ? "\"" : ",\"") + t->name + "\":\"model-0000" + (t < cut ? "1" : "2") +
           "-of-00002.safetensors\"";
  put_file(directory / "model.safetensors.index.json",
           R"({"metadata":{"total_size":1},"weight_map":{)" + map + "}}");
  make(directory / "one.safetensors", tensors);
  const HfWeights one(directory / "one.safetensors", llama());
  for (const std::string& path : {directory.path(), directory / "model.safetensors.index.json"}) {
    const HfWeights several(path, llama());
    for (const CanonicalTensor& t : canonical_tensors(llama()))
      EXPECT_EQ(all(several, t.whole()), all(one, t.whole())) << t.name;
  }
  std::filesystem::remove(directory / "model-00002-of-00002.safetensors");
  EXPECT_EQ(error_of([&] { HfWeights(directory.path(), llama()); }),
            directory / "model-00002-of-00002.safetensors: there is no such file");
}

// Every slice of a tensor is that part of the whole.
TEST_F(Hf, AnySlice) {
  make(directory / "g.safetensors", gpt2_file(""));
  make(directory / "l.safetensors", llama_file());
  const HfWeights gpt2_weights(directory / "g.safetensors", gpt2()),
      llama_weights(directory / "l.safetensors", llama());
  for (const auto& [w, name, rows, columns] :
       {std::tuple<const HfWeights*, std::string, std::int64_t, std::int64_t>{
            &gpt2_weights, "layers.0.attention.qkv.weight", 12, 4},
        {&llama_weights, "layers.0.attention.qkv.weight", 16, 8}})
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t end = row + 1; end <= rows; ++end)
        for (const auto& [column, width] : {std::pair<std::int64_t, std::int64_t>{0, columns}, {1, 2}}) {
          std::vector<float> expected;
          for (std::int64_t r = row; r < end; ++r)
            for (std::int64_t c = column; c < column + width; ++c) expected.push_back(at(*w, name, r, c));
          EXPECT_EQ(all(*w, {name, row, end - row, column, width}), expected);
        }
}

TEST_F(Hf, ExportReadsBack) {
  Model grouped = testing::llama(2, 16, 4, 2, 24, 40);
  Model tied = grouped, qwen2 = grouped, qwen3 = grouped;
  tied.tied = true;
  tied.rotary = {500000, 8, 1, 4, 8192};
  qwen2.kinds[0].attention.qkv_bias = true;
  qwen3.kinds[0].attention.qk_norm = true;
  for (Model model : {testing::gpt(2, 16, 4, 40, 8), grouped, tied, qwen2, qwen3}) {
    const InitialWeights source(model, 3);
    write_hf(disk, directory / "out", model, source, DType::fp32);
    const HfWeights back(directory / "out", model);
    for (const CanonicalTensor& t : canonical_tensors(model))
      EXPECT_EQ(all(back, t.whole()), all(source, t.whole())) << t.name;
    const std::string text = get_file(directory / "out/config.json");
    const Json document = parse_json(text, "config.json");
    Model read = read_model(Reader(document, "config.json"));
    read.name = model.name;
    read.family = model.family;
    read.source = model.source;
    model.kinds[0].norm_bias = read.kinds[0].norm_bias;  // means nothing to an RMS norm
    EXPECT_EQ(read, model) << text;
  }
}

TEST_F(Hf, ExportInBf16Rounds) {
  const Model model = llama();
  const InitialWeights source(model, 3);
  write_hf(disk, directory / "out", model, source, DType::bf16);
  const HfWeights back(directory / "out", model);
  for (std::int64_t c = 0; c < 8; ++c)
    EXPECT_NEAR(at(back, "embedding.weight", 0, c), at(source, "embedding.weight", 0, c), 0.08 / 256);
  EXPECT_NE(get_file(directory / "out/config.json").find("\"bfloat16\""), std::string::npos);
}

TEST_F(Hf, Refusals) {
  std::vector<Made> tensors = llama_file();
  tensors[3].shape = {8, 8};
  EXPECT_EQ(
      error(tensors, llama()),
      directory /
          "model.safetensors: /model.layers.0.self_attn.k_proj.weight/shape: expected 4 x 8, found 8 x 8");
  tensors = llama_file();
  tensors.pop_back();
  EXPECT_EQ(error(tensors, llama()), directory.path() + ": expected a tensor \"lm_head.weight\", found none");
  tensors = llama_file();
  tensors.push_back({"model.layers.1.input_layernorm.weight", {8}, 0});
  EXPECT_EQ(error(tensors, llama()),
            directory /
                "model.safetensors: /model.layers.1.input_layernorm.weight: expected tensors of a model like "
                "\"llama\" with 1 layers, found one that has no place in it");
  Model tied = llama();
  tied.tied = true;
  EXPECT_EQ(error(llama_file(), tied), "no error");
  Model other = llama();
  other.kinds[0].norm = Norm::layer;
  EXPECT_NE(error(llama_file(), other).find("a model of the shape of GPT-2"), std::string::npos);
  other.kinds[0].mlp = Moe{};
  EXPECT_NE(error(llama_file(), other).find("a model of the shape of GPT-2"), std::string::npos);
}

}  // namespace
}  // namespace orrery
