// Both traces hold every instruction once, never overlap on a track, and join the ends of messages.
#include "sim/report/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>

#include "sim/base/json.h"
#include "sim/report/rank_view.h"
#include "tests/reference/random_program.h"
#include "tests/report/fixtures.h"

namespace orrery {
namespace {

using testing::HandMade;

// A slice of either format, in picoseconds or nanoseconds.
struct Slice {
  std::string name;
  std::int64_t start = 0, end = 0;
};
using Tracks = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Slice>>;  // by process and stream

void expect_no_overlap(const Tracks& tracks) {
  for (const auto& [track, slices] : tracks)
    for (std::size_t i = 0; i < slices.size(); ++i) {
      ASSERT_LE(slices[i].start, slices[i].end);
      if (i == 0) continue;
      ASSERT_LE(slices[i - 1].end, slices[i].start) << slices[i].name << " on stream " << track.second;
    }
}

// What the Program and Timeline say, in the order of ids.
Tracks expected(const Program& p, const Timeline& t, std::int64_t unit) {
  Tracks out;
  for_each_instruction(p, [&](const Instruction& i) {
    out[{i.rank.i, static_cast<std::int64_t>(i.stream) + 1}].push_back(
        {"", t.start[i.id.i].v / unit, t.end[i.id.i].v / unit});
  });
  return out;
}

void expect_equal_times(const Tracks& found, const Tracks& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (const auto& [track, slices] : wanted) {
    const auto at = found.find(track);
    ASSERT_NE(at, found.end());
    ASSERT_EQ(at->second.size(), slices.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
      ASSERT_EQ(at->second[i].start, slices[i].start);
      ASSERT_EQ(at->second[i].end, slices[i].end);
    }
  }
}

std::string chrome(const Program& p, const Timeline& t, const TraceOptions& options = {}) {
  std::string out;
  write_chrome_trace(p, t, options, [&](std::string_view s) { out += s; });
  return out;
}

std::string perfetto(const Program& p, const Timeline& t, const TraceOptions& options = {}) {
  std::string out;
  write_perfetto_trace(p, t, options, [&](std::string_view s) { out += s; });
  return out;
}

// Microseconds as written, back in ticks.
std::int64_t ticks(const Json& v) { return static_cast<std::int64_t>(v.real() * 1e6 + 0.5); }

struct ChromeTrace {
  Tracks tracks;
  std::map<std::int64_t, std::vector<const Json*>> arrows;  // by id
  std::vector<const Json*> counters, slices;
};
ChromeTrace read(const Json& document) {
  ChromeTrace out;
  for (const Json& e : document.find("traceEvents")->items()) {
    const std::string& ph = e.find("ph")->string();
    if (ph == "X") {
      const std::int64_t start = ticks(*e.find("ts"));
      out.tracks[{e.find("pid")->integer(), e.find("tid")->integer()}].push_back(
          {e.find("name")->string(), start, start + ticks(*e.find("dur"))});
      out.slices.push_back(&e);
    }
    if (ph == "s" || ph == "f") out.arrows[e.find("id")->integer()].push_back(&e);
    if (ph == "C") out.counters.push_back(&e);
  }
  return out;
}

TEST(ChromeTrace, HoldsEveryInstructionWithoutOverlap) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    reference::RandomProgram random(seed, {.players = 3, .hosts = true});
    Timeline t;
    replay(random.p, random.prices(), workspace, t);
    const Json document = parse_json(chrome(random.p, t), "trace");
    const ChromeTrace trace = read(document);
    expect_no_overlap(trace.tracks);
    expect_equal_times(trace.tracks, expected(random.p, t, 1));
  }
}

TEST(ChromeTrace, SpeaksKineto) {
  const HandMade made(2, 2, 1, 4);
  const Json document = parse_json(chrome(made.p, made.timeline()), "trace");
  EXPECT_EQ(document.find("distributedInfo"), nullptr);  // two ranks in one file
  const ChromeTrace trace = read(document);
  std::set<std::string> names, collectives;
  for (const Json* s : trace.slices) {
    const Json& args = *s->find("args");
    EXPECT_EQ(args.find("stream")->integer(), s->find("tid")->integer());
    names.insert(s->find("name")->string());
    if (const Json* c = args.find("Collective name")) {
      collectives.insert(c->string());
      EXPECT_EQ(s->find("name")->string().rfind("nccl", 0), 0U);
      EXPECT_EQ(args.find("Group size")->integer(), 2);
      EXPECT_EQ(args.find("In msg nelems")->integer(), (1 << 20) / 2);
    }
  }
  EXPECT_EQ(names, (std::set<std::string>{"attention forward", "ncclDevKernel_AllReduce data",
                                          "ncclDevKernel_SendRecv receive", "ncclDevKernel_SendRecv send",
                                          "optimizer update", "qkv forward", "qkv input_gradient"}));
  EXPECT_EQ(collectives, (std::set<std::string>{"allreduce", "recv", "send"}));
}

