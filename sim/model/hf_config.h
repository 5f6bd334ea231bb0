// A Hugging Face config.json as its families read it: members go by several names, null means absent, and a
// member that sounds like a shape must have been read by somebody.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/reader.h"
#include "sim/model/model.h"
#include "sim/model/read_internal.h"

namespace orrery {

class HfConfig {
 public:
  using Names = std::initializer_list<std::string_view>;   // the first that is given counts; messages name the first

  explicit HfConfig(const Reader& reader) : reader_(reader) {}
  const Reader& reader() const { return reader_; }

  bool given(std::string_view key) const;
  int integer(Names, std::int64_t low, std::int64_t high) const;
  int integer_or(Names, std::int64_t otherwise, std::int64_t low, std::int64_t high) const;
  bool flag(std::string_view key, bool otherwise) const;
  double number(Names, double low, double high) const;
  double number_or(Names, double otherwise, double low, double high) const;
  std::string text(Names) const;
  Activation activation(Names, Activation otherwise, Model&) const;   // notes in the Model one that is only alike
  void known(Names) const;                                 // changes no shape, whatever it sounds like

  // Ends in fail() at a member that sounds like a shape and that nobody asked for.
  void refuse_unread_shapes() const;

 private:
  std::string_view pick(Names) const;
  const Reader& reader_;
  mutable std::vector<std::string> asked_;
};

// The families, by kind. Each fills all but name, family and what finish() sets.
void read_gpt2(const HfConfig&, Model&);
void read_gpt_neox(const HfConfig&, Model&);
void read_bloom(const HfConfig&, Model&);
void read_mpt(const HfConfig&, Model&);
void read_llama(const HfConfig&, Model&);        // and mistral
void read_qwen2(const HfConfig&, Model&);
void read_qwen3(const HfConfig&, Model&);
void read_nemotron(const HfConfig&, Model&);
void read_mixtral(const HfConfig&, Model&);
void read_qwen2_moe(const HfConfig&, Model&);
void read_qwen3_moe(const HfConfig&, Model&);
void read_deepseek(const HfConfig&, Model&);     // V2 and V3
void read_bert(const HfConfig&, Model&);
void read_t5(const HfConfig&, Model&);
void read_vit(const HfConfig&, Model&);
void read_swin(const HfConfig&, Model&);

}  // namespace orrery
