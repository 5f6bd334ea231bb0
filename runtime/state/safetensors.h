// The safetensors format (huggingface/safetensors, README "Format"): u64 N little-endian, N bytes of JSON,
// data. The JSON maps names to {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, offsets
// counted from the start of the data, and "__metadata__" to an object of strings. Tensors fill the data
// without a gap or an overlap.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/state/disk.h"
#include "sim/model/ops.h"

namespace orrery {

struct SafeTensor {
  std::string name, dtype;  // "F32"; files of others hold types that we carry, but don't convert
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // of the data, bytes
  std::int64_t elements() const;
};

struct SafetensorsHeader {
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<SafeTensor> tensors;  // by begin
  std::uint64_t data = 0;           // where the data starts in the file
};
// Of a file's bytes; ends in fail() if anything contradicts the format or the file's size.
SafetensorsHeader parse_safetensors(std::string_view bytes, const std::string& file);

std::string_view safetensors_name(DType);  // of fp32, bf16, fp16, int64 and uint8

// A file, mapped. Immutable.
class Safetensors {
 public:
  explicit Safetensors(const std::string& path);
  const std::string& path() const { return file_.path(); }
  std::int64_t size() const { return std::ssize(file_.bytes()); }
  const SafetensorsHeader& header() const { return header_; }
  std::uint64_t header_digest() const;                  // XXH64 of the file up to its data
  const SafeTensor* find(std::string_view name) const;  // nullptr: none
  ByteSpan bytes(const SafeTensor&) const;
  // Elements [first, first + to.size()) of F32, F16, BF16 or F64 as fp32; other types end in fail().
  void read(const SafeTensor&, std::int64_t first, std::span<float> to) const;

 private:
  MappedFile file_;
  SafetensorsHeader header_;
  std::vector<std::size_t> by_name_;  // tensors in order of their names
};

// A tensor to be written. Its elements are asked for in order, piece by piece, so that no copy of a model is
// needed to write one.
struct NewTensor {
  std::string name;
  DType dtype = DType::fp32;
  std::vector<std::int64_t> shape;
  std::function<void(const std::function<void(ByteSpan)>& append)> write;
};
// Through FileWriter: whole or not at all. The data starts at a multiple of 64 bytes.
void write_safetensors(Disk&, const std::string& path, std::span<const NewTensor>,
                       std::span<const std::pair<std::string, std::string>> metadata);

}  // namespace orrery
