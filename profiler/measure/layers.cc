#include "profiler/measure/layers.h"

#include "sim/program/compile.h"
#include "sim/program/ledger.h"

namespace orrery {
namespace {

// Of a whole step of one micro-batch, without the update. False: an op is not measured.
bool add_times(const Program& program, const MeasuredOps& measured, double sign, LayerCost& out) {
  bool all = true;
  for_each_instruction(program, [&](const Instruction& x) {
    if (x.kind != Kind::compute || x.rank.i != 0) return;
    const Op& op = program.classes[x.cost_class].op;
    if (op.pass == Pass::update) return;
    const MeasuredOp* m = measured.find(op);
    if (!m) {
      all = false;
      return;
    }
    Seconds& time = op.pass == Pass::input_gradient    ? out.input_gradient
                    : op.pass == Pass::weight_gradient ? out.weight_gradient
                                                       : out.forward;
    time.v += sign * m->time.v;
  });
  return all;
}

void add_memory(const Program& program, std::int64_t sign, LayerCost& out) {
  const ByComponent peak = ledgers(program).front().at_peak;
  const auto of = [&](Component c) { return sign * peak[static_cast<std::size_t>(c)].v; };
  out.states.v += of(Component::weights) + of(Component::gradients) + of(Component::optimizer);
  out.activations.v += of(Component::activations);
}

}  // namespace

std::vector<LayerCost> layer_costs(const Model& model, std::span<const OpCase> cases,
                                   const MeasuredOps& measured) {
  std::vector<LayerCost> out;
  for (const OpCase& c : cases)
    for (std::size_t kind = 0; kind < model.kinds.size(); ++kind) {
      LayerCost cost{kind, c.plan.tp, c.plan.micro_batch, c.training.sequence, {}, {}, {}, {}, {}};
      bool known = true;
      for (const int layers : {2, 1}) {
        Model part = model;
        part.layers.assign(static_cast<std::size_t>(layers), static_cast<std::uint16_t>(kind));
        Training training = c.training;
        training.global_batch = c.plan.micro_batch;
        const Program program = compile(part, one_node(c.plan.tp), training, c.plan, Ranks::all);
        const int sign = layers == 2 ? 1 : -1;
        known = add_times(program, measured, sign, cost) && known;
        add_memory(program, sign, cost);
      }
      if (known) out.push_back(cost);
    }
  return out;
}

}  // namespace orrery
