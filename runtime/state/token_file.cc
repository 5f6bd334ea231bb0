#include "runtime/state/token_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/state/hash64.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::string_view magic("MMIDIDX\0\0", 9);

// Bounded little-endian reads from an index; every failure names the byte.
class Cursor {
 public:
  Cursor(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  template <class T>
  T take(std::string_view what) {
    T value;
    std::memcpy(&value, take_all(1, sizeof value, what), sizeof value);
    return value;
  }
  // `count` elements of `size` bytes.
  const char* take_all(std::uint64_t count, std::uint64_t size, std::string_view what) {
    if (count > left() / size)
      bad(at_, std::to_string(count) + " x " + std::to_string(size) + " bytes of " + std::string(what),
          std::to_string(left()) + " bytes");
    const char* from = bytes_.data() + at_;
    at_ += count * size;
    return from;
  }
  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }
  [[noreturn]] void bad(std::uint64_t at, std::string_view expected, std::string_view found) const {
    fail({file_, "byte " + std::to_string(at)}, expected, found);
  }

 private:
  std::string_view bytes_;
  const std::string& file_;
  std::uint64_t at_ = 0;
};

template <class T>
T load(const void* from, std::size_t i = 0) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(from) + i * sizeof value, sizeof value);
  return value;
}

// A token that isn't a whole number reads as -1, which no vocabulary has.
template <class T>
std::int64_t token_at(const std::byte* at) {
  const T value = load<T>(at);
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T most = 1LL << 40;
    return value >= 0 && value < most && std::floor(value) == value ? static_cast<std::int64_t>(value) : -1;
  } else {
    return static_cast<std::int64_t>(value);
  }
}

using Load = std::int64_t (*)(const std::byte*);
Load loader(TokenType type) {
  switch (type) {
    case TokenType::uint8:
      return token_at<std::uint8_t>;
    case TokenType::int8:
      return token_at<std::int8_t>;
    case TokenType::int16:
      return token_at<std::int16_t>;
    case TokenType::int32:
      return token_at<std::int32_t>;
    case TokenType::int64:
      return token_at<std::int64_t>;
    case TokenType::float64:
      return token_at<double>;
    case TokenType::float32:
      return token_at<float>;
    case TokenType::uint16:
      return token_at<std::uint16_t>;
  }
  ORRERY_CHECK(false);
  return nullptr;
}

std::string without_suffix(const std::string& path) {
  if (path.ends_with(".idx") || path.ends_with(".bin")) return path.substr(0, path.size() - 4);
  return path;
}

}  // namespace

std::int64_t size_of(TokenType type) {
  constexpr std::int64_t sizes[] = {1, 1, 2, 4, 8, 8, 4, 2};
  return sizes[static_cast<std::size_t>(type) - 1];
}

TokenIndex parse_token_index(std::string_view bytes, const std::string& file, std::int64_t token_bytes) {
  Cursor index(bytes, file);
  if (!bytes.starts_with(magic)) index.bad(0, "\"MMIDIDX\", the start of an index of tokens", "other bytes");
  index.take_all(1, magic.size(), "magic");
  if (const auto version = index.take<std::uint64_t>("version"); version != 1)
    index.bad(9, "version 1", std::to_string(version));
  const auto code = index.take<std::uint8_t>("element type");
  if (code < 1 || code > 8) index.bad(17, "an element type from 1 to 8", std::to_string(code));
  TokenIndex out{static_cast<TokenType>(code), {0}, {}, 0};
  const auto sequences = index.take<std::uint64_t>("sequences"),
             entries = index.take<std::uint64_t>("documents");
  const std::uint64_t at_sizes = index.at();
  const char* sizes = index.take_all(sequences, 4, "sequence lengths");
  const std::uint64_t at_offsets = index.at();
  const char* offsets = index.take_all(sequences, 8, "sequence offsets");
  const std::uint64_t at_documents = index.at();
  const char* documents = index.take_all(entries, 8, "document index");
  if (index.left() != 0 && index.left() != sequences)
    index.bad(index.at(), "the end of the index, or a mode a sequence",
              std::to_string(index.left()) + " bytes");

  for (std::size_t s = 0; s < sequences; ++s) {
    const auto size = load<std::int32_t>(sizes, s);
    const auto offset = load<std::int64_t>(offsets, s);
    if (size < 0) index.bad(at_sizes + 4 * s, "a sequence length of at least 0", std::to_string(size));
    if (offset < 0 || offset > token_bytes || size > (token_bytes - offset) / size_of(out.type))
      index.bad(at_offsets + 8 * s,
                "an offset of " + std::to_string(size) + " tokens within the .bin's " +
                    std::to_string(token_bytes) + " bytes",
                std::to_string(offset));
    out.offsets.push_back(offset);
    out.first_token.push_back(out.first_token.back() + size);
  }
  std::int64_t last = 0;
  for (std::size_t d = 0; d < entries; ++d) {
    const auto first = load<std::int64_t>(documents, d);
    if (first < last || first > static_cast<std::int64_t>(sequences) || (d == 0 && first != 0))
      index.bad(at_documents + 8 * d, "the first sequence of a document, from 0 up", std::to_string(first));
    last = first;
  }
  if (entries > 0) out.documents = static_cast<std::int64_t>(entries) - 1;
  return out;
}

