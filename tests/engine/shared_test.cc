// Shared replay against a textbook engine that re-computes all rates at every tick, by hand, and folded.
#include "sim/engine/shared.h"

#include <gtest/gtest.h>

#include <vector>

#include "sim/engine/simulate.h"
#include "tests/reference/random_sharing.h"
#include "tests/reference/shared_engine.h"

namespace orrery {
namespace {

using reference::RandomOptions;
using reference::RandomProgram;

TEST(Shared, AgreesWithTheTextbookEngine) {
  SharedWorkspace workspace;
  std::uint64_t rerated = 0;
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 5), .hosts = seed % 2 > 0});
    const std::vector<Price> prices = random.prices(5'000'000);
    const SharedInput input =
        reference::random_sharing(random, 1 + static_cast<std::uint32_t>(seed % 4), seed % 3 > 0, seed % 7 > 3);
    Timeline found;
    SharedCount count;
    replay_shared(random.p, prices, input, workspace, found, &count);
    const Timeline expected = reference::replay_shared(random.p, prices, input);
    ASSERT_EQ(found.start, expected.start) << "seed " << seed;
    ASSERT_EQ(found.end, expected.end) << "seed " << seed;
    rerated += count.rerated;
  }
  EXPECT_GT(rerated, 1000u);  // else nothing was shared
}

TEST(Shared, SimulateChoosesSharedReplayOnlyWhereItDiffers) {
  SimulationWorkspace workspace;
  int count[7] = {}, needless = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 4), .calls = 12, .hosts = seed % 2 > 0});
    const std::vector<Price> prices = random.prices(1'000'000, seed % 4 > 1);
    const SharedInput input = reference::random_sharing(random, static_cast<std::uint32_t>(seed % 3), seed % 5 > 2);
    Timeline chosen, shared, fixed;
    const Simulation s = simulate(random.p, prices, input, Replay::automatic, workspace, chosen);
    const Simulation forced = simulate(random.p, prices, input, Replay::shared, workspace, shared);
    ++count[static_cast<int>(s.chosen)];
    ASSERT_EQ(chosen.start, shared.start) << "seed " << seed;
    ASSERT_EQ(chosen.end, shared.end) << "seed " << seed;
    ASSERT_EQ(s.makespan, forced.makespan) << "seed " << seed;
    ASSERT_EQ(forced.chosen, Chosen::shared_asked_for);
    ASSERT_EQ(simulate(random.p, prices, input, Replay::static_only, workspace, fixed).chosen, Chosen::static_asked_for);
    if (!is_shared(s.chosen)) ASSERT_EQ(fixed.end, chosen.end);
    else needless += fixed.end == shared.end;  // an overlap whose effect rounds to no tick
  }
  for (const Chosen c : {Chosen::static_nothing_shared, Chosen::static_no_overlap, Chosen::shared_link, Chosen::shared_compute})
    EXPECT_GT(count[static_cast<int>(c)], 50) << reason(c);
  EXPECT_LT(needless, 5);
}

// Every team of a folded Program stands for `copies` that never meet; unfolded, all of them play.
Program unfold(const Program& folded, std::uint32_t copies) {
  Program p = folded;
  for (Team& team : p.teams) {
    const auto n = static_cast<std::uint32_t>(team.players.size());
    for (Team::InRole& in : team.roles)
      for (std::uint32_t k = 1; k < copies && !in.group.empty(); ++k)
        for (std::uint32_t i = 0; i < n; ++i) {
          in.meeting.push_back(in.meeting[i] + k * in.meetings);
          in.variant.push_back(in.variant[i]);
          in.group.push_back(in.group[i] + k * static_cast<std::uint32_t>(folded.groups.size()));
          in.closes.push_back(in.closes[i]);
        }
    for (Team::InRole& in : team.roles) in.meetings *= copies;
    for (std::uint32_t k = 1; k < copies; ++k)
      for (std::uint32_t i = 0; i < n; ++i) team.players.push_back({team.players[i].i + 1000 * k});
  }
  for (std::uint32_t k = 1; k < copies; ++k)
    for (const Group& g : folded.groups) p.groups.push_back(g);
  for (Call& call : p.calls) call.first_id *= copies;
  return p;
}

