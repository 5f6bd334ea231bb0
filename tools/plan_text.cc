#include "tools/plan_text.h"

#include <algorithm>
#include <cstdio>

#include "sim/base/units.h"
#include "sim/plan/read.h"
#include "sim/report/json.h"

namespace orrery {
namespace {

std::string fixed(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

std::string count(std::size_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string gib(Bytes b) { return fixed(static_cast<double>(b.v) / (1 << 30), 1); }

std::string headline(const Scenario& s) {
  const Node& node = s.cluster.groups.front().node;
  return s.name + ": " + s.model.name + ", " + std::to_string(s.cluster.ranks()) + " x " + node.device.name + ", " +
         std::to_string(s.training.global_batch) + " sequences of " + std::to_string(s.training.sequence) + " tokens a step\n";
}

std::string counts_line(const SearchResult& r) {
  const Certificate& c = r.certificate;
  const std::size_t fit = c.evaluated - c.memory - c.illegal - c.unsupported;
  std::string line = count(c.plans) + " plans: " + count(fit) + " fit (" + count(c.simulated) + " simulated, the others bounded), ";
  line += count(c.memory) + " need too much memory, " + count(c.illegal) + " are impossible";
  if (c.unsupported > 0) line += ", " + count(c.unsupported) + " are not supported yet";
  if (c.slow > 0) line += "; " + count(c.slow) + " of those that fit are above a limit";
  if (c.evaluated < c.plans) line += "; stopped early, " + count(c.plans - c.evaluated) + " not looked at";
  return line + "\n";
}

// What is proven of plans with a strategy for each layer.
std::string layered_lines(const Certificate& c) {
  if (!c.layered) return {};
  const LayeredCertificate& l = *c.layered;
  std::string out = "a strategy for each layer: 10^" + fixed(l.counts.log10_plans, 0) + " plans in " + count(l.counts.frames) +
                    " frames: " + count(l.counts.bounded_away) + " bounded away, " + count(l.counts.solved) + " solved, " +
                    count(l.counts.open) + " open; " + count(l.counts.simulated) + " plans replayed, " + count(l.counts.exact) +
                    " as the bounds' model has them\n";
  return out + "no plan of these has a static step below " + text(to_seconds(l.lower)) + ": the best has " +
         text(to_seconds(l.step)) + ", a gap of " + fixed(100 * l.static_gap, 3) + " % (" + fixed(100 * l.gap, 3) +
         " % to its simulated step)\n";
}

const Rejected* first_of(const SearchResult& r, Rejection why) {
  for (const Rejected& x : r.rejected)
    if (x.why == why) return &x;
  return nullptr;
}

std::string seconds(Tick t) { return text(to_seconds(t)); }

std::string rejected_lines(const SearchResult& r, std::size_t show) {
  std::string out;
  std::size_t shown = 0;
  for (const Rejected& x : r.rejected) {
    if (x.why == Rejection::memory && shown == show) continue;
    if (x.why != Rejection::memory && &x != first_of(r, x.why)) continue;
    shown += x.why == Rejection::memory;
    out += "  " + summary(x.plan) + ": " + x.message;
    if (x.remedy) out += "; fits as " + summary(*x.remedy) + ", at least " + seconds(x.remedy_bound) + " a step";
    out += "\n";
  }
  return out.empty() ? "" : "rejected, the nearest misses first\n" + out;
}

std::string_view word(Rejection why) {
  constexpr std::string_view words[] = {"illegal", "unsupported", "memory", "slow"};
  return words[static_cast<std::size_t>(why)];
}

Json rejected_json(const Rejected& x) {
  Json out = Json::object({{"plan", summary(x.plan)}, {"why", word(x.why)}, {"message", x.message}});
  if (x.why == Rejection::memory) out.set("stage", x.stage).set("excess_bytes", x.excess.v);
  if (x.remedy) out.set("remedy", summary(*x.remedy)).set("remedy_bound_s", to_seconds(x.remedy_bound).v);
  return out;
}

double times_as_fast(const SearchResult& r, const Found& other) {
  return static_cast<double>(other.report.step.v) / static_cast<double>(r.best.front().report.step.v);
}

Json by_hand_json(const SearchResult& r, const std::vector<ByHand>& by_hand) {
  Json out = Json::array();
  for (const ByHand& x : by_hand) {
    Json entry = Json::object({{"name", x.name}, {"plan", Json()}, {"step_s", Json()}, {"times", Json()}});
    if (x.best) entry.set("plan", write_plan(x.best->plan)).set("step_s", to_seconds(x.best->report.step).v);
    if (x.best && !r.best.empty()) entry.set("times", times_as_fast(r, *x.best));
    out.push(std::move(entry));
  }
  return out;
}

Json certificate_json(const Certificate& c) {
  return Json::object({{"plans", c.plans}, {"evaluated", c.evaluated}, {"illegal", c.illegal},
                       {"unsupported", c.unsupported}, {"memory", c.memory}, {"slow", c.slow},
                       {"simulated", c.simulated}, {"gap", c.gap}});
}

Json layered_json(const LayeredCertificate& c) {
  return Json::object({{"log10_plans", c.counts.log10_plans}, {"frames", c.counts.frames},
                       {"bounded_away", c.counts.bounded_away}, {"solved", c.counts.solved}, {"open", c.counts.open},
                       {"simulated", c.counts.simulated}, {"exact", c.counts.exact}, {"below_bound", c.counts.below_bound}, {"replay", "static"},
                       {"step_s", to_seconds(c.step).v}, {"lower_bound_s", to_seconds(c.lower).v},
                       {"static_gap", c.static_gap}, {"gap", c.gap}});
}

}  // namespace

Table plan_table(const SearchResult& r) {
  const bool run = !r.best.empty() && r.best.front().report.cost.tokens > 0;
  const bool priced = run && r.best.front().report.cost.total.v > 0;
  const bool uneven = std::any_of(r.best.begin(), r.best.end(), [](const Found& f) { return cut_text(f.plan) != "even"; });
  std::vector<std::string> titles{">#", ">MBS", ">TP", ">PP", ">CP", ">VP", ">DP", "ZeRO", "recompute", "schedule"};
  if (uneven) titles.push_back("cut");
  titles.insert(titles.end(), {">step", ">tok/s/GPU", ">TFLOP/s/GPU", ">MFU", ">bubble", ">GiB peak"});
  if (run) titles.push_back(">days");
  if (priced) titles.push_back(">cost");
  Table table(titles);
  for (std::size_t i = 0; i < r.best.size(); ++i) {
    const Plan& p = r.best[i].plan;
    const Report& x = r.best[i].report;
    const LayerStrategy& s = p.layers.front();
    const Efficiency& e = x.efficiency[static_cast<std::size_t>(FlopConvention::megatron)];
    std::vector<std::string> row{
        std::to_string(i + 1), std::to_string(p.micro_batch), std::to_string(p.tp), std::to_string(p.pp),
        std::to_string(p.cp), std::to_string(p.virtual_stages), std::to_string(p.dp),
        std::to_string(static_cast<int>(s.zero)), std::string(recompute_words[static_cast<std::size_t>(s.recompute)]),
        std::string(schedule_words[static_cast<std::size_t>(p.schedule)])};
    if (uneven) row.push_back(cut_text(p));
    row.insert(row.end(), {seconds(x.step),
        text_count(x.tokens_per_second_per_gpu()), fixed(e.per_gpu.v / 1e12, 0), fixed(100 * e.of_peak, 1) + " %",
        fixed(100 * x.bubble_fraction, 1) + " %", gib(x.stages[x.fullest()].memory.peak)});
    if (run) row.push_back(fixed(x.cost.duration.v / 86400, 1));
    if (priced) row.push_back("$" + text_count(x.cost.total.v));
    table.row(std::move(row));
  }
  return table;
}

std::string search_text(const Scenario& s, const SearchResult& r, std::size_t show) {
  std::string out = headline(s) + counts_line(r) + layered_lines(r.certificate);
  if (r.best.empty()) return out + "no plan fits\n" + rejected_lines(r, show);
  out += "\n" + plan_table(r).text() + "\n";
  const Report& best = r.best.front().report;
  const Bytes limit = best.stages[best.fullest()].memory.limit;
  out += "MFU counts the FLOPs of Korthikanti et al. 2022 over the dense peak; memory of " + gib(limit) + " GiB a GPU\n";
  return out + rejected_lines(r, show);
}

std::string by_hand_text(const SearchResult& r, const std::vector<ByHand>& by_hand) {
  Table table({"plans by hand", ">step", ">best is", "plan"});
  for (const ByHand& x : by_hand) {
    if (!x.best) {
      table.row({std::string(x.name), "", "", "none fits"});
      continue;
    }
    const std::string times = r.best.empty() ? "" : fixed(times_as_fast(r, *x.best), 2) + " x";
    table.row({std::string(x.name), seconds(x.best->report.step), times, summary(x.best->plan)});
  }
  return "\n" + table.text() + "\n";
}

Json search_json(const Scenario& s, const SearchResult& r, const std::vector<ByHand>& by_hand, const Origin& origin) {
  Json out = Json::object({{"schema", "orrery.search/1"}, {"version", origin.version}, {"scenario", s.name}});
  Json certificate = certificate_json(r.certificate);
  if (r.certificate.layered) certificate.set("layered", layered_json(*r.certificate.layered));
  out.set("complete", r.complete).set("certificate", std::move(certificate));
  out.set("lower_bound_s", r.lower_bound.v);
  Json best = Json::array(), rejected = Json::array();
  for (const Found& f : r.best)
    best.push(Json::object({{"summary", summary(f.plan)}, {"plan", write_plan(f.plan)}, {"result", to_json(f.report)}}));
  for (const Rejected& x : r.rejected) rejected.push(rejected_json(x));
  out.set("best", std::move(best)).set("rejected", std::move(rejected));
  if (!by_hand.empty()) out.set("by_hand", by_hand_json(r, by_hand));
  return out;
}

}  // namespace orrery
