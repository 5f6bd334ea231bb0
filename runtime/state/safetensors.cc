#include "runtime/state/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <tuple>
#include <type_traits>

#include "runtime/state/hash64.h"
#include "sim/base/half.h"
#include "sim/base/json.h"
#include "sim/base/reader.h"

namespace orrery {
namespace {

constexpr std::uint64_t most_header = 100'000'000;  // as the reference implementation has it
constexpr std::array<std::string_view, 17> type_names{"BOOL", "U8",  "I8",  "F8_E4M3", "F8_E5M2", "F8_E8M0",
                                                      "I16",  "U16", "F16", "BF16",    "I32",     "U32",
                                                      "F32",  "I64", "U64", "F64",     "C64"};
constexpr std::uint64_t type_size(std::size_t i) { return i < 6 ? 1 : i < 10 ? 2 : i < 13 ? 4 : 8; }

std::uint64_t width(std::string_view dtype) {
  return type_size(
      static_cast<std::size_t>(std::find(type_names.begin(), type_names.end(), dtype) - type_names.begin()));
}

std::vector<std::pair<std::string, std::string>> read_metadata(const Reader& r) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& key : r.keys()) out.emplace_back(key, r.string(key));
  return out;
}

SafeTensor read_tensor(const Reader& r, std::string name) {
  SafeTensor t{std::move(name), std::string(type_names[r.word("dtype", type_names)]), {}, 0, 0};
  std::uint64_t bytes = width(t.dtype);
  for (const Reader& extent : r.array("shape")) {
    t.shape.push_back(extent.as_integer(0, INT64_MAX));
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(t.shape.back()), &bytes) ||
        bytes > INT64_MAX)
      r.fail_at("shape", "a tensor of fewer than 2^63 bytes");
  }
  const std::vector<Reader> offsets = r.array("data_offsets");
  if (offsets.size() != 2) r.fail_at("data_offsets", "two offsets");
  t.begin = static_cast<std::uint64_t>(offsets[0].as_integer(0, INT64_MAX));
  t.end = static_cast<std::uint64_t>(offsets[1].as_integer(0, INT64_MAX));
  if (t.end < t.begin || t.end - t.begin != bytes)
    r.fail_at("data_offsets", "offsets " + std::to_string(bytes) + " bytes apart, as dtype and shape say");
  r.done();
  return t;
}

template <class T>
void convert(const std::byte* from, std::span<float> to) {
  for (float& value : to) {
    T element;
    std::memcpy(&element, from, sizeof element);
    if constexpr (std::is_arithmetic_v<T>)
      value = static_cast<float>(element);
    else
      value = to_float(element);
    from += sizeof element;
  }
}

}  // namespace

std::int64_t SafeTensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

SafetensorsHeader parse_safetensors(std::string_view bytes, const std::string& file) {
  std::uint64_t size = 0;
  if (bytes.size() < sizeof size)
    fail({file, "byte 0"}, "the 8 bytes of a header's size", std::to_string(bytes.size()));
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size > std::min<std::uint64_t>(most_header, bytes.size() - sizeof size))
    fail({file, "byte 0"},
         "the size of a header of at most 100 MB that lies within the file's " +
             std::to_string(bytes.size()) + " bytes",
         std::to_string(size));
  SafetensorsHeader out;
  out.data = sizeof size + size;
  const Json document = parse_json(bytes.substr(sizeof size, size), file);
  const Reader header(document, file);
  for (std::string& name : header.keys()) {
    if (name == "__metadata__")
      out.metadata = read_metadata(header.object(name));
    else
      out.tensors.push_back(read_tensor(header.object(name), name));
  }
  std::sort(out.tensors.begin(), out.tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t at = 0;
  for (const SafeTensor& t : out.tensors) {
    if (t.begin != at)
      header.fail_at(t.name, "data from byte " + std::to_string(at) + " on, without a gap or an overlap");
    at = t.end;
  }
  if (at != bytes.size() - out.data)
    fail({file, "byte " + std::to_string(out.data)},
         std::to_string(at) + " bytes of data, as the header says", std::to_string(bytes.size() - out.data));
  return out;
}

std::string_view safetensors_name(DType type) {
  switch (type) {
    case DType::fp32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::fp16:
      return "F16";
    case DType::int64:
      return "I64";
    case DType::uint8:
      return "U8";
    case DType::fp8:
      break;
  }
  ORRERY_CHECK(false);
  return {};
}

Safetensors::Safetensors(const std::string& path)
    : file_(path), header_(parse_safetensors(file_.text(), path)) {
  by_name_.resize(header_.tensors.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::ranges::sort(by_name_, {},
                    [this](std::size_t i) -> const std::string& { return header_.tensors[i].name; });
}

const SafeTensor* Safetensors::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(
      by_name_, name, {}, [this](std::size_t i) -> std::string_view { return header_.tensors[i].name; });
  return at != by_name_.end() && header_.tensors[*at].name == name ? &header_.tensors[*at] : nullptr;
}

std::uint64_t Safetensors::header_digest() const { return hash64(file_.bytes().first(header_.data)); }

ByteSpan Safetensors::bytes(const SafeTensor& t) const {
  return file_.bytes().subspan(header_.data + t.begin, t.end - t.begin);
}

void Safetensors::read(const SafeTensor& t, std::int64_t first, std::span<float> to) const {
  ORRERY_CHECK(first >= 0 && std::ssize(to) <= t.elements() - first);
  const std::byte* from = bytes(t).data() + static_cast<std::uint64_t>(first) * width(t.dtype);
  if (t.dtype == "F32")
    convert<float>(from, to);
  else if (t.dtype == "BF16")
    convert<Bf16>(from, to);
  else if (t.dtype == "F16")
    convert<Fp16>(from, to);
  else if (t.dtype == "F64")
    convert<double>(from, to);
  else
    fail({path(), "/" + pointer_part(t.name) + "/dtype"}, "F32, F16, BF16 or F64", t.dtype);
}

void write_safetensors(Disk& disk, const std::string& path, std::span<const NewTensor> tensors,
                       std::span<const std::pair<std::string, std::string>> metadata) {
  Json header = Json::object();
  if (!metadata.empty()) {
    Json strings = Json::object();
    for (const auto& [key, value] : metadata) strings.set(key, value);
    header.set("__metadata__", std::move(strings));
  }
  std::int64_t at = 0;
  for (const NewTensor& t : tensors) {
    Json shape = Json::array();
    for (const std::int64_t extent : t.shape) shape.push(extent);
    const std::int64_t begin = at;
    at += std::accumulate(t.shape.begin(), t.shape.end(), size_of(t.dtype), std::multiplies<>());
    header.set(t.name, Json::object({{"dtype", safetensors_name(t.dtype)},
                                     {"shape", std::move(shape)},
                                     {"data_offsets", Json::array({begin, at})}}));
  }
  std::string text = header.dump(false);
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  const std::uint64_t size = text.size();
  FileWriter file(disk, path);
  file.append(std::as_bytes(std::span(&size, 1)));
  file.append(text);
  std::int64_t written = 0;
  for (const NewTensor& t : tensors)
    t.write([&](ByteSpan bytes) {
      written += std::ssize(bytes);
      file.append(bytes);
    });
  ORRERY_CHECK(written == at);
  file.commit();
}

}  // namespace orrery