TokenFile::TokenFile(const std::string& path) {
  const std::string name = without_suffix(path);
  indexed_ = file_size(name + ".idx") >= 0;
  tokens_ = MappedFile(indexed_ ? name + ".bin" : path);
  const ByteSpan all = tokens_.bytes();
  if (indexed_) {
    const MappedFile index(name + ".idx");
    index_ = parse_token_index(index.text(), index.path(), std::ssize(all));
  } else {
    index_ = {TokenType::uint8, {0, std::ssize(all) + 1}, {0}, 1};
  }
  constexpr std::size_t end = 1 << 20;
  const std::size_t n = std::min(all.size(), end);
  digest_ = hash64(all.last(n), hash64(all.first(n), all.size()));
}

void TokenFile::read(std::int64_t begin, std::span<std::int64_t> tokens, std::int64_t vocab) const {
  ORRERY_CHECK(begin >= 0 && static_cast<std::int64_t>(tokens.size()) <= size() - begin);
  auto sequence =
      static_cast<std::size_t>(std::upper_bound(index_.first_token.begin(), index_.first_token.end(), begin) -
                               index_.first_token.begin() - 1);
  for (; !tokens.empty(); ++sequence) {
    const std::int64_t left = index_.first_token[sequence + 1] - begin;
    const auto n = static_cast<std::size_t>(std::min<std::int64_t>(left, std::ssize(tokens)));
    read_sequence(sequence, begin - index_.first_token[sequence], tokens.first(n), vocab);
    tokens = tokens.subspan(n);
    begin += static_cast<std::int64_t>(n);
  }
}

void TokenFile::read_sequence(std::size_t sequence, std::int64_t first, std::span<std::int64_t> tokens,
                              std::int64_t vocab) const {
  const Load load_token = loader(index_.type);
  const std::int64_t width = size_of(index_.type), bytes = static_cast<std::int64_t>(tokens_.bytes().size());
  std::int64_t at = index_.offsets[sequence] + first * width;
  for (std::int64_t& token : tokens) {
    token = !indexed_ && at == bytes ? end_of_text : load_token(tokens_.bytes().data() + at);
    if (token < 0 || token >= vocab)
      fail({tokens_.path(), "byte " + std::to_string(at)}, "a token from 0 to " + std::to_string(vocab - 1),
           std::to_string(token));
    at += width;
  }
}

IndexedWriter::IndexedWriter(Disk& disk, std::string name, TokenType type)
    : disk_(disk), name_(std::move(name)), type_(type), tokens_(disk, name_ + ".bin") {
  ORRERY_CHECK(type != TokenType::float32 && type != TokenType::float64);
}

void IndexedWriter::add_token(std::int64_t token) {
  constexpr std::int32_t most = 1 << 30;
  const ByteSpan bytes = std::as_bytes(std::span(&token, 1));
  ORRERY_CHECK(loader(type_)(bytes.data()) == token);
  if (sizes_.back() == most) sizes_.push_back(0);
  tokens_.append(bytes.first(static_cast<std::size_t>(size_of(type_))));
  ++sizes_.back();
}

void IndexedWriter::end_document() {
  documents_.push_back(std::ssize(sizes_));
  sizes_.push_back(0);
}

void IndexedWriter::add_document(std::span<const std::int64_t> tokens) {
  for (const std::int64_t token : tokens) add_token(token);
  end_document();
}

void IndexedWriter::add_text(std::string_view text) {
  for (const char c : text) add_token(static_cast<unsigned char>(c));
  add_token(end_of_text);
  end_document();
}

void IndexedWriter::commit() {
  FileWriter index(disk_, name_ + ".idx");
  const auto put = [&](const auto value) { index.append(std::as_bytes(std::span(&value, 1))); };
  const std::span sizes(sizes_.data(), sizes_.size() - 1);
  index.append(magic);
  put(std::uint64_t{1});
  put(static_cast<std::uint8_t>(type_));
  put(std::uint64_t{sizes.size()});
  put(std::uint64_t{documents_.size()});
  for (const std::int32_t size : sizes) put(size);
  std::int64_t offset = 0;
  for (const std::int32_t size : sizes) {
    put(offset);
    offset += size * size_of(type_);
  }
  for (const std::int64_t first : documents_) put(first);
  tokens_.commit();
  index.commit();
}

}  // namespace orrery