TEST(Shared, FoldedEqualsUnfolded) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::uint32_t copies = 2 + static_cast<std::uint32_t>(seed % 3);
    RandomProgram random(seed, {.players = 2});
    const std::vector<Price> prices = random.prices(5'000'000);
    SharedInput input = reference::random_sharing(random, 2, seed % 2 > 0);
    const Program whole = unfold(random.p, copies);
    SharedInput all = input;
    for (std::uint32_t k = 1; k < copies; ++k) {
      for (const std::uint32_t path : input.path)
        all.path.push_back(path == SharedInput::no_path ? path : path + k * static_cast<std::uint32_t>(input.peak.size()));
      for (std::size_t f = 0; f + 1 < input.first_share.size(); ++f)
        all.first_share.push_back(input.first_share[f + 1] + k * static_cast<std::uint32_t>(input.shares.size()));
      all.shares.insert(all.shares.end(), input.shares.begin(), input.shares.end());
      all.peak.insert(all.peak.end(), input.peak.begin(), input.peak.end());
    }
    for (engine::Share& s : input.shares) s.weight *= copies;  // one flow counts for all copies
    SharedWorkspace workspace;
    Timeline one, many;
    replay_shared(random.p, prices, input, workspace, one);
    replay_shared(whole, prices, all, workspace, many);
    const auto by_rank = [&](const Program& p) {  // ids
      std::vector<std::vector<std::uint32_t>> out(1000 * copies);
      for_each_instruction(p, [&](const Instruction& i) { out[i.rank.i].push_back(i.id.i); });
      return out;
    };
    const auto of_one = by_rank(random.p), of_many = by_rank(whole);
    for (std::size_t rank = 0; rank < of_many.size(); ++rank)
      for (std::size_t i = 0; i < of_many[rank].size(); ++i) {
        ASSERT_EQ(many.start[of_many[rank][i]], one.start[of_one[rank % 1000][i]]) << "seed " << seed;
        ASSERT_EQ(many.end[of_many[rank][i]], one.end[of_one[rank % 1000][i]]) << "seed " << seed;
      }
  }
}

// One team of two players, each with a collective of its own (10 us of latency, 100 us of flow) beside 300 us of
// compute. Both collectives fill the same link: from 10 us each runs at half rate, so they end at 210 us. Compute
// takes twice as long beside them: by 210 us it has done 105 us, and ends at 210 + 195 = 405 us.
TEST(Shared, TwoTransfersOnOneLinkByHand) {
  constexpr std::int64_t us = 1'000'000;
  Program p;
  Team team;
  team.players = {{0}, {1}};
  team.copies = {1, 1};
  team.roles[static_cast<std::size_t>(Role::data)] = {2, {0, 1}, {0, 0}, {0, 1}, {1, 1}};
  p.teams.push_back(team);
  p.groups.resize(2);
  p.classes.resize(2);
  p.classes[1].kind = Kind::all_reduce;
  p.rows.resize(3);
  p.rows[1].kind = Kind::all_reduce;
  p.rows[1].stream = Stream::data;
  p.rows[1].role = Role::data;
  p.rows[1].cost_class = 1;
  Block block;
  block.rows = 2;
  block.streams = 1u << static_cast<unsigned>(Stream::compute) | 1u << static_cast<unsigned>(Stream::data);
  p.blocks.push_back(block);
  p.call_teams = {0};
  p.calls.resize(2);
  p.calls[1].first_id = 4;
  const std::vector<Price> prices = {{{0}, {300 * us}, {}}, {{10 * us}, {100 * us}, {}}};
  SharedInput input;
  input.links = 1;
  input.path = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  input.shares = {{0, 1}, {0, 1}};
  input.first_share = {0, 1, 2};
  input.peak = {1, 1};
  input.demand = {0, 1};
  input.slowdown = {1, 2};
  SharedWorkspace workspace;
  Timeline t;
  EXPECT_EQ(replay_shared(p, prices, input, workspace, t).v, 405 * us);
  EXPECT_EQ(t.end[2].v, 210 * us);
  EXPECT_EQ(t.end[3].v, 210 * us);
  EXPECT_EQ(t.end[0].v, 405 * us);
}

}  // namespace
}  // namespace orrery
