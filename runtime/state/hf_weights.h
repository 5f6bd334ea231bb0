// Weights of Hugging Face models: read as canonical tensors, and written from any source of them.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/state/hf_names.h"
#include "runtime/state/layout.h"
#include "runtime/state/safetensors.h"
#include "sim/base/json.h"
#include "sim/model/ops.h"

namespace orrery {

// Immutable. A tensor that is missing, has another shape, or has no place in the model ends in fail().
class HfWeights : public WeightSource {
 public:
  // `path`: a .safetensors file, a .safetensors.index.json, or a directory that holds model.safetensors of
  // either kind.
  HfWeights(const std::string& path, const Model&);
  void read(const Slice&, std::span<float> to) const override;

 private:
  struct Located {
    const Safetensors* file = nullptr;
    const SafeTensor* tensor = nullptr;
  };
  struct Part {
    HfPart part;
    Located in;
  };
  void open(const std::string& path);
  void open_index(const std::string& path);
  Part locate(const HfPart&, const CanonicalTensor&, const std::string& path);
  std::vector<std::unique_ptr<Safetensors>> files_;
  std::map<std::string, Located, std::less<>> found_;              // by name; without the prefix
  std::map<std::string, std::vector<Part>, std::less<>> tensors_;  // by canonical name
};

// Writes config.json and model.safetensors into `directory`; `dtype`: fp32 or bf16.
void write_hf(Disk&, const std::string& directory, const Model&, const WeightSource&, DType dtype);
// `where`: of the model, for the message if neither family can hold it.
Json hf_config(const Model&, DType dtype, const Where& where);

}  // namespace orrery