TEST(ChromeTrace, ArrowsJoinSendsToReceives) {
  const HandMade made(3, 2, 1);
  const Timeline t = made.timeline();
  const Json document = parse_json(chrome(made.p, t), "trace");
  const ChromeTrace trace = read(document);
  EXPECT_EQ(trace.arrows.size(), 2U * 2 * 2);  // two neighbours, two directions, two micro-batches
  for (const auto& [id, ends] : trace.arrows) {
    ASSERT_EQ(ends.size(), 2U);
    EXPECT_NE(ends[0]->find("ph")->string(), ends[1]->find("ph")->string());
    EXPECT_NE(ends[0]->find("pid")->integer(), ends[1]->find("pid")->integer());
    EXPECT_EQ(ends[0]->find("ts")->real(), ends[1]->find("ts")->real());
  }
}

TEST(ChromeTrace, OneRankHasItsDistributedInfo) {
  const HandMade made(2, 2, 1, 4);
  const Json document = parse_json(chrome(made.p, made.timeline(), {.ranks = {{4}}}), "trace");
  ASSERT_NE(document.find("distributedInfo"), nullptr);
  EXPECT_EQ(document.find("distributedInfo")->find("rank")->integer(), 4);
  for (const auto& [track, slices] : read(document).tracks) EXPECT_EQ(track.first, 4);
}

// Two Timelines of one Program: each is there as if alone, and no process or arrow is shared.
TEST(ChromeTrace, TimelinesStandSideBySide) {
  const HandMade made(2, 2, 1);
  const Timeline t = made.timeline();
  std::string text;
  const NamedTimeline both[] = {{"predicted", t}, {"measured", t}};
  write_chrome_traces(made.p, both, {}, [&text](std::string_view piece) { text += piece; });
  const Json document = parse_json(text, "trace"), alone = parse_json(chrome(made.p, t), "trace");
  const ChromeTrace two = read(document), one = read(alone);
  EXPECT_EQ(two.tracks.size(), 2 * one.tracks.size());
  EXPECT_EQ(two.slices.size(), 2 * one.slices.size());
  EXPECT_EQ(two.arrows.size(), 2 * one.arrows.size());
  EXPECT_NE(text.find("\"predicted rank 0"), std::string::npos);
  EXPECT_NE(text.find("\"measured rank 0"), std::string::npos);
}

TEST(ChromeTrace, MemoryIsTheLedgersOverTime) {
  HandMade made(1, 2);
  // The stash of a micro-batch: taken in the forward block, released in the backward block.
  Buffer stash;
  stash.component = Component::activations;
  stash.lifetime = Lifetime::stash;
  stash.shape.d[0] = 512;
  made.p.buffers.push_back(stash);
  for (const std::uint32_t b : {0u, 1u}) {
    made.p.blocks[b].first_buffer = b;
    made.p.blocks[b].buffers = 1;
    BlockBuffer use;
    use.place = Place::stash;
    use.acquires = b == 0;
    use.releases = b == 1;
    made.p.block_buffers.push_back(use);
  }
  // One operand in the first row of each of the two blocks.
  made.p.operands.resize(2);
  for (std::uint32_t r = 0; r < made.p.rows.size(); ++r)
    made.p.rows[r].first_operand = r == 0 ? 0 : r <= made.p.blocks[1].first_row ? 1 : 2;
  const Json document = parse_json(chrome(made.p, made.timeline()), "trace");
  std::vector<std::int64_t> bytes;
  for (const Json* c : read(document).counters) bytes.push_back(c->find("args")->find("bytes")->integer());
  EXPECT_EQ(bytes, (std::vector<std::int64_t>{1024, 0, 1024, 0}));
  EXPECT_TRUE(read(parse_json(chrome(made.p, made.timeline(), {.ranks = {}, .memory = false}), "trace"))
                  .counters.empty());
}

struct PerfettoTrace {
  Tracks tracks;
  std::map<std::uint64_t, int> arrows;             // by id: ends
  std::map<std::uint64_t, std::string> processes;  // by uuid
  std::size_t packets = 0;
};

