#include "sim/plan/plan.h"

#include "sim/base/error.h"

namespace orrery {

std::int64_t micro_batches(const Training& training, const Plan& plan) {
  return training.global_batch / (plan.micro_batch * plan.dp);
}

std::vector<int> stage_layers(const Model& model, const Plan& plan) {
  if (!plan.stage_layers.empty()) return plan.stage_layers;
  const int stages = plan.pp * plan.virtual_stages;
  std::vector<int> layers(static_cast<std::size_t>(stages), model.depth() / stages);
  for (int i = 0; i < model.depth() % stages; ++i) ++layers[static_cast<std::size_t>(i)];
  return layers;
}

namespace {

std::string recompute_word(const Plan& plan) {
  const Recompute first = plan.layers.front().recompute;
  for (const LayerStrategy& s : plan.layers)
    if (s.recompute != first) return " recompute mixed";
  return first == Recompute::none   ? ""
         : first == Recompute::full ? " recompute full"
                                    : " recompute selective";
}

std::string zero_word(const Plan& plan) {
  const Zero first = plan.layers.front().zero;
  for (const LayerStrategy& s : plan.layers)
    if (s.zero != first) return " zero mixed";
  return first == Zero::none ? "" : " zero" + std::to_string(static_cast<int>(first));
}

}  // namespace

std::string cut_text(const Plan& plan) {
  constexpr int most_runs = 4;
  std::string out;
  int runs = 0;
  for (std::size_t i = 0, end = 0; i < plan.stage_layers.size(); i = end) {
    while (end < plan.stage_layers.size() && plan.stage_layers[end] == plan.stage_layers[i]) ++end;
    if (++runs > most_runs) return "uneven";
    if (runs > 1) out += ',';
    if (end - i > 1) out += std::to_string(end - i) + "*";
    out += std::to_string(plan.stage_layers[i]);
  }
  return runs < 2 ? "even" : out;
}

std::string summary(const Plan& plan) {
  std::string out = "tp" + std::to_string(plan.tp);
  if (plan.sequence_parallel) out += "sp";
  if (plan.cp > 1) out += " cp" + std::to_string(plan.cp);
  out += " pp" + std::to_string(plan.pp);
  if (plan.virtual_stages > 1) out += "x" + std::to_string(plan.virtual_stages);
  if (const std::string cut = cut_text(plan); cut != "even") out += " cut " + cut;
  out += " dp" + std::to_string(plan.dp) + " mbs" + std::to_string(plan.micro_batch);
  if (plan.pp > 1) {
    out += plan.schedule == Schedule::gpipe         ? " gpipe"
           : plan.schedule == Schedule::one_f_one_b ? " 1f1b"
                                                    : " interleaved";
  }
  return out + zero_word(plan) + recompute_word(plan);
}

}  // namespace orrery
