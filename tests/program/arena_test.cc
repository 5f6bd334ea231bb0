#include "sim/program/arena.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/program/builder.h"
#include "sim/program/compile.h"
#include "sim/program/ledger.h"
#include "tests/program/matrix.h"

namespace orrery {
namespace {

using Clock = std::array<std::uint32_t, stream_count>;

struct Use {
  std::uint32_t ordinal;
  Stream stream;
  bool write;
};

// Which buffer of which call this is, wherever it lies.
std::string identity(const Program& p, std::uint32_t c, std::uint32_t local) {
  const Call& call = p.calls[c];
  const BlockBuffer& b = p.block_buffers[p.blocks[call.block].first_buffer + local];
  const std::uint32_t places[] = {0, call.stash, call.input, call.gradient, call.output};
  const bool own = b.acquires && b.releases && b.place == Place::fixed && b.home >= BlockBuilder::local_home;
  return std::to_string(call.virtual_stage + b.stage_offset) + "/" + std::to_string(b.home) + "/" +
         std::to_string(static_cast<int>(b.place)) + "/" +
         std::to_string(places[static_cast<std::size_t>(b.place)]) + (own ? "/" + std::to_string(c) : "");
}

// Bytes written by one instruction and touched by another are ordered by streams and waits: a walk over every
// instruction of a team, with the uses of each byte range of the arena. What is read is what was written
// there last.
std::string conflict(const Program& p, std::uint32_t team) {
  const Arena arena = lay_out(p, team);
  std::map<std::int64_t, std::vector<Use>> uses;  // by granule of the alignment
  std::map<std::int64_t, std::string> content;    // by granule: the buffer written there last
  std::map<std::uint32_t, Clock> clocks;
  Clock streams[stream_count] = {};
  std::uint32_t ordinal = 0;
  for (std::uint32_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p.rows[block.first_row + r];
      if (p.call_teams[call.first_team + row.slot] != team) continue;
      Clock clock = streams[static_cast<std::size_t>(row.stream)];
      const auto join = [&](std::uint32_t id) {
        for (std::size_t s = 0; s < stream_count && clocks.count(id); ++s)
          clock[s] = std::max(clock[s], clocks[id][s]);
      };
      for (std::uint32_t w = row.first_wait; w < p.rows[block.first_row + r + 1].first_wait; ++w)
        join(p.row_id(call, r - p.waits[w]));
      for (std::uint32_t w = call.first_wait; w < p.calls[c + 1].first_wait; ++w)
        if (p.outside_waits[w].row == r)
          join(p.row_id(p.calls[p.outside_waits[w].call], p.outside_waits[w].awaited));
      ++ordinal;
      for (std::uint32_t o = row.first_operand; o < p.rows[block.first_row + r + 1].first_operand; ++o) {
        const Operand& operand = p.operands[o];
        const Buffer& what = p.buffers[p.block_buffers[block.first_buffer + operand.buffer].buffer];
        const std::string buffer = identity(p, c, operand.buffer);
        const std::int64_t first = arena.offset(p, call, operand.buffer).v;
        if (first < 0 || first + what.bytes().v > arena.size().v)
          return "outside the arena: " + std::string(what.name);
        for (std::int64_t g = first / Arena::alignment; g * Arena::alignment < first + what.bytes().v; ++g) {
          if (operand.write)
            content[g] = buffer;
          else if (content.count(g) && content[g] != buffer)
            return std::string(what.name) + " was overwritten before its use";
          auto& here = uses[g];
          std::erase_if(here, [&](const Use& u) {
            return clock[static_cast<std::size_t>(u.stream)] >= u.ordinal && (operand.write || !u.write);
          });
          for (const Use& u : here)
            if ((operand.write || u.write) && u.ordinal != ordinal &&
                clock[static_cast<std::size_t>(u.stream)] < u.ordinal && u.stream != row.stream)
              return "race on " + std::string(what.name) + " in " + std::string(name(block.name));
          here.push_back({ordinal, row.stream, operand.write});
        }
      }
      clock[static_cast<std::size_t>(row.stream)] = ordinal;
      clocks[p.row_id(call, r)] = streams[static_cast<std::size_t>(row.stream)] = clock;
    }
  }
  return "";
}

TEST(Arena, NoTwoUsesRace) {
  for (const testing::Case& c : testing::cases(67)) {
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team) EXPECT_EQ(conflict(p, team), "") << c.name;
  }
}

// What may end later than in order of ids: messages that nothing has waited for, and gradients that are being
// reduced while the next pass runs.
std::int64_t under_way(const Program& p, std::uint32_t team) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> bytes;  // by virtual stage and home
  for (std::uint32_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    if (block.slots > 1 || p.call_teams[call.first_team] != team) continue;
    for (std::uint32_t b = 0; b < block.buffers; ++b) {
      const BlockBuffer& buffer = p.block_buffers[block.first_buffer + b];
      const Buffer& what = p.buffers[buffer.buffer];
      const std::int64_t places = buffer.place == Place::fixed ? 1 : 2;
      if (what.lifetime == Lifetime::message || what.name == "unreduced gradients")
        bytes[{call.virtual_stage + buffer.stage_offset, buffer.home}] = places * what.bytes().v;
    }
  }
  std::int64_t all = 0;
  for (const auto& [home, of_home] : bytes) all += of_home;
  return all;
}

// Not less than the ledger's peak, and little more than it and what is under way.
TEST(Arena, HoldsTheLedgersPeak) {
  double sum = 0, worst = 0, count = 0;
  for (const testing::Case& c : testing::cases(7)) {
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    const auto l = ledgers(p);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team, ++count) {
      const std::int64_t size = lay_out(p, team).size().v, peak = l[team].peak.v;
      EXPECT_GE(size, peak) << c.name;
      EXPECT_LE(static_cast<double>(size), 1.05 * static_cast<double>(peak + under_way(p, team))) << c.name;
      const double excess = static_cast<double>(size) / static_cast<double>(peak) - 1;
      sum += excess;
      if (c.plan.layers.front().zero < Zero::gradients) worst = std::max(worst, excess);
    }
  }
  EXPECT_LT(sum / count, 0.03);
  EXPECT_LT(worst, 0.06);  // without gradients under way
}

// One rank, one micro-batch: nothing is under way, and nothing is lost but the alignment of persistent
// buffers.
TEST(Arena, IsThePeakOfOneRank) {
  const Model models[] = {testing::gpt(24, 1024, 16), testing::llama(32, 4096, 32, 32, 11008)};
  for (const Model& model : models)
    for (const Recompute recompute : {Recompute::none, Recompute::full}) {
      const Program p = compile(model, testing::cluster(1), testing::training(2048, 1),
                                testing::plan({}, Zero::none, recompute));
      const std::int64_t lost = lay_out(p, 0).size().v - ledgers(p)[0].peak.v;
      EXPECT_LE(lost, static_cast<std::int64_t>(p.persistents.size()) * Arena::alignment) << model.name;
    }
}

// Not each virtual stage its own most stashes: they have them at different times.
TEST(Arena, StashesOfVirtualStagesShare) {
  Plan plan = testing::plan({.pp = 2, .chunks = 4});
  const Program p =
      compile(testing::gpt(16, 512, 8, 512), testing::cluster(2), testing::training(512, 32), plan);
  for (std::uint32_t team = 0; team < 2; ++team)
    EXPECT_LT(static_cast<double>(lay_out(p, team).size().v),
              1.03 * static_cast<double>(ledgers(p)[team].peak.v));
}

}  // namespace
}  // namespace orrery
