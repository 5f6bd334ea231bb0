#include "planner/galvatron/strategy_file.h"

#include <charconv>
#include <numeric>
#include <string>

#include "sim/base/reader.h"

namespace orrery::galvatron {
namespace {

template <class Of>
std::string listed(const Plan& plan, const Of& of) {
  std::string out;
  for (const Strategy& s : plan.layers) out += (out.empty() ? "" : ",") + std::to_string(of(s));
  return out;
}

// "1,1,2": `count` numbers from `low` to `high`, any number of them if it is 0.
std::vector<int> numbers(const Reader& file, std::string_view key, std::size_t count, int low, int high) {
  const std::string text = file.string(key);
  std::vector<int> out;
  const char *at = text.data(), *end = at + text.size();
  for (bool good = true; good;) {
    int n = 0;
    const auto [next, error] = std::from_chars(at, end, n);
    good = error == std::errc() && n >= low && n <= high;
    if (good) out.push_back(n);
    if (good && next == end && (count == 0 || out.size() == count)) return out;
    good = good && next != end && *next == ',';
    at = next + 1;
  }
  file.fail_at(key, (count ? std::to_string(count) + " numbers" : "numbers") + " from " +
                        std::to_string(low) + " to " + std::to_string(high) + ", such as \"1,1,2\"");
}

// Splits a stage's GPUs; the rest is data parallelism.
Strategy strategy(const Reader& file, std::string_view key, int gpus, int split, bool ulysses, bool zero3) {
  if (split < 1 || gpus % split != 0)
    file.fail_at(key, "degrees that divide the " + std::to_string(gpus) + " GPUs of a stage");
  Strategy s{.tp = ulysses ? 1 : split, .sp = ulysses ? split : 1, .dp = gpus / split};
  s.sharding = s.dp == 1 ? Sharding::ddp : zero3 ? Sharding::zero3 : Sharding::zero2;
  return s;
}

Division read_division(const Reader& r, const Profile& profile, std::int64_t batch) {
  constexpr std::int64_t most = 1'000'000;
  const Division out{.batch = r.integer_or("global_bsz", batch, 1, most),
                     .micro_batches = r.integer_or("chunks", 1, 1, most),
                     .stages = static_cast<int>(r.integer("pp_deg", 1, profile.gpus()))};
  if (profile.gpus() % out.stages != 0)
    r.fail_at("pp_deg", "stages that divide " + std::to_string(profile.gpus()) + " GPUs");
  if (out.stages > 1 && !profile.messages.count(out.stages))
    r.fail_at("pp_deg", "a pipeline whose messages were profiled");
  if (out.micro_batches < out.stages) r.fail_at("chunks", "a micro-batch for every stage at least");
  return out;
}

std::vector<int> read_cuts(const Reader& r, int layers, int stages) {
  if (!r.has("pp_division")) return even_cuts(layers, stages);
  std::vector<int> cuts = numbers(r, "pp_division", static_cast<std::size_t>(stages), 1, layers);
  if (std::accumulate(cuts.begin(), cuts.end(), 0) != layers)
    r.fail_at("pp_division", std::to_string(layers) + " layers together");
  return cuts;
}

}  // namespace

Json write_strategy(const Plan& plan, int gpus) {
  std::string cuts;
  for (const int n : plan.cuts) cuts += (cuts.empty() ? "" : ",") + std::to_string(n);
  const auto flag = [](bool on) { return on ? 1 : 0; };
  return Json::object(
      {{"pp_deg", plan.division.stages},
       {"tp_sizes_enc", listed(plan, [](const Strategy& s) { return s.split(); })},
       {"tp_consecutive_flags", listed(plan, [](const Strategy&) { return 1; })},
       {"dp_types_enc", listed(plan, [&](const Strategy& s) { return flag(s.sharding == Sharding::zero3); })},
       {"use_sp", listed(plan, [&](const Strategy& s) { return flag(s.sp > 1); })},
       {"checkpoint", listed(plan, [&](const Strategy& s) { return flag(s.recompute); })},
       {"world_size", gpus},
       {"global_bsz", plan.division.batch},
       {"chunks", plan.division.micro_batches},
       {"pp_division", cuts},
       {"pipeline_type", "pipedream_flush"},
       {"default_dp_type", "zero2"},
       {"vtp", plan.beside.split()},
       {"vsp", flag(plan.beside.sp > 1)},
       {"embed_sdp", flag(plan.beside.sharding == Sharding::zero3)}});
}

Plan read_strategy(const Json& document, std::string_view file, const CostModel& model, std::int64_t batch) {
  const Reader r(document, file);
  const Profile& profile = model.profile();
  const auto layers = static_cast<std::size_t>(profile.layers);
  Plan plan{read_division(r, profile, batch), {}, {}, {}};
  const int gpus = profile.gpus() / plan.division.stages;
  const auto flags = [&](std::string_view key) {
    return r.has(key) ? numbers(r, key, layers, 0, 1) : std::vector<int>(layers, 0);
  };
  const auto check = [&](std::string_view key, const Strategy& s, bool known) {
    if (!known) r.fail_at(key, "degrees that were profiled");
    if (s.dp > plan.division.batch / plan.division.micro_batches)
      r.fail_at(key, "a sequence of each micro-batch for every data-parallel rank");
  };
  const std::vector<int> splits = numbers(r, "tp_sizes_enc", layers, 1, gpus), zero3 = flags("dp_types_enc"),
                         ulysses = flags("use_sp"), recompute = flags("checkpoint");
  for (std::size_t i = 0; i < layers; ++i) {
    Strategy s = strategy(r, "tp_sizes_enc", gpus, splits[i], ulysses[i] == 1, zero3[i] == 1);
    s.recompute = recompute[i] == 1;
    check("tp_sizes_enc", s, model.knows_layer(s));
    plan.layers.push_back(s);
  }
  plan.beside = strategy(r, "vtp", gpus, static_cast<int>(r.integer_or("vtp", 1, 1, gpus)),
                         r.integer_or("vsp", 0, 0, 1) == 1, r.integer_or("embed_sdp", 0, 0, 1) == 1);
  check("vtp", plan.beside, model.knows_beside(plan.beside, plan.division.stages));
  plan.cuts = read_cuts(r, profile.layers, plan.division.stages);
  return plan;
}

}  // namespace orrery::galvatron
