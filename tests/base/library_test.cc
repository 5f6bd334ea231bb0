#include "sim/base/library.h"

#include <gtest/gtest.h>

#include "tests/base/error_of.h"
#include "tests/base/memory_files.h"

namespace orrery {
namespace {

using Kind = Library::Kind;

// What follow() leads to from `text` in main/a.json: the member "v" and the file that it stands in.
std::string reached(MemoryFiles& files, std::string_view text) {
  Library library(files, {"own", "shipped"});
  const Json document = parse_json(text, "main/a.json");
  const Reader part(document, "main/a.json");
  return library.follow(part, Kind::plan, [](const Reader& r) {
    return std::to_string(r.integer("v", 0, 99)) + " in " + r.where("v").file + ":" +
           std::to_string(r.where("v").line);
  });
}

std::string plan(std::string_view rest) {
  return R"({"schema": "orrery.plan/1", )" + std::string(rest) + "}";
}

TEST(Library, FollowsPresetsFilesAndNothing) {
  MemoryFiles files{{"main/p.json", plan("\"v\": 1")},
                    {"q.json", plan("\n\"v\": 2")},
                    {"shipped/plans/x.json", plan("\"v\": 3")},
                    {"own/plans/y.json", plan("\"file\": \"../../q.json\"")}};
  EXPECT_EQ(reached(files, R"({"v": 7})"), "7 in main/a.json:1");
  EXPECT_EQ(reached(files, R"({"file": "p.json"})"), "1 in main/p.json:1");
  EXPECT_EQ(reached(files, R"({"file": "../q.json"})"), "2 in q.json:2");
  EXPECT_EQ(reached(files, R"({"preset": "x"})"), "3 in shipped/plans/x.json:1");
  EXPECT_EQ(reached(files, R"({"preset": "y"})"), "2 in q.json:2");
  files.content["own/plans/x.json"] = plan("\"v\": 4");
  EXPECT_EQ(reached(files, R"({"preset": "x"})"), "4 in own/plans/x.json:1");
}

TEST(Library, LaysOverridesOverTheTarget) {
  MemoryFiles files{{"main/p.json", plan("\"v\": 1, \"o\": {\"a\": 1, \"b\": 2}")}};
  EXPECT_EQ(reached(files, R"({"file": "p.json", "override": {"v": 5}})"), "5 in main/p.json (overridden):0");
  Library library(files, {});
  const Json document = parse_json(
      R"({"file": "p.json", "override": {"o": {"a": null, "c": 3}, "n": [1], "v": {"x": null, "y": 2}}})",
      "main/a.json");
  const std::string merged = library.follow(Reader(document, "main/a.json"), Kind::plan,
                                            [](const Reader& r) { return r.value().dump(false); });
  EXPECT_EQ(merged, R"({"schema":"orrery.plan/1","v":{"y":2},"o":{"b":2,"c":3},"n":[1]})");
}

TEST(Library, RefusesWhatLeadsNowhere) {
  MemoryFiles files{{"main/p.json", R"({"schema": "orrery.model/1", "v": 1})"},
                    {"shipped/plans/fast.json", plan("\"v\": 3")},
                    {"main/l.json", plan("\"file\": \"m.json\"")},
                    {"main/m.json", plan("\"file\": \"l.json\"")}};
  const auto error = [&](std::string_view text) { return error_of([&] { reached(files, text); }); };
  EXPECT_EQ(error(R"({"file": "z.json"})"),
            "main/a.json:1: /file: expected the path of a file, found no file at \"main/z.json\"");
  EXPECT_EQ(error(R"({"file": ""})"), "main/a.json:1: /file: expected the path of a file, found \"\"");
  EXPECT_EQ(error(R"({"file": 1})"), "main/a.json:1: /file: expected a string, found 1");
  EXPECT_EQ(error(R"({"preset": "fats"})"),
            "main/a.json:1: /preset: expected a preset of a plan such as \"fast\", found \"fats\"");
  EXPECT_EQ(error(R"({"preset": "slow"})"),
            "main/a.json:1: /preset: expected a preset of a plan (fast), found \"slow\"");
  EXPECT_EQ(error(R"({"preset": "../plans/fast"})"),
            "main/a.json:1: /preset: expected a preset of a plan (fast), found \"../plans/fast\"");
  EXPECT_EQ(error(R"({"preset": "fast", "file": "p.json"})"),
            "main/a.json:1: /file: expected either \"preset\" or \"file\", not both, found \"p.json\"");
  EXPECT_EQ(error(R"({"file": "p.json"})"),
            "main/p.json:1: /schema: expected \"orrery.plan/1\", found \"orrery.model/1\"");
  EXPECT_EQ(error(R"({"schema": "orrery.plan/2", "v": 1})"),
            "main/a.json:1: /schema: expected \"orrery.plan/1\", found \"orrery.plan/2\"");
  EXPECT_EQ(error(R"({"file": "l.json"})"),
            "main/m.json:1: /file: expected a file that does not refer back to itself, found main/l.json -> "
            "main/m.json -> "
            "main/l.json");
}

TEST(Library, KnowsItsPresetsAndInputs) {
  MemoryFiles files{{"own/models/b.json", R"({"schema": "orrery.model/1"})"},
                    {"shipped/models/a.json", ""},
                    {"shipped/models/b.json", ""},
                    {"shipped/models/notes.txt", ""}};
  Library library(files, {"own", "shipped"});
  EXPECT_EQ(library.presets(Kind::model), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(library.presets(Kind::device).empty());
  EXPECT_EQ(library.locate(Kind::model, "b", {}), "own/models/b.json");
  EXPECT_EQ(library.locate(Kind::model, "./b", {"main/a.json", "", 0}), "main/b");
  EXPECT_EQ(library.locate(Kind::model, "b.json", {}), "b.json");
  for (int i = 0; i < 2; ++i)
    library.open("own/models/b.json", Kind::model, {}, [](const Reader&) { return 0; });
  ASSERT_EQ(library.inputs().size(), 1U);
  EXPECT_EQ(library.inputs()[0].path, "own/models/b.json");
  files.content["own/models/b.json"] += " ";
  Library later = library.fresh();
  later.open("own/models/b.json", Kind::model, {}, [](const Reader&) { return 0; });
  EXPECT_NE(later.inputs()[0].digest, library.inputs()[0].digest);
}

TEST(Library, FoldsPaths) {
  EXPECT_EQ(beside("a/b/c.json", "../d.json"), "a/d.json");
  EXPECT_EQ(beside("a.json", "../d.json"), "../d.json");
  EXPECT_EQ(beside("a.json", ".././../d.json"), "../../d.json");
  EXPECT_EQ(beside("/a/b.json", "../../../d.json"), "/d.json");
  EXPECT_EQ(beside("a/b.json", "/x//y.json"), "/x/y.json");
  EXPECT_EQ(beside("", "d.json"), "d.json");
  EXPECT_EQ(beside("a/b.json", ".."), ".");
}

}  // namespace
}  // namespace orrery
