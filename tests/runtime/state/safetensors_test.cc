#include "runtime/state/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/base/error_of.h"
#include "tests/runtime/state/directory.h"

namespace orrery {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  const std::uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

SafetensorsHeader parse(const std::string& header, const std::string& data) {
  return parse_safetensors(file_of(header, data), "f");
}
std::string refusal(const std::string& header, const std::string& data) {
  return error_of([&] { parse(header, data); });
}

TEST(Safetensors, TheExampleOfItsReadme) {
  const SafetensorsHeader h = parse(R"({"TEST":{"dtype":"F16","shape":[1,16],"data_offsets":[0,32]},)"
                                    R"("__metadata__":{"format":"pt"}}  )",
                                    std::string(32, '\0'));
  ASSERT_EQ(h.tensors.size(), 1u);
  EXPECT_EQ(h.tensors[0].name, "TEST");
  EXPECT_EQ(h.tensors[0].elements(), 16);
  EXPECT_EQ(h.metadata, (std::vector<std::pair<std::string, std::string>>{{"format", "pt"}}));
}

TEST(Safetensors, Refusals) {
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}})", "1234567"),
            "f:1: /a/data_offsets: expected offsets 8 bytes apart, as dtype and shape say, found an array of "
            "2 items");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "123"),
            "f:1: /a: expected data from byte 0 on, without a gap or an overlap, found an object");
  EXPECT_EQ(
      refusal(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          "123"),
      "f:1: /b: expected data from byte 2 on, without a gap or an overlap, found an object");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "123"),
            "f: byte 61: expected 2 bytes of data, as the header says, found 3");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", "")
                .find("2^63"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"a":{"dtype":"f32","shape":[],"data_offsets":[0,4]}})", "1234").find("F32"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"), "no error");
  EXPECT_NE(refusal(R"({"a":1})", ""), "no error");
  EXPECT_NE(refusal(R"([])", ""), "no error");
  EXPECT_EQ(error_of([] { parse_safetensors("1234567", "f"); }),
            "f: byte 0: expected the 8 bytes of a header's size, found 7");
  EXPECT_NE(
      error_of([] { parse_safetensors(std::string(16, '\xff'), "f"); }).find("found 18446744073709551615"),
      std::string::npos);
}

class Files : public ::testing::Test {
 protected:
  // Tensors a (2 x 3, fp32), b (4, bf16) and e (0, int64).
  void write() {
    const auto of = [](auto& values) {
      return [&values](const auto& append) { append(std::as_bytes(std::span(values))); };
    };
    const NewTensor tensors[] = {{"a", DType::fp32, {2, 3}, of(a)},
                                 {"b", DType::bf16, {4}, of(b)},
                                 {"e", DType::int64, {0}, of(none)}};
    const std::pair<std::string, std::string> metadata[] = {{"k", "\"v\""}};
    write_safetensors(disk, directory / "f", tensors, metadata);
  }
  std::vector<float> a{0, 1, -2, 3.5F, 1e30F, -0.0F};
  std::vector<std::uint16_t> b{0x3f80, 0x4000, 0xc000, 0x0000};
  std::vector<std::int64_t> none;
  Directory directory;
  Disk disk;
};

TEST_F(Files, RoundTrip) {
  write();
  const Safetensors file(directory / "f");
  EXPECT_EQ(file.header().data % 64, 0u);
  EXPECT_EQ(file.header().metadata[0].second, "\"v\"");
  ASSERT_NE(file.find("a"), nullptr);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.find("e")->elements(), 0);
  std::vector<float> got(6);
  file.read(*file.find("a"), 0, got);
  EXPECT_EQ(std::memcmp(got.data(), a.data(), 24), 0);
  got.resize(2);
  file.read(*file.find("b"), 1, got);
  EXPECT_EQ(got, (std::vector<float>{2, -2}));
  EXPECT_EQ(error_of([&] { file.read(*file.find("e"), 0, {}); }),
            directory / "f: /e/dtype: expected F32, F16, BF16 or F64, found I64");
}

TEST_F(Files, EveryTruncationAndEveryExtensionIsRefused) {
  write();
  const std::string whole = get_file(directory / "f");
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(error_of([&] { parse_safetensors(std::string_view(whole).substr(0, n), "f"); }), "no error")
        << n;
  EXPECT_NE(error_of([&] { parse_safetensors(whole + "x", "f"); }), "no error");
  EXPECT_EQ(error_of([&] { parse_safetensors(whole, "f"); }), "no error");
}

}  // namespace
}  // namespace orrery
