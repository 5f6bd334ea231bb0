#include "sim/report/trace_source.h"

#include <algorithm>

#include "sim/program/ledger.h"

namespace orrery::report {
namespace {

std::string_view kernel_name(Kind k) {
  switch (k) {
    case Kind::all_reduce:
      return "AllReduce";
    case Kind::reduce_scatter:
      return "ReduceScatter";
    case Kind::all_gather:
      return "AllGather";
    case Kind::all_to_all:
      return "AllToAll";
    case Kind::broadcast:
      return "Broadcast";
    default:
      return "SendRecv";
  }
}

// Where the rows of a call that a team plays begin and end, in time, for one player.
struct Span {
  Tick start, end;
};
Span span_of(const Program& p, const Timeline& t, const Call& call, std::uint32_t team,
             std::uint32_t player) {
  const Block& block = p.blocks[call.block];
  std::uint32_t id = call.first_id;
  Span out{{INT64_MAX}, {0}};
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const std::uint32_t row_team = p.call_teams[call.first_team + p.rows[block.first_row + r].slot];
    if (row_team == team) {
      out.start = std::min(out.start, t.start[id + player]);
      out.end = std::max(out.end, t.end[id + player]);
    }
    id += static_cast<std::uint32_t>(p.teams[row_team].players.size());
  }
  return out;
}

}  // namespace

std::vector<TracedRank> traced_ranks(const Program& p, const TraceOptions& options) {
  std::vector<TracedRank> out;
  for (std::uint32_t t = 0; t < p.teams.size(); ++t)
    for (std::uint32_t i = 0; i < p.teams[t].players.size(); ++i) {
      const RankId rank = p.teams[t].players[i];
      const auto& asked = options.ranks;
      if (!asked.empty() && std::find(asked.begin(), asked.end(), rank) == asked.end()) continue;
      std::string name = "rank " + std::to_string(rank.i) + ", stage " + std::to_string(t);
      if (p.teams[t].copies[i] > 1)
        name += " (stands for " + std::to_string(p.teams[t].copies[i]) + " ranks)";
      out.push_back({t, i, rank, std::move(name)});
    }
  return out;
}

std::string slice_name(const Program& p, const Row& row) {
  if (row.kind == Kind::copy) return row.stream == Stream::to_host ? "Memcpy DtoH" : "Memcpy HtoD";
  if (row.kind == Kind::host) return "host";
  if (is_meeting(row.kind)) {
    const std::string_view what =
        row.kind == Kind::send || row.kind == Kind::receive ? name(row.kind) : name(row.role);
    return "ncclDevKernel_" + std::string(kernel_name(row.kind)) + " " + std::string(what);
  }
  return std::string(name(p.classes[row.cost_class].op.name)) + " " + std::string(name(row.pass));
}

std::string_view category_word(const Row& row) {
  if (row.kind == Kind::copy) return "gpu_memcpy";
  return row.kind == Kind::host ? "cpu_op" : "kernel";
}

std::string_view collective_name(Kind k) {
  switch (k) {
    case Kind::all_reduce:
      return "allreduce";
    case Kind::reduce_scatter:
      return "_reduce_scatter_base";
    case Kind::all_gather:
      return "_allgather_base";
    case Kind::all_to_all:
      return "all_to_allv";
    case Kind::broadcast:
      return "broadcast";
    case Kind::exchange:
      return "send_recv";
    case Kind::send:
      return "send";
    case Kind::receive:
      return "recv";
    default:
      return {};
  }
}

std::uint32_t flow_id(const RankView& view, const RankView::Item& item) {
  std::uint32_t least = item.id;
  view.for_each_member(item,
                       [&](std::uint32_t, std::uint32_t, std::uint32_t id) { least = std::min(least, id); });
  return least;
}

std::vector<MemorySample> memory_samples(const Program& p, const Timeline& t, std::uint32_t team,
                                         std::uint32_t player) {
  std::vector<MemorySample> out;
  const auto add = [&](Tick at, Bytes bytes) {
    if (!out.empty()) at = std::max(at, out.back().at);
    if (out.empty() || out.back().bytes != bytes) out.push_back({at, bytes});
  };
  for (const LiveBytes& live : live_bytes(p, team)) {
    const Span span = span_of(p, t, p.calls[live.call], team, player);
    add(span.start, live.peak);
    add(span.end, live.after);
  }
  return out;
}

}  // namespace orrery::report
