#include "tools/galvatron_text.h"

#include <algorithm>
#include <cstdio>

#include "tools/table.h"
#include "tools/version.h"

namespace orrery {
namespace {

using namespace galvatron;

constexpr std::int64_t mega = 1 << 20;

std::string fixed(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

std::string hex(std::uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

std::string summary(const Strategy& s) {
  std::string out;
  if (s.tp > 1) out += "tp" + std::to_string(s.tp) + " ";
  if (s.sp > 1) out += "ulysses" + std::to_string(s.sp) + " ";
  out += "dp" + std::to_string(s.dp);
  if (s.sharding != Sharding::ddp) out += s.sharding == Sharding::zero3 ? " zero3" : " zero2";
  return out + (s.recompute ? " recompute" : "");
}

Tick objective(const GalvatronAnswer& a, const Price& p) {
  return a.options.cuts == Cuts::even ? p.step : p.step_seen;
}

double samples_per_second(std::int64_t batch, Tick step) {
  return static_cast<double>(batch) / to_seconds(step).v;
}

bool fits(const GalvatronAnswer& a, const Price& p) {
  return *std::max_element(p.memory.begin(), p.memory.end()) <= usable(a.options.memory);
}

std::string step_text(const GalvatronAnswer& a, const Plan& plan, const Price& p) {
  const Tick step = objective(a, p);
  return fixed(to_seconds(step).v, 5) + " s a step, " +
         fixed(samples_per_second(plan.division.batch, step), 3) + " samples/s";
}

// "20 x dp8 zero3 recompute + 12 x dp8 zero3"; [begin, end) of a plan's layers.
std::string runs(const Plan& plan, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t i = begin, next; i < end; i = next) {
    for (next = i; next < end && plan.layers[next] == plan.layers[i];) ++next;
    out += (out.empty() ? "" : " + ") + std::to_string(next - i) + " x " + summary(plan.layers[i]);
  }
  return out;
}

std::string plan_text(const Plan& plan, const Price& price, std::int64_t limit) {
  Table table({">stage", ">layers", "strategies", ">micro-batch", ">MiB", ">of"});
  std::size_t at = 0;
  for (std::size_t i = 0; i < plan.cuts.size(); ++i) {
    const auto layers = static_cast<std::size_t>(plan.cuts[i]);
    table.row({std::to_string(i), std::to_string(layers), runs(plan, at, at + layers),
               fixed(to_seconds(price.stages[i].plain).v * 1e3, 3) + " ms", std::to_string(price.memory[i]),
               std::to_string(limit)});
    at += layers;
  }
  return "pipeline " + std::to_string(plan.division.stages) + ", micro-batches " +
         std::to_string(plan.division.micro_batches) + ", embedding and head " + summary(plan.beside) + "\n" +
         table.text();
}

std::vector<std::string> notes(const GalvatronAnswer& a) {
  std::vector<std::string> out = a.found.profile.notes;
  const auto& best = a.result.best;
  if (best && !counts_every_sequence(*best))
    out.push_back(
        "a micro-batch that isn't a multiple of dp is priced rounded down, as Galvatron does: "
        "--whole-batches leaves such plans out");
  if (best && a.options.cuts == Cuts::even && a.result.price.step_seen > a.result.price.step)
    out.push_back(
        "Galvatron's formula sees the first and the last stage only; with every stage the step is " +
        fixed(to_seconds(a.result.price.step_seen).v, 5) + " s");
  return out;
}

double gap(const GalvatronAnswer& a) {
  return 1 - a.result.certificate.lower_bound / objective(a, a.result.price);
}

std::string proof(const GalvatronAnswer& a) {
  const Certificate& c = a.result.certificate;
  std::string out = "10^" + fixed(c.log10_plans, 1) + " plans in " + std::to_string(c.cases) +
                    " cases: " + std::to_string(c.solved) + " solved exactly, " + std::to_string(c.bounded) +
                    " bounded away, in " + std::to_string(c.too_large) + " nothing fits";
  if (c.open > 0) out += "; stopped, " + std::to_string(c.open) + " open";
  return out + "\n";
}

Json strategy_json(const Strategy& s, bool layer) {
  const int zero = s.sharding == Sharding::ddp ? 0 : s.sharding == Sharding::zero2 ? 2 : 3;
  Json out = Json::object({{"tp", s.tp}, {"ulysses", s.sp}, {"dp", s.dp}, {"zero", zero}});
  if (layer) out.set("recompute", s.recompute);
  return out;
}

Json priced_json(const GalvatronAnswer& a, const Plan& plan, const Price& price) {
  const Tick step = objective(a, price);
  Json layers = Json::array(), stages = Json::array();
  for (const Strategy& s : plan.layers) layers.push(strategy_json(s, true));
  for (std::size_t i = 0; i < plan.cuts.size(); ++i)
    stages.push(Json::object({{"layers", plan.cuts[i]},
                              {"micro_batch_s", to_seconds(price.stages[i].plain).v},
                              {"memory_bytes", price.memory[i] * mega}}));
  return Json::object({{"step_s", to_seconds(step).v},
                       {"samples_per_s", samples_per_second(plan.division.batch, step)},
                       {"galvatron_step_s", to_seconds(price.step).v},
                       {"every_stage_step_s", to_seconds(price.step_seen).v},
                       {"fits", fits(a, price)},
                       {"pp", plan.division.stages},
                       {"chunks", plan.division.micro_batches},
                       {"vocabulary", strategy_json(plan.beside, false)},
                       {"stages", std::move(stages)},
                       {"layers", std::move(layers)}});
}

Json certificate_json(const GalvatronAnswer& a) {
  const Certificate& c = a.result.certificate;
  Json out = Json::object({{"proven", c.open == 0},
                           {"lower_bound_s", to_seconds(c.lower_bound).v},
                           {"log10_plans", c.log10_plans},
                           {"cases", c.cases},
                           {"solved", c.solved},
                           {"bounded", c.bounded},
                           {"too_large", c.too_large},
                           {"open", c.open},
                           {"mixtures", c.mixtures}});
  if (a.result.best) out.set("gap", gap(a));
  return out;
}

}  // namespace

std::string galvatron_text(const GalvatronAnswer& a) {
  const Profile& p = a.found.profile;
  const std::int64_t limit = usable(a.options.memory);
  std::string out = a.found.model + ", " + std::to_string(p.layers) + " layers, " + std::to_string(a.batch) +
                    " sequences of " + std::to_string(p.sequence) + " tokens a step, " +
                    std::to_string(p.nodes) + " x " + std::to_string(p.gpus_per_node) + " GPUs of " +
                    std::to_string(a.options.memory) + " MiB; Galvatron's cost model\n" + proof(a) + "\n";
  const auto& best = a.result.best;
  if (best) {
    const bool proven = a.result.certificate.open == 0;
    out += step_text(a, *best, a.result.price) + ": " +
           (proven ? "proven best" : "at most " + fixed(100 * gap(a), 2) + " % from the best") + "\n" +
           plan_text(*best, a.result.price, limit);
  } else {
    out += a.result.certificate.open == 0 ? "no plan fits\n"
                                          : "no plan was found before the search was stopped\n";
  }
  if (a.given) {
    out += "\nthe plan given: " + step_text(a, a.given->first, a.given->second) +
           (fits(a, a.given->second) ? "" : ", and doesn't fit") + "\n" +
           plan_text(a.given->first, a.given->second, limit);
  }
  for (const std::string& note : notes(a)) out += "note: " + note + "\n";
  return out;
}

Json galvatron_json(const GalvatronAnswer& a) {
  const Profile& p = a.found.profile;
  Json inputs = Json::array(), said = Json::array();
  for (const Library::Input& input : a.found.inputs)
    inputs.push(Json::object({{"file", input.path}, {"digest", hex(input.digest)}}));
  for (const std::string& note : notes(a)) said.push(note);
  Json out = Json::object(
      {{"schema", "orrery.galvatron/1"},
       {"version", version},
       {"inputs", std::move(inputs)},
       {"model",
        Json::object(
            {{"name", a.found.model}, {"layers", p.layers}, {"hidden", p.hidden}, {"seq_len", p.sequence}})},
       {"cluster", Json::object({{"nodes", p.nodes}, {"gpus_per_node", p.gpus_per_node}})},
       {"memory_bytes", a.options.memory * mega},
       {"usable_bytes", usable(a.options.memory) * mega},
       {"global_batch", a.batch},
       {"cuts", a.options.cuts == Cuts::even ? "even" : "any"},
       {"certificate", certificate_json(a)}});
  if (a.result.best) out.set("best", priced_json(a, *a.result.best, a.result.price));
  if (a.given) out.set("given", priced_json(a, a.given->first, a.given->second));
  return out.set("notes", std::move(said));
}

}  // namespace orrery
