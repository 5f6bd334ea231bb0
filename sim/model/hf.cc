// Which families of config.json there are, and what all of them share.
#include <algorithm>
#include <array>

#include "sim/base/error.h"
#include "sim/model/hf_config.h"
#include "sim/model/read.h"

namespace orrery {
namespace {

struct Family {
  std::string_view type;
  void (*read)(const HfConfig&, Model&);
};

constexpr std::array<Family, 19> families{{{"bert", read_bert},
                                           {"bloom", read_bloom},
                                           {"deepseek_v2", read_deepseek},
                                           {"deepseek_v3", read_deepseek},
                                           {"gpt2", read_gpt2},
                                           {"gpt_neox", read_gpt_neox},
                                           {"llama", read_llama},
                                           {"mistral", read_llama},
                                           {"mixtral", read_mixtral},
                                           {"mpt", read_mpt},
                                           {"mt5", read_t5},
                                           {"nemotron", read_nemotron},
                                           {"qwen2", read_qwen2},
                                           {"qwen2_moe", read_qwen2_moe},
                                           {"qwen3", read_qwen3},
                                           {"qwen3_moe", read_qwen3_moe},
                                           {"swin", read_swin},
                                           {"t5", read_t5},
                                           {"vit", read_vit}}};

std::string base_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

// What the file calls the model, else the file's name, else (config.json) its folder's.
std::string model_name(const Reader& r, std::string_view type) {
  if (r.given("_name_or_path") && !r.string("_name_or_path").empty())
    return base_name(r.string("_name_or_path"));
  std::string path = r.where().file;
  const auto strip = [&path](std::string_view suffix) {
    const bool ends =
        path.size() > suffix.size() && std::string_view(path).substr(path.size() - suffix.size()) == suffix;
    if (ends) path.resize(path.size() - suffix.size());
    return ends;
  };
  if (!strip("/config.json") && !strip(".json")) return std::string(type);
  return base_name(path);
}

const Family& family_of(const Reader& r) {
  const std::vector<std::string_view> types = hf_families();
  return families[r.word("model_type", types)];
}

}  // namespace

std::vector<std::string_view> hf_families() {
  std::vector<std::string_view> types;
  for (const Family& f : families) types.push_back(f.type);
  return types;
}

Model read_hf(const Reader& r) {
  Model m;
  const auto nested = r.object_if("text_config");
  const Reader& text = nested ? *nested : r;
  const Family& family = family_of(text);
  m.family = family.type;
  m.name = model_name(r, family.type);
  if (nested) {
    if (r.has("tie_word_embeddings") && !text.has("tie_word_embeddings"))
      m.tied = r.boolean("tie_word_embeddings");
    for (const std::string_view part : {"vision_config", "audio_config"})
      if (r.given(part)) m.unpriced.push_back("models of text with a \"" + std::string(part) + "\"");
  }
  const HfConfig config(text);
  config.known({"model_type"});
  family.read(config, m);
  config.refuse_unread_shapes();
  finish(m, r);
  return m;
}

bool HfConfig::given(std::string_view key) const {
  asked_.emplace_back(key);
  return reader_.given(key);
}

std::string_view HfConfig::pick(Names names) const {
  std::string_view found;
  for (const std::string_view name : names)
    if (given(name) && found.empty()) found = name;
  return found;
}

int HfConfig::integer(Names names, std::int64_t low, std::int64_t high) const {
  const std::string_view key = pick(names);
  return static_cast<int>(reader_.integer(key.empty() ? *names.begin() : key, low, high));
}

int HfConfig::integer_or(Names names, std::int64_t otherwise, std::int64_t low, std::int64_t high) const {
  const std::string_view key = pick(names);
  return static_cast<int>(key.empty() ? otherwise : reader_.integer(key, low, high));
}

bool HfConfig::flag(std::string_view key, bool otherwise) const {
  return given(key) ? reader_.boolean(key) : otherwise;
}

double HfConfig::number(Names names, double low, double high) const {
  const std::string_view key = pick(names);
  return reader_.number(key.empty() ? *names.begin() : key, low, high);
}

double HfConfig::number_or(Names names, double otherwise, double low, double high) const {
  const std::string_view key = pick(names);
  return key.empty() ? otherwise : reader_.number(key, low, high);
}

std::string HfConfig::text(Names names) const {
  const std::string_view key = pick(names);
  return reader_.string(key.empty() ? *names.begin() : key);
}

Activation HfConfig::activation(Names names, Activation otherwise, Model& m) const {
  using enum Activation;
  constexpr std::array<std::string_view, 11> words{
      "gelu",  "gelu_python",  "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "quick_gelu", "relu",
      "relu2", "squared_relu", "silu",     "swish"};
  constexpr std::array<Activation, 11> meanings{gelu, gelu,         gelu_tanh,    gelu_tanh, gelu_tanh, gelu,
                                                relu, squared_relu, squared_relu, silu,      silu};
  const std::string_view key = pick(names);
  if (key.empty()) return otherwise;
  const std::size_t i = reader_.word(key, words);
  if (words[i] == "quick_gelu") m.unexecuted.emplace_back("the activation \"quick_gelu\"");
  return meanings[i];
}

void HfConfig::known(Names names) const {
  for (const std::string_view name : names) asked_.emplace_back(name);
}

void HfConfig::refuse_unread_shapes() const {
  constexpr std::array<std::string_view, 9> shapes{"_size",    "_dim",   "_rank", "_heads", "_layers",
                                                   "_experts", "_ratio", "_ffn",  "_width"};
  // Settings of text generation, of poolers and of other tools that only sound like shapes.
  constexpr std::array<std::string_view, 9> harmless{"no_repeat_ngram_size",
                                                     "encoder_no_repeat_ngram_size",
                                                     "ep_size",
                                                     "num_nextn_predict_layers",
                                                     "pooler_fc_size",
                                                     "pooler_num_attention_heads",
                                                     "pooler_num_fc_layers",
                                                     "batch_size",
                                                     "chunk_size"};
  for (const Json::Member& m : reader_.value().members()) {
    const std::string_view key = m.first;
    const bool sounds = std::any_of(shapes.begin(), shapes.end(), [key](std::string_view s) {
      return key.size() > s.size() && key.substr(key.size() - s.size()) == s;
    });
    const bool number = m.second.is(Json::Kind::integer) || m.second.is(Json::Kind::array);
    if (!sounds || !number || std::find(harmless.begin(), harmless.end(), key) != harmless.end()) continue;
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    reader_.fail_at(key,
                    "no member that may change shapes and that is not understood (remove it if it does not)");
  }
}

}  // namespace orrery
