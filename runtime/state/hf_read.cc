#include <algorithm>
#include <set>

#include "runtime/state/hf_weights.h"
#include "sim/base/library.h"
#include "sim/base/reader.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out;
  for (const std::int64_t extent : shape) out += (out.empty() ? "" : " x ") + std::to_string(extent);
  return out.empty() ? "a single number" : out;
}

}  // namespace

HfWeights::HfWeights(const std::string& path, const Model& model) {
  const HfFamily family = hf_family(model, {path, {}});
  open(path);
  const std::string prefix(hf_prefix(family));
  for (const std::unique_ptr<Safetensors>& file : files_)
    for (const SafeTensor& t : file->header().tensors) {
      std::string name = t.name.starts_with(prefix) ? t.name.substr(prefix.size()) : t.name;
      if (hf_redundant(model, name)) continue;
      if (!found_.emplace(name, Located{file.get(), &t}).second)
        fail({file->path(), "/" + pointer_part(t.name)}, "a tensor that no other file holds");
    }
  std::set<std::string, std::less<>> used;
  for (const CanonicalTensor& tensor : canonical_tensors(model))
    for (const HfPart& part : hf_parts(family, model, tensor)) {
      tensors_[tensor.name].push_back(locate(part, tensor, path));
      used.insert(part.name);
    }
  for (const auto& [name, located] : found_)
    if (!used.contains(name))
      fail({located.file->path(), "/" + pointer_part(located.tensor->name)},
           "tensors of a model like " + quoted(model.name) + " with " + std::to_string(model.depth()) +
               " layers",
           "one that has no place in it");
}

void HfWeights::open(const std::string& path) {
  constexpr std::string_view index = ".index.json", single = "model.safetensors";
  if (path.ends_with(index)) return open_index(path);
  if (path.ends_with(".safetensors")) {
    files_.push_back(std::make_unique<Safetensors>(path));
    return;
  }
  const std::string inside = path + "/" + std::string(single);
  if (file_size(inside + std::string(index)) >= 0) return open_index(inside + std::string(index));
  files_.push_back(std::make_unique<Safetensors>(inside));
}

// {"metadata": {...}, "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors", ...}}
void HfWeights::open_index(const std::string& path) {
  const MappedFile text(path);
  const Json document = parse_json(text.text(), path);
  const Reader map = Reader(document, path).object("weight_map");
  std::set<std::string> names;
  for (const std::string& tensor : map.keys()) names.insert(map.string(tensor));
  for (const std::string& name : names) files_.push_back(std::make_unique<Safetensors>(beside(path, name)));
}

HfWeights::Part HfWeights::locate(const HfPart& part, const CanonicalTensor& tensor,
                                  const std::string& path) {
  const auto found = found_.find(part.name);
  if (found == found_.end()) fail({path, {}}, "a tensor " + quoted(part.name), "none");
  const std::vector<std::int64_t> expected = shape(part, tensor);
  const SafeTensor& t = *found->second.tensor;
  if (t.shape != expected)
    fail({found->second.file->path(), "/" + pointer_part(t.name) + "/shape"}, shape_text(expected),
         shape_text(t.shape));
  return {part, found->second};
}

void HfWeights::read(const Slice& slice, std::span<float> to) const {
  const auto found = tensors_.find(slice.tensor);
  ORRERY_CHECK(found != tensors_.end() && std::ssize(to) == slice.elements());
  for (const Part& p : found->second) {
    const std::int64_t first = std::max(slice.row, p.part.row);
    const std::int64_t rows = std::min(slice.row + slice.rows, p.part.row + p.part.rows) - first;
    if (rows <= 0) continue;
    const std::int64_t own = first - p.part.row, at = (first - slice.row) * slice.columns;
    if (p.part.transposed) {
      std::vector<float> column(static_cast<std::size_t>(rows));
      for (std::int64_t c = 0; c < slice.columns; ++c) {
        p.in.file->read(*p.in.tensor, (slice.column + c) * p.part.rows + own, column);
        for (std::int64_t r = 0; r < rows; ++r)
          to[static_cast<std::size_t>(at + r * slice.columns + c)] = column[static_cast<std::size_t>(r)];
      }
    } else {
      const std::int64_t width = p.in.tensor->elements() / p.part.rows;
      for (std::int64_t r = 0; r < rows; ++r)
        p.in.file->read(*p.in.tensor, (own + r) * width + slice.column,
                        to.subspan(static_cast<std::size_t>(at + r * slice.columns),
                                   static_cast<std::size_t>(slice.columns)));
    }
  }
}

}  // namespace orrery
