#include "runtime/state/token_file.h"

#include <gtest/gtest.h>

#include "tests/base/error_of.h"
#include "tests/runtime/state/directory.h"

namespace orrery {
namespace {

using Tokens = std::vector<std::int64_t>;

template <class T>
std::string le(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Three sequences in two documents, byte by byte as the format has it: {5, 6, 7}, {8}, {9, 10}; in the .bin
// the second sequence comes first.
std::string index_of(std::uint8_t code, std::int64_t width) {
  std::string out("MMIDIDX\0\0", 9);
  out += le<std::uint64_t>(1) + le(code) + le<std::uint64_t>(3) + le<std::uint64_t>(3);
  out += le(3) + le(1) + le(2);
  out += le(width) + le<std::int64_t>(0) + le(4 * width);
  return out + le<std::int64_t>(0) + le<std::int64_t>(2) + le<std::int64_t>(3);
}

template <class T>
std::string tokens_as() {
  std::string out;
  for (const int t : {8, 5, 6, 7, 9, 10}) out += le(static_cast<T>(t));
  return out;
}

Tokens all(const TokenFile& file, std::int64_t vocab = 1000) {
  Tokens tokens(static_cast<std::size_t>(file.size()));
  file.read(0, tokens, vocab);
  return tokens;
}

class TokenFiles : public ::testing::Test {
 protected:
  void put(const std::string& idx, const std::string& bin) {
    put_file(directory / "a.idx", idx);
    put_file(directory / "a.bin", bin);
  }
  std::string error() {
    return error_of([&] { all(TokenFile(directory / "a")); });
  }
  Directory directory;
  Disk disk;
};

TEST_F(TokenFiles, EveryElementType) {
  const std::string bins[] = {tokens_as<std::uint8_t>(), tokens_as<std::int8_t>(),  tokens_as<std::int16_t>(),
                              tokens_as<std::int32_t>(), tokens_as<std::int64_t>(), tokens_as<double>(),
                              tokens_as<float>(),        tokens_as<std::uint16_t>()};
  for (std::uint8_t code = 1; code <= 8; ++code) {
    put(index_of(code, size_of(static_cast<TokenType>(code))), bins[code - 1]);
    for (const std::string name : {"a", "a.idx", "a.bin"}) {
      const TokenFile file(directory / name);
      EXPECT_TRUE(file.indexed());
      EXPECT_EQ(file.documents(), 2);
      EXPECT_EQ(all(file), (Tokens{5, 6, 7, 8, 9, 10})) << int{code};
    }
  }
}

TEST_F(TokenFiles, AnyRange) {
  put(index_of(8, 2), tokens_as<std::uint16_t>());
  const TokenFile file(directory / "a");
  for (std::int64_t begin = 0; begin <= 6; ++begin)
    for (std::int64_t end = begin; end <= 6; ++end) {
      Tokens got(static_cast<std::size_t>(end - begin)), expected;
      file.read(begin, got, 11);
      for (std::int64_t t = begin; t < end; ++t) expected.push_back(5 + t);
      EXPECT_EQ(got, expected);
    }
}

TEST_F(TokenFiles, ModesOfMultimodalDataAreSkipped) {
  put(index_of(8, 2) + std::string("\0\1\0", 3), tokens_as<std::uint16_t>());
  EXPECT_EQ(all(TokenFile(directory / "a")).size(), 6u);
}

TEST_F(TokenFiles, EveryTruncationIsRefused) {
  const std::string idx = index_of(8, 2), bin = tokens_as<std::uint16_t>();
  for (std::size_t n = 0; n < idx.size(); ++n) {
    put(idx.substr(0, n), bin);
    EXPECT_NE(error().find("a.idx: byte "), std::string::npos) << n << error();
  }
  for (std::size_t n = 0; n < bin.size(); ++n) {
    put(idx, bin.substr(0, n));
    EXPECT_NE(error().find("a.idx: byte "), std::string::npos) << n << error();
  }
}

TEST_F(TokenFiles, MessagesNameTheByte) {
  const std::string idx = index_of(8, 2), bin = tokens_as<std::uint16_t>();
  const auto with = [&](std::size_t at, const std::string& bytes) {
    std::string changed = idx;
    put(changed.replace(at, bytes.size(), bytes), bin);
    return error().substr(directory.path().size());
  };
  EXPECT_EQ(with(0, "X"),
            "/a.idx: byte 0: expected \"MMIDIDX\", the start of an index of tokens, found other bytes");
  EXPECT_EQ(with(9, le<std::uint64_t>(2)), "/a.idx: byte 9: expected version 1, found 2");
  EXPECT_EQ(with(17, "\11"), "/a.idx: byte 17: expected an element type from 1 to 8, found 9");
  EXPECT_EQ(with(18, le(~std::uint64_t{0})),
            "/a.idx: byte 34: expected 18446744073709551615 x 4 bytes of sequence lengths, found 60 bytes");
  EXPECT_EQ(with(38, le(-1)), "/a.idx: byte 38: expected a sequence length of at least 0, found -1");
  EXPECT_EQ(with(46, le(INT64_MAX)),
            "/a.idx: byte 46: expected an offset of 3 tokens within the .bin's 12 bytes, found "
            "9223372036854775807");
  EXPECT_EQ(with(78, le<std::int64_t>(4)),
            "/a.idx: byte 78: expected the first sequence of a document, from 0 up, found 4");
}

TEST_F(TokenFiles, TokensBeyondTheVocabularyAreNamed) {
  put(index_of(4, 4), tokens_as<std::int32_t>());
  EXPECT_EQ(error_of([&] { all(TokenFile(directory / "a"), 9); }),
            directory / "a.bin: byte 16: expected a token from 0 to 8, found 9");
  put_file(directory / "a.bin", tokens_as<std::int32_t>().replace(4, 4, le(-7)));
  EXPECT_EQ(error(), directory / "a.bin: byte 4: expected a token from 0 to 999, found -7");
  put(index_of(7, 4), tokens_as<float>().replace(4, 4, le(0.5F)));
  EXPECT_EQ(error(), directory / "a.bin: byte 4: expected a token from 0 to 999, found -1");
}

TEST_F(TokenFiles, AnyOtherFileIsBytesAndAnEndOfText) {
  put_file(directory / "text", "Az\xff");
  const TokenFile file(directory / "text");
  EXPECT_FALSE(file.indexed());
  EXPECT_EQ(all(file), (Tokens{'A', 'z', 255, 256}));
  EXPECT_EQ(error_of([&] { all(file, 256); }),
            directory / "text: byte 3: expected a token from 0 to 255, found 256");
  put_file(directory / "empty", "");
  EXPECT_EQ(all(TokenFile(directory / "empty")), Tokens{256});
}

TEST_F(TokenFiles, MissingFilesAreTheUsers) {
  EXPECT_EQ(error_of([&] { TokenFile(directory / "no"); }), directory / "no: there is no such file");
  put_file(directory / "a.idx", index_of(8, 2));
  EXPECT_EQ(error(), directory / "a.bin: there is no such file");
  EXPECT_EQ(error_of([&] { TokenFile(directory.path()); }),
            directory.path() + ": expected a file, found a directory or a device");
}

TEST_F(TokenFiles, WriterRoundTrip) {
  IndexedWriter writer(disk, directory / "w", TokenType::uint16);
  writer.add_document(Tokens{1, 2, 65535});
  writer.add_text("hi");
  writer.add_document({});
  writer.commit();
  const TokenFile file(directory / "w");
  EXPECT_EQ(file.documents(), 3);
  EXPECT_EQ(all(file, 65536), (Tokens{1, 2, 65535, 'h', 'i', 256}));
  EXPECT_EQ(list_directory(directory.path()), (std::vector<std::string>{"w.bin", "w.idx"}));
}

TEST_F(TokenFiles, WritesNothingWithoutACommit) {
  { IndexedWriter(disk, directory / "w", TokenType::uint16).add_text("hi"); }
  EXPECT_TRUE(list_directory(directory.path()).empty());
}

TEST_F(TokenFiles, DigestTellsDatasetsApart) {
  put_file(directory / "a", "one text");
  put_file(directory / "b", "one texT");
  EXPECT_NE(TokenFile(directory / "a").digest(), TokenFile(directory / "b").digest());
}

}  // namespace
}  // namespace orrery
