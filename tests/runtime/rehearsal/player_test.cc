// The Player that trains, on backends that only wait: its measured Timeline is the static replay's.
#include "runtime/play/player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "runtime/rehearsal/backend.h"
#include "sim/base/error.h"
#include "sim/engine/replay.h"
#include "sim/program/compile.h"
#include "tests/program/fixtures.h"
#include "tests/runtime/play/plans.h"

namespace orrery::rehearsal {
namespace {

// Hosts take no time, and neither does what has no kernel: an attention core reads the layout of its heads as
// it is.
std::vector<Price> prices(const Program& p) {
  std::vector<Price> out;
  for (std::size_t c = 0; c < p.classes.size(); ++c) {
    const bool none = p.classes[c].kind == Kind::host || p.classes[c].op.name == OpName::attention_layout;
    out.push_back({{}, {none ? 0 : 1'000'003 + static_cast<std::int64_t>(c) * 7919}, {}});
  }
  return out;
}

// Plays steps on every rank, each a thread; the Timeline of the first.
Timeline play(const Setup& q, const Program& program, std::span<const Price> price, int steps) {
  const auto ranks = static_cast<std::uint32_t>(q.plan.ranks());
  World world(ranks, ranks, Clock::simulated());
  Timeline out{std::vector<Tick>(program.size()), std::vector<Tick>(program.size())};
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      RehearsalBackend backend(world, r, program.classes, price);
      Player player(q, program, r, backend, [](auto...) {});
      for (int step = 0; step < steps; ++step) {
        Timeline mine;
        player.step({}, step == 0 ? &mine : nullptr);
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; step == 0 && i < mine.start.size(); ++i) {
          out.start[player.issues().list[i].id] = mine.start[i];
          out.end[player.issues().list[i].id] = mine.end[i];
        }
      }
    });
  for (std::thread& t : threads) t.join();
  return out;
}

TEST(Player, OnTheSimulatedClockMeasuresWhatStaticReplayPredicts) {
  for (const testing::Draw& d : testing::drawn_plans(40, 11)) {
    const Program program =
        compile(*d.model, testing::cluster(d.plan.ranks(), 8), d.training, d.plan, Ranks::all);
    const std::vector<Price> price = prices(program);
    const Timeline found = play({*d.model, d.training, d.plan}, program, price, 2);
    Workspace w;
    Timeline expected;
    replay(program, price, w, expected);
    std::uint32_t id = 0;
    std::string first;  // difference
    for_each_instruction(program, [&](const Instruction& i) {
      if (first.empty() && (found.start[id] != expected.start[id] || found.end[id] != expected.end[id]))
        first = std::string(name(i.kind)) + " " + std::string(name(i.tags.op)) + " " +
                std::string(name(i.tags.pass)) + ", instruction " + std::to_string(id) + " of rank " +
                std::to_string(i.rank.i) + ": " + std::to_string(found.start[id].v) + " to " +
                std::to_string(found.end[id].v) + ", not " + std::to_string(expected.start[id].v) + " to " +
                std::to_string(expected.end[id].v);
      ++id;
    });
    ASSERT_EQ(first, "") << d.name;
  }
}

}  // namespace
}  // namespace orrery::rehearsal
