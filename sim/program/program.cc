#include "sim/program/program.h"

#include "sim/base/hash.h"

namespace orrery {

void Program::clear() {
  classes.clear();
  rows.clear();
  waits.clear();
  operands.clear();
  buffers.clear();
  persistents.clear();
  block_buffers.clear();
  blocks.clear();
  calls.clear();
  call_teams.clear();
  outside_waits.clear();
  teams.clear();
  stages.clear();
  groups.clear();
  weights.clear();
}

std::uint32_t Program::players() const {
  std::uint32_t n = 0;
  for (const Team& t : teams) n += static_cast<std::uint32_t>(t.players.size());
  return n;
}

std::uint32_t Program::row_id(const Call& c, std::uint32_t row) const {
  const Block& block = blocks[c.block];
  if (block.slots == 1) return c.first_id + row * static_cast<std::uint32_t>(team(c, 0).players.size());
  std::uint32_t id = c.first_id;
  for (std::uint32_t slot = 0; slot < row; ++slot)
    id += static_cast<std::uint32_t>(team(c, slot).players.size());
  return id;
}

std::uint64_t digest(const Program& p) {
  std::uint64_t h = 0;
  for_each_instruction(p, [&](const Instruction& i) {
    h = mix(h ^ static_cast<std::uint64_t>(i.kind) ^ static_cast<std::uint64_t>(i.stream) << 8 ^
            std::uint64_t{i.rank.i} << 16);
    h = mix(h ^ i.cost_class ^ std::uint64_t{i.tags.micro_batch} << 32);
    h = mix(h ^ i.group ^ std::uint64_t{i.sequence} << 32);
    for (InstructionId w : i.waits) h = mix(h ^ w.i);
  });
  return h;
}

std::string_view name(Kind k) {
  constexpr std::string_view names[] = {
      "compute",  "all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast",
      "exchange", "send",       "receive",        "copy",       "host"};
  return names[static_cast<std::size_t>(k)];
}

std::string_view name(Stream s) {
  constexpr std::string_view names[] = {"compute",      "tensor",    "context",          "expert",
                                        "data",         "send_next", "receive_previous", "send_previous",
                                        "receive_next", "to_device", "to_host",          "host"};
  return names[static_cast<std::size_t>(s)];
}

std::string_view name(Role r) {
  constexpr std::string_view names[] = {"self",      "tensor",    "context",       "expert",
                                        "data",      "to_next",   "from_previous", "to_previous",
                                        "from_next", "embedding", "world"};
  return names[static_cast<std::size_t>(r)];
}

std::string_view name(Component c) {
  constexpr std::string_view names[] = {"weights",  "gradients", "optimizer", "activations",
                                        "gathered", "logits",    "workspace", "messages"};
  return names[static_cast<std::size_t>(c)];
}

std::string_view name(BlockName b) {
  constexpr std::string_view names[] = {"begin", "forward", "backward", "activations", "gradients", "finish"};
  return names[static_cast<std::size_t>(b)];
}

}  // namespace orrery
