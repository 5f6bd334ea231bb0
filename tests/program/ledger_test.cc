#include "sim/program/ledger.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/program/compile.h"
#include "tests/program/matrix.h"

namespace orrery {
namespace {

using testing::cases, testing::cluster, testing::plan, testing::training;

// Stashes in flight: GPipe m; 1F1B min(m, p - i); interleaved min(m v, 2(p - i - 1) + (v - 1) p + 1) chunks.
TEST(Ledger, StashesInFlight) {
  const Model model = testing::llama(16, 64, 4, 4, 128, 512);
  for (int p : {2, 4, 8}) {
    for (int m : {2, 4, 8, 24}) {
      Plan schedule = plan({.pp = p});
      const auto one = ledgers(compile(model, cluster(p), training(32, m), schedule));
      for (int i = 0; i < p; ++i)
        EXPECT_EQ(one[static_cast<std::size_t>(i)].peak_stashes,
                  static_cast<std::uint32_t>(std::min(m, p - i)));
      schedule.schedule = Schedule::gpipe;
      for (const Ledger& l : ledgers(compile(model, cluster(p), training(32, m), schedule)))
        EXPECT_EQ(l.peak_stashes, static_cast<std::uint32_t>(m));
      if (m % p != 0 || m == p) continue;
      const auto interleaved =
          ledgers(compile(model, cluster(p), training(32, m), plan({.pp = p, .chunks = 2})));
      for (int i = 0; i < p; ++i)
        EXPECT_EQ(interleaved[static_cast<std::size_t>(i)].peak_stashes,
                  static_cast<std::uint32_t>(std::min(2 * m, 2 * (p - i - 1) + p + 1)));
    }
  }
}

// Bytes that a layer's forward pass leaves for its backward pass.
std::int64_t stash_of_a_layer(const Program& p, std::uint16_t layer) {
  std::map<std::uint32_t, std::int64_t> buffers;
  for (const Block& b : p.blocks) {
    if (b.name != BlockName::forward) continue;
    for (std::uint32_t i = 0; i < b.buffers; ++i) {
      const BlockBuffer& local = p.block_buffers[b.first_buffer + i];
      const Buffer& what = p.buffers[local.buffer];
      if (what.lifetime == Lifetime::stash && local.home / 16 == layer + 1u)
        buffers[local.home] = what.bytes().v;
    }
  }
  std::int64_t sum = 0;
  for (const auto& [home, bytes] : buffers) sum += bytes;
  return sum;
}

// Korthikanti et al. 2022, Table 2, for the 22B model (s 2048, b 4, h 6144, a 64) with t = 8.
TEST(Ledger, ActivationBytesOfKorthikanti) {
  const Model model = testing::gpt(2, 6144, 64);
  const auto bytes = [&](int tp, bool sequence_parallel, Recompute recompute) {
    Plan p = plan({.tp = tp}, Zero::none, recompute);
    p.sequence_parallel = sequence_parallel;
    p.attention = AttentionKernel::unfused;
    p.micro_batch = 4;
    return stash_of_a_layer(compile(model, cluster(tp), training(2048, 4), p), 0);
  };
  EXPECT_EQ(bytes(1, false, Recompute::none), 7'079'985'152);
  EXPECT_EQ(bytes(8, false, Recompute::none), 1'325'400'064);
  EXPECT_EQ(bytes(8, true, Recompute::none), 884'998'144);
  EXPECT_EQ(bytes(8, true, Recompute::selective), 213'909'504);
  EXPECT_EQ(bytes(8, false, Recompute::full), 100'663'296);
}

// In FP8 a linear keeps its input as it was cast: both norms' outputs and the activation's in one byte instead of
// two, and one byte beside the core's output, which attention's backward pass reads in 16 bits.
TEST(Ledger, Fp8KeepsWhatLinearsReadInOneByte) {
  const std::int64_t hidden = 256, ffn = 1024, core = 256, tokens = 2 * 64;
  const Model model = testing::llama(2, hidden, 4, 4, ffn, 512);
  for (const int tp : {1, 4}) {
    const auto bytes = [&](DType compute) {
      Training asked = training(64, 2);
      asked.precision.compute = compute;
      Plan p = plan({.tp = tp});
      p.sequence_parallel = tp > 1;
      p.micro_batch = 2;
      return stash_of_a_layer(compile(model, cluster(tp), asked, p), 0);
    };
    EXPECT_EQ(bytes(DType::bf16) - bytes(DType::fp8), tokens * (2 * hidden + ffn - core) / tp);
  }
}

// 18 bytes a parameter; with a distributed optimizer 6 + 12/d; fully sharded 16/n.
TEST(Ledger, StateBytes) {
  const Model model = testing::llama(4, 64, 8, 8, 128, 1024);
  const auto state = [&](Zero zero) {
    const Program p = compile(model, cluster(8), training(32, 8), plan({.dp = 8}, zero));
    const Ledger l = ledgers(p).front();
    return (l.at_peak[0] + l.at_peak[2]).v + [&] {
      std::int64_t gradients = 0;
      for (const Persistent& b : p.persistents)
        if (p.buffers[b.buffer].component == Component::gradients) gradients += p.buffers[b.buffer].bytes().v;
      return gradients;
    }();
  };
  std::int64_t n = 0;
  for (const Weight& w : compile(model, cluster(1), training(32, 8), plan({})).weights) n += w.elements;
  EXPECT_EQ(state(Zero::none), 18 * n);
  EXPECT_EQ(state(Zero::optimizer), 6 * n + 12 * n / 8);
  EXPECT_EQ(state(Zero::gradients), 2 * n + 16 * n / 8);
  EXPECT_EQ(state(Zero::full), 16 * n / 8);
}

// The ledger by block effects against a walk over every use of every buffer.
TEST(Ledger, EqualsTheWalkOverInstructions) {
  for (const testing::Case& c : cases(13)) {
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    const auto fast = ledgers(p);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team) {
      std::int64_t live = 0, peak = 0;
      for (const Persistent& b : p.persistents)
        if (p.stages[b.virtual_stage].team == team) live += p.buffers[b.buffer].bytes().v;
      peak = live;
      for (std::size_t i = 0; i < p.call_count(); ++i) {
        const Call& call = p.calls[i];
        const Block& block = p.blocks[call.block];
        for (std::uint32_t r = 0; r < block.rows; ++r) {
          const Row& row = p.rows[block.first_row + r];
          if (p.call_teams[call.first_team + row.slot] != team) continue;
          const auto uses = [&](std::uint32_t at, std::uint32_t b) {
            for (std::uint32_t o = p.rows[block.first_row + at].first_operand;
                 o < p.rows[block.first_row + at + 1].first_operand; ++o)
              if (p.operands[o].buffer == b) return true;
            return false;
          };
          std::vector<std::uint32_t> ending;
          for (std::uint32_t b = 0; b < block.buffers; ++b) {
            if (!uses(r, b)) continue;
            const BlockBuffer& local = p.block_buffers[block.first_buffer + b];
            bool first = true, last = true;
            for (std::uint32_t k = 0; k < r; ++k) first = first && !uses(k, b);
            for (std::uint32_t k = r + 1; k < block.rows; ++k) last = last && !uses(k, b);
            if (first && local.acquires) live += p.buffers[local.buffer].bytes().v;
            if (last && local.releases) ending.push_back(b);
          }
          peak = std::max(peak, live);
          for (std::uint32_t b : ending)
            live -= p.buffers[p.block_buffers[block.first_buffer + b].buffer].bytes().v;
        }
      }
      EXPECT_EQ(fast[team].peak.v, peak) << c.name;
    }
  }
}

TEST(Ledger, WhatIsAcquiredIsReleased) {
  for (const testing::Case& c : cases()) {
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team) {
      std::int64_t persistent = 0;
      for (const Persistent& b : p.persistents)
        if (p.stages[b.virtual_stage].team == team) persistent += p.buffers[b.buffer].bytes().v;
      EXPECT_EQ(live_bytes(p, team).back().after.v, persistent) << c.name;
    }
  }
}

// Stage 0 of 1F1B holds the most.
TEST(Ledger, EarlierStagesHoldMore) {
  const auto l =
      ledgers(compile(testing::gpt(16, 64, 4, 512, 32), cluster(4), training(32, 16), plan({.pp = 4})));
  EXPECT_GE(l[1].peak_stashes, l[2].peak_stashes);
  EXPECT_GT(l[1].at_peak[3], l[2].at_peak[3]);
}

}  // namespace
}  // namespace orrery
