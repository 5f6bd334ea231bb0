// A file of tokens, memory-mapped. Two formats:
//
// Megatron's indexed dataset: NAME.bin, the tokens of all sequences, and NAME.idx, little-endian:
//   9 bytes "MMIDIDX\0\0"; u64 version = 1; u8 element type (TokenType);
//   u64 sequences S; u64 entries of the document index D;
//   i32[S] tokens of each sequence; i64[S] byte offset of each in the .bin;
//   i64[D] the first sequence of each document, and at the end S;
//   of multimodal data also i8[S] modes, which are not read.
//
// Any other file: a document of bytes, each a token, and an end-of-text token after the last.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/state/disk.h"

namespace orrery {

// Megatron's codes: written to disk, never renumber.
enum class TokenType : std::uint8_t { uint8 = 1, int8, int16, int32, int64, float64, float32, uint16 };
std::int64_t size_of(TokenType);

struct TokenIndex {
  TokenType type = TokenType::uint8;
  std::vector<std::int64_t> first_token{
      0};                             // of each sequence in the concatenation of all, and the size of that
  std::vector<std::int64_t> offsets;  // of each sequence in the .bin, bytes
  std::int64_t documents = 0;
};
// Of the bytes of `file`, an .idx whose .bin has `token_bytes`. Ends in fail() with the byte of what is
// wrong.
TokenIndex parse_token_index(std::string_view bytes, const std::string& file, std::int64_t token_bytes);

// The byte-level tokenizer.
inline constexpr std::int64_t end_of_text = 256, byte_vocab = 257;

// Immutable. Malformed files end in fail() with the byte offset of what is wrong.
class TokenFile {
 public:
  // `path`: NAME.idx, NAME.bin or NAME where there is a NAME.idx; else the file itself, as bytes.
  explicit TokenFile(const std::string& path);

  const std::string& path() const { return tokens_.path(); }
  bool indexed() const { return indexed_; }
  std::int64_t size() const {
    return index_.first_token.back();
  }  // tokens of all sequences, one after the other
  std::int64_t documents() const { return index_.documents; }
  // Tokens [begin, begin + tokens.size()); one that is not in 0 ... vocab-1 ends in fail().
  void read(std::int64_t begin, std::span<std::int64_t> tokens, std::int64_t vocab) const;
  // Of the sizes and of both ends of the tokens: tells one dataset from another.
  std::uint64_t digest() const { return digest_; }

 private:
  void read_sequence(std::size_t sequence, std::int64_t first, std::span<std::int64_t> tokens,
                     std::int64_t vocab) const;
  MappedFile tokens_;
  bool indexed_ = false;
  TokenIndex index_;
  std::uint64_t digest_ = 0;
};

// Writes NAME.bin and NAME.idx; both appear whole, by commit().
class IndexedWriter {
 public:
  // `type`: of whole numbers; tokens must fit it.
  IndexedWriter(Disk& disk, std::string name, TokenType type);
  void add_document(std::span<const std::int64_t> tokens);
  void add_text(std::string_view text);  // a document by the byte-level tokenizer, with the end-of-text token
  void commit();

 private:
  void add_token(std::int64_t token);
  void end_document();
  Disk& disk_;
  std::string name_;
  TokenType type_;
  FileWriter tokens_;
  std::vector<std::int32_t> sizes_{0};      // of each sequence; the last is being written
  std::vector<std::int64_t> documents_{0};  // first sequences
};

}  // namespace orrery
