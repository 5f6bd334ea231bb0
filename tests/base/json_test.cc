#include "sim/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/base/error_of.h"

namespace orrery {
namespace {

std::string error(std::string_view text) {
  return error_of([&] { parse_json(text, "f.json"); });
}

TEST(Json, KeepsKindsOrderAndLines) {
  const Json json = parse_json(R"({
  "b": [1, -2,
        3.5], "a": true,
  "n": null, "s": "x\n\u00e9"
})",
                               "f");
  ASSERT_TRUE(json.is(Json::Kind::object));
  ASSERT_EQ(json.members().size(), 4U);
  EXPECT_EQ(json.members()[0].first, "b");
  EXPECT_EQ(json.members()[1].first, "a");
  const Json& b = *json.find("b");
  EXPECT_EQ(b.items()[1].integer(), -2);
  EXPECT_TRUE(b.items()[2].is(Json::Kind::real));
  EXPECT_EQ(b.items()[2].real(), 3.5);
  EXPECT_EQ(json.find("s")->string(), "x\n\xC3\xA9");
  EXPECT_EQ(json.find("zzz"), nullptr);
  EXPECT_EQ(json.line(), 1);
  EXPECT_EQ(b.line(), 2);
  EXPECT_EQ(b.items()[1].line(), 2);
  EXPECT_EQ(b.items()[2].line(), 3);
  EXPECT_EQ(json.find("n")->line(), 4);
}

TEST(Json, ANumberThatEndsALineIsOnThatLine) {
  const Json json = parse_json("[1\n,2\n]\n", "f");
  EXPECT_EQ(json.items()[0].line(), 1);
  EXPECT_EQ(json.items()[1].line(), 2);
  EXPECT_EQ(parse_json("7\n", "f").line(), 1);
}

TEST(Json, AcceptsComments) {
  EXPECT_EQ(parse_json("// why\n[1, // one\n /* two */ 2]", "f").items().size(), 2U);
}

TEST(Json, AcceptsTheExtremes) {
  EXPECT_EQ(parse_json("9223372036854775807", "f").integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_json("-9223372036854775808", "f").integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_json("1.7976931348623157e308", "f").real(), std::numeric_limits<double>::max());
  EXPECT_EQ(parse_json("1e-400", "f").real(), 0);
  std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(error(deep), "no error");
}

TEST(Json, RefusesWithPositionAndPointer) {
  EXPECT_EQ(error(""),
            "f.json:1: not JSON (end of line): unexpected end of input; expected '[', '{', or a literal");
  EXPECT_EQ(error("{\"a\": {\"b\": [1,\n tru]}}"), "f.json:2: /a/b/1: not JSON (column 5): invalid literal");
  EXPECT_EQ(error("{\"a\": 1,\n\n \"a\": 2}"), "f.json:3: /a: duplicate member, first in line 1");
  EXPECT_EQ(error("[9223372036854775808]"),
            "f.json:1: /0: expected an integer below 2^63, found 9223372036854775808");
  EXPECT_EQ(error("[-9223372036854775809\n]"),
            "f.json:1: /0: expected an integer below 2^63, found -9223372036854775809");
  EXPECT_EQ(error("[1e999]"), "f.json:1: /0: expected a number below 1.8e308, found 1e999");
  EXPECT_EQ(error(std::string(65, '[')).substr(0, 9), "f.json:1:");
  EXPECT_NE(error(std::string(65, '[')).find("expected at most 64 levels of nesting, found more"),
            std::string::npos);
  EXPECT_EQ(error("[\"\xC3(\"]"), "f.json:1: expected text in UTF-8, found the byte \"\\xC3\"");
  EXPECT_EQ(error(std::string_view("{}\0", 3)), "f.json:1: expected text in UTF-8, found a NUL character");
  EXPECT_EQ(error("{} {}"), "f.json:1: not JSON (column 4): unexpected '{'; expected end of input");
  EXPECT_EQ(error("[1,\n2\n"), "f.json:2: /2: not JSON (end of line): unexpected end of input; expected ']'");
}

TEST(Json, WritesWhatItReads) {
  const std::string text = R"({"a":[1,2.5,"x\"\\\n\t\u0001é",null,false],"b":{},"c":[],"d":1e+100,"e":3.0})";
  EXPECT_EQ(parse_json(text, "f").dump(false), text);
  EXPECT_EQ(parse_json(parse_json(text, "f").dump(true), "f").dump(false), text);
}

TEST(Json, IndentsObjectsAndKeepsPlainArraysOnALine) {
  Json json = Json::object();
  json.set("a", Json::array({1, 2})).set("b", Json::array({Json::object({{"c", true}})})).set("a", 7.0);
  EXPECT_EQ(json.dump(), "{\n  \"a\": 7.0,\n  \"b\": [\n    {\n      \"c\": true\n    }\n  ]\n}");
  EXPECT_EQ(Json::array({1, "x"}).dump(), "[1, \"x\"]");
}

TEST(Json, WritesDoublesShortestAndExact) {
  for (const double v : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789012345680.0, -0.0}) {
    const double back = parse_json(Json(v).dump(), "f").real();
    EXPECT_EQ(back, v);
    EXPECT_EQ(std::signbit(back), std::signbit(v));
    EXPECT_TRUE(parse_json(Json(v).dump(), "f").is(Json::Kind::real));
  }
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
}

TEST(Json, ReplacesWhatIsNotUtf8) { EXPECT_EQ(Json("a\xFFz").dump(), "\"a\xEF\xBF\xBDz\""); }

}  // namespace
}  // namespace orrery