// Decodes by the field numbers of Perfetto's protocol, with names interned in order.
PerfettoTrace decode(const std::string& data) {
  PerfettoTrace out;
  std::map<std::uint64_t, std::string> names;
  std::map<std::uint64_t, std::pair<std::int64_t, std::int64_t>>
      open;  // by track: begun slice's process and stream
  protozero::pbf_reader trace(data);
  while (trace.next(1)) {
    ++out.packets;
    protozero::pbf_reader packet = trace.get_message();
    std::uint64_t at = 0, type = 0, track = 0, name = 0;
    std::vector<std::uint64_t> flows;
    while (packet.next()) {
      if (packet.tag() == 8)
        at = packet.get_uint64();
      else if (packet.tag() == 12) {
        protozero::pbf_reader interned = packet.get_message();
        while (interned.next()) {
          if (interned.tag() != 2) {
            interned.skip();
            continue;
          }
          protozero::pbf_reader entry = interned.get_message();
          std::uint64_t iid = 0;
          while (entry.next()) {
            if (entry.tag() == 1)
              iid = entry.get_uint64();
            else
              names[iid] = entry.get_string();
          }
        }
      } else if (packet.tag() == 60) {
        protozero::pbf_reader descriptor = packet.get_message();
        std::uint64_t uuid = 0;
        while (descriptor.next()) {
          if (descriptor.tag() == 1)
            uuid = descriptor.get_uint64();
          else if (descriptor.tag() == 3) {
            protozero::pbf_reader process = descriptor.get_message();
            while (process.next())
              process.tag() == 6 ? void(out.processes[uuid] = process.get_string()) : process.skip();
          } else
            descriptor.skip();
        }
      } else if (packet.tag() == 11) {
        protozero::pbf_reader event = packet.get_message();
        while (event.next()) {
          if (event.tag() == 9)
            type = event.get_uint64();
          else if (event.tag() == 11)
            track = event.get_uint64();
          else if (event.tag() == 10)
            name = event.get_uint64();
          else if (event.tag() == 47)
            flows.push_back(event.get_fixed64());
          else
            event.skip();
        }
      } else
        packet.skip();
    }
    std::vector<Slice>& slices =
        type == 1 || type == 2
            ? out.tracks[{static_cast<std::int64_t>(track >> 8) - 1, static_cast<std::int64_t>(track & 255)}]
            : out.tracks[{-1, -1}];
    if (type == 1) slices.push_back({names.at(name), static_cast<std::int64_t>(at), -1});
    if (type == 2) slices.back().end = static_cast<std::int64_t>(at);
    for (const std::uint64_t f : flows) ++out.arrows[f];
  }
  out.tracks.erase({-1, -1});
  return out;
}

TEST(PerfettoTrace, HoldsEveryInstructionWithoutOverlap) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    reference::RandomProgram random(seed, {.players = 3, .hosts = true});
    std::vector<Price> prices = random.prices();
    for (Price& p : prices) p.fixed.v *= 700;  // not whole nanoseconds
    Timeline t;
    replay(random.p, prices, workspace, t);
    const PerfettoTrace trace = decode(perfetto(random.p, t));
    expect_no_overlap(trace.tracks);
    expect_equal_times(trace.tracks, expected(random.p, t, 1000));
    EXPECT_EQ(trace.processes.size(), random.p.players());
  }
}

TEST(PerfettoTrace, ArrowsHaveTwoEndsAndNamesAreThoseOfTheJson) {
  const HandMade made(3, 2, 1);
  const Timeline t = made.timeline();
  const PerfettoTrace trace = decode(perfetto(made.p, t));
  EXPECT_EQ(trace.arrows.size(), 8U);
  for (const auto& [id, ends] : trace.arrows) EXPECT_EQ(ends, 2);
  const Json document = parse_json(chrome(made.p, t), "trace");
  for (const auto& [track, slices] : read(document).tracks)
    for (std::size_t i = 0; i < slices.size(); ++i) EXPECT_EQ(trace.tracks.at(track)[i].name, slices[i].name);
}

// Written in pieces, whatever the size of the whole.
TEST(Trace, IsStreamed) {
  const HandMade made(2, 400);
  std::size_t pieces = 0, most = 0, all = 0;
  const auto count = [&](std::string_view s) { ++pieces, most = std::max(most, s.size()), all += s.size(); };
  write_chrome_trace(made.p, made.timeline(), {}, count);
  EXPECT_GT(pieces, 5U);
  EXPECT_LT(most, 70'000U);
  EXPECT_EQ(all, chrome(made.p, made.timeline()).size());
}

}  // namespace
}  // namespace orrery
