#include "sim/base/reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/base/error_of.h"

namespace orrery {
namespace {

// Runs `code` on a Reader of `text` and gives the error's message.
template <class Code>
std::string error(std::string_view text, Code code) {
  return error_of([&] {
    const Json json = parse_json(text, "a.json");
    Reader r(json, "a.json");
    code(r);
  });
}

constexpr std::string_view colours[] = {"crimson", "azure"};

TEST(Reader, ReadsEachKind) {
  const Json json = parse_json(
      R"({"schema": "x/1", "i": 3, "whole": 2.0, "d": 2.5, "s": "t", "b": true, "w": "azure", "n": null,
    "o": {"k": [1, 2]}, "time": "2 ms", "size": "1 KiB", "net": "8 Gb/s", "rate": "1 TFLOP/s", "much": "2 T",
    "some": 7, "part": "92 %", "watts": "700 W", "cost": "2.5 USD/h"})",
      "f");
  Reader r(json, "f");
  r.schema("x/1");
  EXPECT_EQ(r.integer("i", 1, 3), 3);
  EXPECT_EQ(r.integer("whole", 1, 3), 2);
  EXPECT_EQ(r.number("d", 0, 3), 2.5);
  EXPECT_EQ(r.number("i", 0, 3), 3);
  EXPECT_EQ(r.string("s"), "t");
  EXPECT_TRUE(r.boolean("b"));
  EXPECT_EQ(r.word("w", colours), 1U);
  EXPECT_TRUE(r.has("n"));
  EXPECT_FALSE(r.given("n"));
  EXPECT_EQ(r.object("o").array("k")[1].as_integer(0, 5), 2);
  EXPECT_EQ(r.duration("time").v, 2e-3);
  EXPECT_EQ(r.bytes("size").v, 1024);
  EXPECT_EQ(r.bandwidth("net").v, 1e9);
  EXPECT_EQ(r.flop_rate("rate").v, 1e12);
  EXPECT_EQ(r.count("much"), 2e12);
  EXPECT_EQ(r.count("some"), 7);
  EXPECT_EQ(r.percent("part"), 0.92);
  EXPECT_EQ(r.power("watts").v, 700);
  EXPECT_EQ(r.price("cost", "h"), 2.5);
  r.done();
}

TEST(Reader, DefaultsHoldWhereAMemberIsAbsent) {
  const Json json = parse_json("{}", "f");
  const Reader r(json, "f");
  EXPECT_EQ(r.integer_or("i", 5, 0, 9), 5);
  EXPECT_EQ(r.number_or("d", 5, 0, 9), 5);
  EXPECT_EQ(r.string_or("s", "x"), "x");
  EXPECT_TRUE(r.boolean_or("b", true));
  EXPECT_EQ(r.word_or("w", 1, colours), 1U);
  EXPECT_TRUE(r.array_if("a").empty());
  EXPECT_FALSE(r.object_if("o"));
  r.done();
}

TEST(Reader, NamesFileLinePointerExpectedAndFound) {
  const auto at = [](std::string_view text, auto get) { return error(text, get); };
  EXPECT_EQ(at("{\n\"a~/b\": 7}", [](Reader& r) { r.integer("a~/b", 1, 5); }),
            "a.json:2: /a~0~1b: expected an integer from 1 to 5, found 7");
  EXPECT_EQ(at(R"({"o": {"l": ["x"]}})", [](Reader& r) { r.object("o").array("l")[0].as_number(0, 1.5); }),
            "a.json:1: /o/l/0: expected a number from 0 to 1.5, found \"x\"");
  EXPECT_EQ(
      at(R"({"n": 1.5})", [](Reader& r) { r.integer("n", 0, std::numeric_limits<std::int64_t>::max()); }),
      "a.json:1: /n: expected an integer of at least 0, found 1.5");
  EXPECT_EQ(at(R"({"w": 400})", [](Reader& r) { r.bandwidth("w"); }),
            "a.json:1: /w: expected a bandwidth such as \"400 Gb/s\", found 400");
  EXPECT_EQ(at(R"({"w": "0 Gb/s"})", [](Reader& r) { r.bandwidth("w"); }),
            "a.json:1: /w: expected a bandwidth above 0, found \"0 Gb/s\"");
  EXPECT_EQ(at(R"({"w": "1 us"})", [](Reader& r) { r.bytes("w"); }),
            "a.json:1: /w: expected a size such as \"80 GiB\", found \"1 us\"");
  EXPECT_EQ(at(R"({"w": {}})", [](Reader& r) { r.boolean("w"); }),
            "a.json:1: /w: expected true or false, found an empty object");
  EXPECT_EQ(at(R"({"w": [1]})", [](Reader& r) { r.object("w"); }),
            "a.json:1: /w: expected an object, found an array of 1 item");
  EXPECT_EQ(at("[]", [](Reader& r) { r.has("w"); }), "a.json:1: expected an object, found an empty array");
}

