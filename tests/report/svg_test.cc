#include "sim/report/svg.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/report/fixtures.h"
#include "tests/report/xml_check.h"

namespace orrery {
namespace {

using testing::Subjects;
using testing::xml_error;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

TEST(Svg, TheCheckerTellsGoodFromBad) {
  EXPECT_EQ(xml_error("<a b=\"1\"><c/>x &amp; y</a>\n"), "");
  for (const char* bad : {"<a>", "<a></b>", "<a b=1/>", "<a b=\"<\"/>", "<a>&</a>", "<a/><a/>", "x<a/>",
                          "<a b=\"\" b=\"\"/>", ""})
    EXPECT_NE(xml_error(bad), "") << bad;
}

TEST(Svg, TimelineIsWellFormedAndNamesItsParts) {
  Subjects s(4, 8, 1);
  s.model.name = "a<b & \"c\"";
  Report r = s.report();
  r.origin.scenario = "one <step> & more";
  const std::string svg = timeline_svg(s.made.p, s.timeline, r);
  EXPECT_EQ(xml_error(svg), "");
  for (const char* part : {"<title id=\"title\">one &lt;step&gt; &amp; more</title>", "<desc id=\"desc\">",
                           ">stage 3</text>", ">forward</text>", ">backward</text>",
                           ">Peak memory by stage</text>", "limit 80.0 GiB", "fill=\"#ffffff\""})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_EQ(svg, timeline_svg(s.made.p, s.timeline, r));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

// Stage 0 of one with one micro-batch: 10 ms forward, 20 backward, 8 idle (reduction), 5 optimizer of 43 ms;
// the chart is 1200 - 160 pixels wide and starts at 70.
TEST(Svg, TimelineDrawsTimesToScale) {
  Subjects s(1, 1);
  const std::string svg = timeline_svg(s.made.p, s.timeline, s.report());
  EXPECT_NE(svg.find("<path d=\"M70 86h242v"), std::string::npos) << svg;  // 10 / 43 of 1040: 241.86
  EXPECT_NE(svg.find("M312 86h484v"), std::string::npos) << svg;           // to 30 / 43: 725.58
  EXPECT_NE(svg.find("M989 86h121v"), std::string::npos) << svg;           // from 38 / 43: 919.07
}

TEST(Svg, TimelineMergesWhatIsBelowAPixel) {
  Subjects small(2, 8), large(2, 4000);
  const std::string a = timeline_svg(small.made.p, small.timeline, small.report());
  const std::string b = timeline_svg(large.made.p, large.timeline, large.report());
  EXPECT_LT(b.size(), 200'000U);  // 2 rows x 1040 columns, not 8,000 slices a row
  EXPECT_LE(count(b, "M"), 2U * 2 * 1040 + 200);
  EXPECT_GT(count(a, "M"), 16U);
  EXPECT_EQ(xml_error(b), "");
}

TEST(Svg, ScatterIsWellFormedAndCountsItsSources) {
  const std::vector<ScatterPoint> points{
      {"A & B", 1.0, 1.1}, {"A & B", 10, 9}, {"C", 100, 100}, {"A & B", 0.02, 0.02}};
  const std::string svg = scatter_svg(points);
  EXPECT_EQ(xml_error(svg), "");
  EXPECT_NE(svg.find(">A &amp; B (3 runs, 6.7 %)</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">C (1 run, 0.0 %)</text>"), std::string::npos);
  EXPECT_NE(svg.find("Mean absolute error 5.0 %"), std::string::npos);
  // Circles of the first source with its legend; squares of the second.
  EXPECT_EQ(count(svg, "fill=\"#0072b2\""), 4U);
  EXPECT_EQ(count(svg, "fill=\"#d55e00\""), 2U);
  EXPECT_EQ(xml_error(scatter_svg({})), "");
}

// Twice as far along an axis is as far on the picture wherever it begins; the front is ringed and joined.
TEST(Svg, FrontDrawsPointsOnLogarithmicAxes) {
  const std::vector<FrontPoint> points{{"a", "8", "nodes 1", 10, 100, true}, {"a", "16", "nodes 2", 5, 120, true},
                                       {"b<", "8", "nodes 1 & b", 20, 200, false}};
  const std::string svg = front_svg(points, {"x & y", "days", "dollars"});
  EXPECT_EQ(xml_error(svg), "");
  EXPECT_EQ(count(svg, "a8 8 0 1 0 16 0"), 2U);       // rings
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1U);      // one line joins them
  EXPECT_EQ(count(svg, ">8</text>"), 1U);             // labels of the front only
  for (const char* part : {">x &amp; y</text>", ">days</text>", ">dollars</text>", ">b&lt;</text>", "nodes 1 &amp; b",
                           "2 of them are on the Pareto front"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(xml_error(front_svg({}, {"none", "x", "y"})), "");
}

// 1200 pixels less 170, 90 and 90 leave 425 on each side of zero, at 685, for the greatest change.
TEST(Svg, TornadoDrawsChangesToScale) {
  const std::vector<TornadoBar> bars{{"a", 0.2, -0.1}, {"b & c", std::nullopt, 0.0}};
  const std::string svg = tornado_svg(bars, "title");
  EXPECT_EQ(xml_error(svg), "");
  EXPECT_NE(svg.find("x=\"685\" y=\"72\" width=\"425\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("x=\"472.5\" y=\"72\" width=\"212.5\""), std::string::npos) << svg;
  for (const char* part : {">+20.00 %</text>", ">-10.00 %</text>", ">no answer</text>", ">b &amp; c</text>"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace orrery
