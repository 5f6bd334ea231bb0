#include "tests/fuzz/step.h"

#include "sim/base/error.h"
#include "sim/engine/replay.h"
#include "sim/program/check.h"
#include "sim/program/compile.h"
#include "sim/program/ledger.h"
#include "tests/program/fixtures.h"

namespace orrery::fuzz {
namespace {

// Small numbers from bytes, zeros when they are spent.
class Dice {
 public:
  explicit Dice(std::string_view bytes) : bytes_(bytes) {}
  int up_to(int high) {  // 0 ... high
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % (high + 1);
  }
  bool coin() { return up_to(1) == 1; }

 private:
  std::string_view bytes_;
};

Plan any_plan(Dice& dice, int layers) {
  Plan p;
  p.tp = 1 << dice.up_to(2);
  p.pp = 1 + dice.up_to(3);
  p.dp = 1 + dice.up_to(2);
  p.virtual_stages = 1 + dice.up_to(2);
  p.schedule = static_cast<Schedule>(dice.up_to(2));
  p.micro_batch = 1 + dice.up_to(1);
  p.sequence_parallel = dice.coin();
  p.attention = static_cast<AttentionKernel>(dice.up_to(1));
  p.tensor_overlap = static_cast<TensorOverlap>(dice.up_to(2));
  p.overlap_gradients = dice.coin();
  p.overlap_parameters = dice.coin();
  p.bucket_parameters = 1 + dice.up_to(255) * 1000;
  p.prefetch = dice.up_to(3);
  p.receive_ahead = dice.up_to(1);
  p.send_slots = 1 + dice.up_to(2);
  p.scatter_gather = dice.coin();
  p.early_stop = dice.coin();
  if (dice.coin())
    for (int left = layers, i = 1; i <= p.pp * p.virtual_stages; ++i) {
      const int n = i == p.pp * p.virtual_stages ? left : dice.up_to(left);
      p.stage_layers.push_back(n);
      left -= n;
    }
  p.layers.clear();
  for (int i = dice.coin() ? layers : 1; i > 0; --i)
    p.layers.push_back(
        {static_cast<Zero>(dice.up_to(3)), static_cast<Recompute>(dice.up_to(2)), dice.coin()});
  return p;
}

// Prices that are equal for equal classes of the folded and the whole Program.
std::vector<Price> prices(const Program& p) {
  std::vector<Price> out;
  for (const CostClass& c : p.classes) {
    const std::int64_t work =
        c.kind == Kind::compute
            ? 1003 + static_cast<std::int64_t>(flops(c.op).v) % 10007 + c.op.elements % 1009
            : c.bytes.v % 20011 + std::int64_t{c.group.size} * 7 + c.group.nodes;
    out.push_back({{17}, {work}, {5}});
  }
  return out;
}

}  // namespace

void step(std::string_view bytes) {
  Dice dice(bytes);
  const int layers = 1 + dice.up_to(5);
  const Model model =
      dice.coin() ? testing::gpt(layers, 64, 4, 512, 64) : testing::llama(layers, 64, 4, 2, 128, 512);
  const Training training = testing::training(16, 2 * (1 + dice.up_to(11)));
  const Plan plan = any_plan(dice, layers);
  const int gpus = 1 << dice.up_to(3);
  const Cluster cluster = testing::cluster(plan.ranks(), plan.ranks() % gpus == 0 ? gpus : 1);
  if (violation(model, cluster, training, plan)) return;
  Workspace workspace;
  Timeline timeline;
  Tick ends[2];
  std::vector<Ledger> memory[2];
  for (const Ranks ranks : {Ranks::folded, Ranks::all}) {
    const Program program = compile(model, cluster, training, plan, ranks);
    ORRERY_CHECK(check(program).empty());
    const auto i = static_cast<std::size_t>(ranks);
    ends[i] = replay(program, prices(program), workspace, timeline);
    ORRERY_CHECK(makespan(program, prices(program), workspace) == ends[i]);
    memory[i] = ledgers(program);
  }
  ORRERY_CHECK(ends[0] == ends[1]);
  for (std::size_t team = 0; team < memory[0].size(); ++team)
    ORRERY_CHECK(memory[0][team].peak == memory[1][team].peak);
}

}  // namespace orrery::fuzz