TEST(Reader, AWordSuggestsTheNearest) {
  EXPECT_EQ(error(R"({"w": "Azur"})", [](Reader& r) { r.word("w", colours); }),
            "a.json:1: /w: expected one of \"crimson\", \"azure\", found \"Azur\" (did you mean \"azure\"?)");
  EXPECT_EQ(error(R"({"w": "green"})", [](Reader& r) { r.word("w", colours); }),
            "a.json:1: /w: expected one of \"crimson\", \"azure\", found \"green\"");
}

TEST(Reader, AMissingMemberNamesWhatStandsInItsPlace) {
  EXPECT_EQ(error("{\n}", [](Reader& r) { r.integer("tp", 1, 8); }),
            "a.json:1: expected a member \"tp\" (an integer from 1 to 8), found none");
  EXPECT_EQ(error(R"({"micro_bacth": 1})", [](Reader& r) { r.integer("micro_batch", 1, 8); }),
            "a.json:1: expected a member \"micro_batch\" (an integer from 1 to 8), found \"micro_bacth\"");
}

TEST(Reader, RefusesMembersThatNobodyAskedFor) {
  const auto read = [](Reader& r) {
    r.integer_or("micro_batch", 1, 1, 8);
    r.integer_or("tp", 1, 1, 8);
    r.done();
  };
  EXPECT_EQ(error(R"({"tp": 1, "micro-Bacth": 1})", read),
            "a.json:1: /micro-Bacth: unknown member, did you mean \"micro_batch\"?");
  EXPECT_EQ(error(R"({"colour": 1})", read),
            "a.json:1: /colour: unknown member; known here: micro_batch, tp");
  EXPECT_EQ(error(R"({"x": 1})", [](Reader& r) { r.done(); }),
            "a.json:1: /x: unknown member, none is known here");
  EXPECT_EQ(error(R"({"x": 1})",
                  [](Reader& r) {
                    r.keys();
                    r.done();
                  }),
            "no error");
}

TEST(Reader, ChecksTheSchemaFirst) {
  EXPECT_EQ(error(R"({"schema": "orrery.plan/2"})", [](Reader& r) { r.schema("orrery.plan/1"); }),
            "a.json:1: /schema: expected \"orrery.plan/1\", found \"orrery.plan/2\"");
}

TEST(Nearest, IsASlipOfThePenOrNothing) {
  const std::string names[] = {"micro_batch", "global_batch", "tp", "pp", "zero"};
  EXPECT_EQ(nearest("microbatch", names), "micro_batch");
  EXPECT_EQ(nearest("globl_bacth", names), "global_batch");
  EXPECT_EQ(nearest("TP", names), "tp");
  EXPECT_EQ(nearest("tq", names), std::nullopt);
  EXPECT_EQ(nearest("zreo", names), "zero");
  EXPECT_EQ(nearest("batch", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(5000, 'x'), names), std::nullopt);
}

}  // namespace
}  // namespace orrery
