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

// Live bytes never exceed the arena, and packing loses little where activations dominate.
TEST(Arena, HoldsTheLedgersPeak) {
  for (const testing::Case& c : testing::cases(67)) {
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    const auto l = ledgers(p);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team)
      EXPECT_GE(lay_out(p, team).size(), l[team].peak) << c.name;
  }
  const Program p = compile(testing::gpt(24, 1024, 16), testing::cluster(8), testing::training(2048, 16),
                            testing::plan({.tp = 2, .pp = 4}));
  const auto l = ledgers(p);
  for (std::uint32_t team = 0; team < 4; ++team)
    EXPECT_LT(static_cast<double>(lay_out(p, team).size().v), 1.1 * static_cast<double>(l[team].peak.v))
        << team;
}

}  // namespace
}  // namespace orrery
