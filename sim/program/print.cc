#include "sim/program/print.h"

namespace orrery {
namespace {

std::string padded(std::string s, std::size_t width) {
  if (s.size() < width) s.append(width - s.size(), ' ');
  return s;
}

std::string grouped(std::int64_t v) {
  std::string s = std::to_string(v);
  for (auto at = static_cast<std::ptrdiff_t>(s.size()) - 3; at > 0; at -= 3)
    s.insert(static_cast<std::size_t>(at), ",");
  return s;
}

// The player that stands for a rank; nothing if there is no such rank.
std::optional<RankId> shown(const Program& p, RankId rank) {
  for (const Team& team : p.teams) {
    const auto ranks = static_cast<std::uint32_t>(team.player_of.size());
    if (rank.i < ranks) return team.players[team.player_of[rank.i]];
    rank.i -= ranks;
  }
  return {};
}

std::string shape_text(const Shape& s) {
  std::string out = std::to_string(s.d[0]);
  int last = 3;
  while (last > 0 && s.d[last] == 1) --last;
  for (int i = 1; i <= last; ++i) out += "x" + std::to_string(s.d[i]);
  return out;
}

Json numbers(const std::vector<std::uint32_t>& values) {
  Json out = Json::array();
  for (std::uint32_t v : values) out.push(std::size_t{v});
  return out;
}

Json rank_list(const std::vector<RankId>& ranks) {
  Json out = Json::array();
  for (RankId r : ranks) out.push(std::size_t{r.i});
  return out;
}

Json block_json(const Program& p, const Block& b) {
  Json rows = Json::array(), buffers = Json::array();
  for (std::uint32_t i = 0; i < b.buffers; ++i) {
    const BlockBuffer& local = p.block_buffers[b.first_buffer + i];
    const Buffer& what = p.buffers[local.buffer];
    Json j = Json::object();
    j.set("name", what.name)
        .set("component", name(what.component))
        .set("dtype", name(what.dtype))
        .set("shape", shape_text(what.shape));
    j.set("bytes", what.bytes().v).set("acquires", local.acquires).set("releases", local.releases);
    buffers.push(std::move(j));
  }
  for (std::uint32_t r = 0; r < b.rows; ++r) {
    const Row& row = p.rows[b.first_row + r];
    Json waits = Json::array(), reads = Json::array(), writes = Json::array();
    for (std::uint32_t w = row.first_wait; w < p.rows[b.first_row + r + 1].first_wait; ++w)
      waits.push(std::size_t{r - p.waits[w]});
    for (std::uint32_t o = row.first_operand; o < p.rows[b.first_row + r + 1].first_operand; ++o)
      (p.operands[o].write ? writes : reads).push(std::size_t{p.operands[o].buffer});
    Json j = Json::object();
    j.set("stream", name(row.stream))
        .set("kind", name(row.kind))
        .set("class", std::size_t{row.cost_class})
        .set("layer", std::size_t{row.layer});
    j.set("waits", std::move(waits)).set("reads", std::move(reads)).set("writes", std::move(writes));
    rows.push(std::move(j));
  }
  Json out = Json::object();
  out.set("name", name(b.name)).set("buffers", std::move(buffers)).set("rows", std::move(rows));
  return out;
}

}  // namespace

std::string describe(const CostClass& c) {
  const auto times = [](std::initializer_list<std::int64_t> v) {
    std::string s;
    for (std::int64_t x : v) s += (s.empty() ? "" : "x") + std::to_string(x);
    return s;
  };
  if (c.kind == Kind::compute) {
    std::string s(name(c.op.name));
    if (c.op.kind == OpKind::memory) return s + " " + grouped(c.op.elements) + " elements";
    s += " " + times({c.op.m, c.op.n, c.op.k});
    if (c.op.batch > 1) s += " in " + grouped(c.op.batch);
    return s + " " + std::string(name(c.op.dtype));
  }
  return std::string(name(c.kind)) + " " + grouped(c.bytes.v) + " B over " + std::to_string(c.group.size) +
         " (" + std::string(name(c.role)) + ")";
}

std::string listing(const Program& p, std::optional<RankId> rank) {
  std::string out;
  std::optional<RankId> player;
  if (rank && !(player = shown(p, *rank))) return out;
  out = padded("id", 9) + padded("rank", 7) + padded("stream", 17) + padded("micro-batch", 12) +
        padded("stage", 6) + padded("layer", 6) + padded("pass", 16) + padded("instruction", 56) + "waits\n";
  for_each_instruction(p, [&](const Instruction& i) {
    if (player && i.rank != *player) return;
    const CostClass& what = p.classes[i.cost_class];
    std::string does = i.kind == Kind::receive ? "receive" + describe(what).substr(4) : describe(what);
    if (is_meeting(i.kind)) does += " #" + std::to_string(i.group) + "." + std::to_string(i.sequence);
    std::string waits;
    for (InstructionId w : i.waits) waits += (waits.empty() ? "" : " ") + std::to_string(w.i);
    std::string line =
        padded(std::to_string(i.id.i), 9) + padded(std::to_string(i.rank.i), 7) +
        padded(std::string(name(i.stream)), 17) + padded(std::to_string(i.tags.micro_batch), 12) +
        padded(std::to_string(i.tags.virtual_stage), 6) + padded(std::to_string(i.tags.layer), 6) +
        padded(std::string(name(i.tags.pass)), 16) + padded(does, 56) + waits;
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  });
  return out;
}

Json inspect(const Program& p) {
  Json classes = Json::array(), groups = Json::array(), teams = Json::array(), blocks = Json::array(),
       calls = Json::array(), weights = Json::array();
  for (const CostClass& c : p.classes) classes.push(describe(c));
  for (const Group& g : p.groups) {
    Json j = Json::object();
    j.set("role", name(g.role)).set("copies", std::size_t{g.copies}).set("members", rank_list(g.members));
    groups.push(std::move(j));
  }
  for (const Team& t : p.teams) {
    Json j = Json::object();
    j.set("players", rank_list(t.players)).set("copies", numbers(t.copies));
    teams.push(std::move(j));
  }
  for (const Block& b : p.blocks) blocks.push(block_json(p, b));
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    Json played = Json::array(), waits = Json::array();
    for (std::uint32_t s = 0; s < p.blocks[call.block].slots; ++s)
      played.push(std::size_t{p.call_teams[call.first_team + s]});
    for (std::uint32_t w = call.first_wait; w < p.calls[c + 1].first_wait; ++w) {
      const OutsideWait& o = p.outside_waits[w];
      waits.push(Json::array({std::size_t{o.row}, std::size_t{o.call}, std::size_t{o.awaited}}));
    }
    Json j = Json::object();
    j.set("block", std::size_t{call.block})
        .set("teams", std::move(played))
        .set("micro_batch", std::size_t{call.micro_batch});
    j.set("virtual_stage", std::size_t{call.virtual_stage})
        .set("stash", std::size_t{call.stash})
        .set("waits", std::move(waits));
    calls.push(std::move(j));
  }
  for (const Weight& w : p.weights) {
    Json shape = Json::array();
    for (std::int64_t d : w.shape) shape.push(d);
    Json j = Json::object();
    j.set("name", w.name)
        .set("shape", std::move(shape))
        .set("axis", w.axis)
        .set("virtual_stage", std::size_t{w.virtual_stage})
        .set("offset", w.offset);
    weights.push(std::move(j));
  }
  Json out = Json::object();
  out.set("schema", "orrery.program/1")
      .set("folded", p.folded)
      .set("instructions", p.size())
      .set("classes", std::move(classes));
  out.set("groups", std::move(groups))
      .set("teams", std::move(teams))
      .set("blocks", std::move(blocks))
      .set("calls", std::move(calls));
  return out.set("weights", std::move(weights));
}

}  // namespace orrery
