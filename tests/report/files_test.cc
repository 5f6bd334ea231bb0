// What goes into files: JSON, CSV, Markdown, comparisons and explanations.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/report/compare.h"
#include "sim/report/csv.h"
#include "sim/report/explain.h"
#include "sim/report/json.h"
#include "sim/report/markdown.h"
#include "sim/report/metrics.h"
#include "sim/report/text.h"
#include "tests/report/fixtures.h"

namespace orrery {
namespace {

using testing::Subjects;

Subjects priced(std::uint32_t micro_batches = 4) {
  Subjects s(2, micro_batches, 1, 8);
  s.training.tokens = 1e12;
  s.cluster.prices = {2.0, 1.2, 0.1};
  s.cluster.reliability = {{3.6e7}, {600}, {3600}, {30}};
  s.calibration.context = {std::int64_t{1} << 30};
  s.calibration.provenance["context"] = {Evidence::measured, "nvidia-smi"};
  s.calibration.provenance["jitter"] = {Evidence::calibrated, "three runs"};
  return s;
}

std::size_t lines(const std::string& s) {
  return static_cast<std::size_t>(std::count(s.begin(), s.end(), '\n'));
}

TEST(ResultJson, SameBytesEveryTimeAndReadsBack) {
  const Subjects s = priced();
  const std::string a = to_json(s.report()).dump(), b = to_json(priced().report()).dump();
  EXPECT_EQ(a, b);
  EXPECT_EQ(parse_json(a, "result").dump(), a);
}

TEST(ResultJson, EveryMetricHasValueUnitBandAndEvidence) {
  const Subjects s = priced();
  const Report r = s.report();
  const Json j = to_json(r);
  EXPECT_EQ(j.find("schema")->string(), "orrery.result/1");
  EXPECT_EQ(j.find("version")->string(), "0.1.0");
  EXPECT_EQ(j.find("seed")->integer(), 7);
  EXPECT_EQ(j.find("inputs")->items()[0].find("digest")->string(), "0123456789abcdef");
  std::size_t seen = 0;
  for (const Quantified& q : metrics(r)) {
    const Json* at = &j;
    std::string rest = q.name;
    while (!rest.empty()) {
      const std::string key = rest.substr(0, rest.find('.'));
      rest = rest.find('.') == std::string::npos ? "" : rest.substr(rest.find('.') + 1);
      at = at->is(Json::Kind::array) ? &at->items().at(std::stoul(key)) : at->find(key);
      ASSERT_NE(at, nullptr) << q.name;
    }
    EXPECT_EQ(at->find("value")->real(), q.value) << q.name;
    EXPECT_EQ(at->find("unit")->string(), q.unit) << q.name;
    EXPECT_NE(at->find("evidence"), nullptr) << q.name;
    EXPECT_EQ(at->members().size(), 5U) << q.name;
    ++seen;
  }
  EXPECT_GT(seen, 80U);
  EXPECT_EQ(j.find("peak_memory")->find("evidence")->string(), "measured");
}

TEST(ResultJson, StatedErrorGivesBands) {
  Report r = priced().report();
  r.error = 0.25;
  const Json j = to_json(r);
  const double step = to_seconds(r.step).v;
  EXPECT_DOUBLE_EQ(j.find("step_time")->find("low")->real(), step * 0.75);
  EXPECT_DOUBLE_EQ(j.find("step_time")->find("high")->real(), step * 1.25);
  EXPECT_DOUBLE_EQ(j.find("tokens_per_second")->find("low")->real(), r.tokens_per_second / 1.25);
  EXPECT_DOUBLE_EQ(j.find("tokens_per_second")->find("high")->real(), r.tokens_per_second / 0.75);
}

TEST(ResultText, SaysHowFarOffHeldOutRunsWere) {
  Report r = priced().report();
  EXPECT_EQ(text(r, {}).find("+-"), std::string::npos);
  EXPECT_NE(text(r, {}).find("error    not known"), std::string::npos);
  EXPECT_EQ(to_json(r).find("held_out"), nullptr);
  r.error = 0.25;
  r.error_runs = 26;
  EXPECT_NE(text(r, {}).find(" +-25.0 %   "), std::string::npos);
  EXPECT_NE(text(r, {}).find("9 of 10 of 26 held-out runs were within 25.0 % of their prediction ("),
            std::string::npos);
  EXPECT_EQ(to_json(r).find("held_out")->dump(false), R"({"runs":26,"error":0.25})");
  EXPECT_NE(markdown(r).find("held-out runs"), std::string::npos);
}

TEST(ResultJson, PartsOfTheStepSumToIt) {
  const Report r = priced().report();
  const Json j = to_json(r);
  double sum = 0;
  for (const Json::Member& m : j.find("where")->members()) sum += m.second.find("value")->real();
  EXPECT_NEAR(sum, to_seconds(r.step).v, 1e-12);
}

TEST(ResultCsv, OneLineAMetricAndOneARun) {
  const Report r = priced().report();
  const std::string one = csv(r);
  EXPECT_EQ(lines(one), metrics(r).size() + 1);
  EXPECT_EQ(one.substr(0, one.find('\n')), "metric,value,unit,low,high,evidence");
  EXPECT_NE(one.find("\nstep_time,0.167,s,0.167,0.167,assumed\n"), std::string::npos) << one.substr(0, 300);

  Report other = priced(8).report();
  other.origin.scenario = "with, a \"comma\"";
  const std::vector<Report> both{r, other};
  const std::string sweep = csv(both);
  EXPECT_EQ(lines(sweep), 3U);
  EXPECT_NE(sweep.find("\n\"with, a \"\"comma\"\"\",gpt,lab,"), std::string::npos) << sweep;
  EXPECT_EQ(sweep.find("stages."), std::string::npos);
}

TEST(ResultMarkdown, EscapesAndHasAllTables) {
  Report r = priced().report();
  r.origin.scenario = "a|b";
  const std::string md = markdown(r);
  EXPECT_EQ(md.rfind("## a\\|b\n", 0), 0U);
  for (const char* part : {"### Where one step goes (stage 0)", "| matmul | 104 ms | 62.3 % |",
                           "### Memory by stage (GiB)", "### Stages", "### Efficiency", "1.00 T tokens"})
    EXPECT_NE(md.find(part), std::string::npos) << part << "\n" << md;
}

TEST(Compare, DifferencesOfThePartsSumToThatOfTheStep) {
  const std::vector<Report> both{priced(4).report(), priced(8).report()};
  const std::string text = compare_text(both);
  // 4 more micro-batches: 4 * 24 ms of products, 4 * 4 of attention... and the messages between them.
  EXPECT_NE(text.find("matmul"), std::string::npos);
  EXPECT_NE(text.find("B takes "), std::string::npos) << text;
  EXPECT_NE(text.find(" more time a step than A: +104 ms matmul, +16.0 ms attention"), std::string::npos)
      << text;
  Tick sum{};
  for (std::size_t i = 0; i < category_count; ++i) sum += both[1].where.time[i] - both[0].where.time[i];
  EXPECT_EQ(sum, both[1].step - both[0].step);
  EXPECT_NE(compare_markdown(both).find("| step | 167 ms | "), std::string::npos);
}

TEST(Compare, JsonLinesUpMetrics) {
  const std::vector<Report> three{priced(4).report(), priced(8).report(), priced(4).report()};
  const Json j = compare_json(three);
  EXPECT_EQ(j.find("runs")->items().size(), 3U);
  const Json& step = *j.find("metrics")->find("step_time");
  EXPECT_EQ(step.find("values")->items().size(), 3U);
  EXPECT_DOUBLE_EQ(step.find("change")->items()[1].real(), three[1].step / three[0].step - 1);
  EXPECT_EQ(step.find("change")->items()[2].real(), 0);
  EXPECT_EQ(compare_text(std::vector<Report>{}), "");
}

const Reason* find(const Reason& r, std::string_view name) {
  if (r.name == name) return &r;
  for (const Reason& b : r.because)
    if (const Reason* found = find(b, name)) return found;
  return nullptr;
}

TEST(Explain, StepTimeDrillsToClassesAndTheirConstants) {
  Subjects s = priced();
  s.calibration.provenance["clock16"] = {Evidence::calibrated, "a fit"};
  const Reason why = explain(s.subject(), s.report(), "step_time");
  EXPECT_EQ(why.value, "167 ms");
  const Reason* clock = find(why, "clock16");
  ASSERT_NE(clock, nullptr);
  EXPECT_EQ(clock->value, "1");
  EXPECT_EQ(clock->source, "calibrated: a fit");
  // The backward products of four micro-batches are on every path: 20 ms each.
  EXPECT_NE(text(why).find(" on the critical path x 20.0 ms"), std::string::npos) << text(why);
}

TEST(Explain, GrowthAtScaleNamesItsConstants) {
  Subjects s = priced();
  s.calibration.jitter = 0.02;
  const Reason why = explain(s.subject(), s.report(), "step_time");
  const Reason* jitter = find(why, "jitter");
  ASSERT_NE(jitter, nullptr);
  EXPECT_EQ(jitter->value, "0.02");
  EXPECT_EQ(jitter->source, "calibrated: three runs");
  EXPECT_EQ(find(why, "makespan")->value, "167 ms");
  EXPECT_EQ(find(why, "growth at scale")->value, "1.0200");  // 16 ranks: one doubling above 8
}

TEST(Explain, EveryMetricHasValuesThatTheReportHas) {
  const Subjects s = priced();
  const Report r = s.report();
  for (const std::string_view metric : explained_metrics()) {
    const Reason why = explain(s.subject(), r, metric);
    EXPECT_EQ(why.name, metric);
    EXPECT_FALSE(why.value.empty());
    EXPECT_FALSE(why.because.empty()) << metric;
    EXPECT_EQ(to_json(why).find("because")->items().size(), why.because.size());
  }
  EXPECT_EQ(explain(s.subject(), r, "memory").value, "1.00 GiB");
  EXPECT_EQ(find(explain(s.subject(), r, "memory"), "context")->source, "measured: nvidia-smi");
  EXPECT_EQ(explain(s.subject(), r, "cost").value, "$22,864");
  EXPECT_EQ(find(explain(s.subject(), r, "mfu"), "peak")->source, "the datasheet");
  EXPECT_NE(find(explain(s.subject(), r, "cost"), "R, restart"), nullptr);
}

TEST(Explain, CostOfAnUnaskedRunIsUnknown) {
  const Subjects s(2, 4);
  EXPECT_EQ(explain(s.subject(), s.report(), "cost").value, "unknown");
}

}  // namespace
}  // namespace orrery
