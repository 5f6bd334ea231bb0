// Rehearsals with real messages: the Player on the engine that trains, kernels wait.
#include "runtime/rehearsal/messages.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery::rehearsal {
namespace {

TEST(Messages, LastAtLeastAsLongAsTheLatencyAndKernelsAsLongAsTheirPrice) {
  const Model model = testing::gpt(2, 32, 4, 96, 16);
  Training training = testing::training(16, 4);
  training.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  for (const testing::Degrees d : {testing::Degrees{1, 2, 1, 1}, {1, 1, 2, 1}, {2, 2, 1, 1}}) {
    const Plan plan = testing::plan(d);
    const Program p = compile(model, testing::cluster(plan.ranks(), 8), training, plan, Ranks::all);
    const std::vector<Price> prices(p.classes.size(), Price{{}, {20'000'000}, {}});
    const comm::Link link{{1e8}, {20e-6}};
    const double stretch = 2;
    const Timeline t = rehearse_messages({model, training, plan}, p, prices, stretch, link);
    int messages = 0;
    for_each_instruction(p, [&](const Instruction& i) {
      const std::int64_t took = (t.end[i.id.i] - t.start[i.id.i]).v;
      if (is_meeting(i.kind)) {
        const bool held = i.kind != Kind::receive;  // a receiver may come when the message is on its way
        ++messages;
        ASSERT_GE(took, held ? to_ticks(link.latency).v : 0) << i.id.i;
      } else if (i.kind == Kind::compute && i.tags.op != OpName::attention_layout) {
        ASSERT_GE(took, 19'000'000) << i.id.i;
      }
    });
    EXPECT_GT(messages, 0);
    EXPECT_EQ(std::min_element(t.start.begin(), t.start.end())->v, 0);
  }
}

}  // namespace
}  // namespace orrery::rehearsal
