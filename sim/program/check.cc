#include "sim/program/check.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "sim/base/hash.h"
#include "sim/program/builder.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = ~0u;

std::string text(const Instruction& i) {
  return "instruction " + std::to_string(i.id.i) + " (" + std::string(name(i.kind)) + " on " +
         std::string(name(i.stream)) + " of rank " + std::to_string(i.rank.i) + ")";
}

// Rules on waits and meetings, over instructions in id order.
class Meetings {
 public:
  explicit Meetings(const Program& p) : program_(p), rank_of_(p.size()), meeting_end_(p.size(), none) {}

  std::string run() {
    for_each_instruction(program_, [&](const Instruction& i) {
      if (error_.empty()) first_pass(i);
    });
    for (const auto& [key, m] : meetings_)
      for (std::uint32_t id : m.members) meeting_end_[id] = m.last;
    if (error_.empty())
      for_each_instruction(program_, [&](const Instruction& i) {
        if (error_.empty()) second_pass(i);
      });
    return error_;
  }

 private:
  struct Meeting {
    std::vector<std::uint32_t> members;
    std::uint32_t last = 0;
    const CostClass* what = nullptr;
  };
  void first_pass(const Instruction& i) {
    if (i.id.i != next_++) error_ = "ids are not consecutive at " + text(i);
    rank_of_[i.id.i] = i.rank.i;
    for (InstructionId w : i.waits) {
      if (w.i >= i.id.i)
        error_ = text(i) + " waits for the later instruction " + std::to_string(w.i);
      else if (rank_of_[w.i] != i.rank.i)
        error_ = text(i) + " waits for instruction " + std::to_string(w.i) + " of another rank";
    }
    if (!is_meeting(i.kind)) return;
    const auto place = std::make_pair(i.rank.i, i.group * 2 + (i.kind == Kind::receive));
    const auto [stream, fresh] = streams_.try_emplace(place, i.stream);
    if (!fresh && stream->second != i.stream)
      error_ = text(i) + " is on another stream than its group's earlier ones";
    std::uint32_t& expected = sequence_[place];
    if (i.sequence != expected++)
      error_ = text(i) + " has sequence " + std::to_string(i.sequence) + " in its group, not " +
               std::to_string(expected - 1);
    Meeting& m = meetings_[{i.group, i.sequence}];
    const CostClass& what = program_.classes[i.cost_class];
    if (m.what && (m.what->kind != what.kind || m.what->bytes != what.bytes || m.what->dtype != what.dtype))
      error_ = text(i) + " differs from another member of its meeting";
    m.what = &what;
    m.members.push_back(i.id.i);
    m.last = i.id.i;
  }
  void second_pass(const Instruction& i) {
    const auto late = [&](std::uint32_t earlier) {
      return meeting_end_[earlier] != none && meeting_end_[earlier] >= i.id.i;
    };
    for (InstructionId w : i.waits)
      if (late(w.i)) error_ = text(i) + " waits for a meeting with a later member";
    std::uint32_t& before =
        last_on_stream_.try_emplace({i.rank.i, static_cast<std::uint32_t>(i.stream)}, none).first->second;
    if (before != none && late(before))
      error_ = text(i) + " follows a meeting with a later member in its stream";
    before = i.id.i;
  }

  const Program& program_;
  std::string error_;
  std::uint32_t next_ = 0;
  std::vector<std::uint32_t> rank_of_, meeting_end_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Stream> streams_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> sequence_, last_on_stream_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Meeting> meetings_;
};

// Rules on buffers, for player 0 of each team. `after[i][s]` is the last instruction of stream s that has
// certainly ended when i starts: a vector clock over the streams of one rank.
class Buffers {
 public:
  explicit Buffers(const Program& p) : program_(p) {}

  std::string run() {
    for (std::uint32_t team = 0; team < program_.teams.size() && error_.empty(); ++team) walk(team);
    return error_;
  }

 private:
  using Clock = std::array<std::uint32_t, stream_count>;  // ordinal + 1 of an instruction of the stream
  struct Use {
    std::uint32_t ordinal = 0;
    Stream stream = Stream::compute;
    bool write = false;
  };
  struct Life {
    std::vector<Use> uses;
    bool alive = false;
  };

  void walk(std::uint32_t team) {
    lives_.clear();
    clocks_.clear();
    stream_clock_.fill({});
    std::uint32_t ordinal = 0;
    for (std::uint32_t c = 0; c < program_.call_count() && error_.empty(); ++c) {
      const Call& call = program_.calls[c];
      const Block& block = program_.blocks[call.block];
      for (std::uint32_t slot = 0; slot < block.slots; ++slot)
        if (program_.call_teams[call.first_team + slot] == team) play(c, slot, ordinal);
    }
  }

  void play(std::uint32_t c, std::uint32_t slot, std::uint32_t& ordinal) {
    const Call& call = program_.calls[c];
    const Block& block = program_.blocks[call.block];
    std::vector<std::uint32_t> last(block.buffers, none);
    for (std::uint32_t r = 0; r < block.rows; ++r)
      if (program_.rows[block.first_row + r].slot == slot)
        for (std::uint32_t o = program_.rows[block.first_row + r].first_operand;
             o < program_.rows[block.first_row + r + 1].first_operand; ++o)
          last[program_.operands[o].buffer] = r;
    for (std::uint32_t r = 0; r < block.rows && error_.empty(); ++r) {
      const Row& row = program_.rows[block.first_row + r];
      if (row.slot != slot) continue;
      Clock clock = stream_clock_[static_cast<std::size_t>(row.stream)];
      const auto join = [&](std::uint32_t id) {
        const auto at = clocks_.find(id);
        if (at == clocks_.end()) return;
        for (std::size_t s = 0; s < stream_count; ++s) clock[s] = std::max(clock[s], at->second[s]);
      };
      for (std::uint32_t w = row.first_wait; w < program_.rows[block.first_row + r + 1].first_wait; ++w)
        join(program_.row_id(call, r - program_.waits[w]));
      for (std::uint32_t w = call.first_wait; w < program_.calls[c + 1].first_wait; ++w)
        if (program_.outside_waits[w].row == r)
          join(program_.row_id(program_.calls[program_.outside_waits[w].call],
                               program_.outside_waits[w].awaited));
      ++ordinal;
      for (std::uint32_t o = row.first_operand; o < program_.rows[block.first_row + r + 1].first_operand; ++o)
        use(call, block, row, program_.operands[o], clock, ordinal);
      for (std::uint32_t b = 0; b < block.buffers; ++b)
        if (last[b] == r && program_.block_buffers[block.first_buffer + b].releases)
          life(call, block, b).alive = false;
      clock[static_cast<std::size_t>(row.stream)] = ordinal;
      clocks_[program_.row_id(call, r)] = clock;
      stream_clock_[static_cast<std::size_t>(row.stream)] = clock;
    }
  }

  Life& life(const Call& call, const Block& block, std::uint32_t local) {
    const BlockBuffer& b = program_.block_buffers[block.first_buffer + local];
    const Buffer& what = program_.buffers[b.buffer];
    const std::uint32_t places[] = {0, call.stash, call.input, call.gradient, call.output};
    std::uint64_t key =
        mix(std::uint64_t{b.home} | static_cast<std::uint64_t>(call.virtual_stage + b.stage_offset) << 32);
    key = mix(key ^ static_cast<std::uint64_t>(b.place) << 32 ^ places[static_cast<std::size_t>(b.place)]);
    // Transients of different blocks may sit anywhere: a block's own are told apart by the block.
    if (b.home & BlockBuilder::local_home) key = mix(key ^ std::uint64_t{call.block} << 40);
    return lives_[mix(key ^ static_cast<std::uint64_t>(what.lifetime))];
  }

  void use(const Call& call, const Block& block, const Row& row, const Operand& operand, const Clock& clock,
           std::uint32_t ordinal) {
    const BlockBuffer& b = program_.block_buffers[block.first_buffer + operand.buffer];
    const Buffer& what = program_.buffers[b.buffer];
    Life& l = life(call, block, operand.buffer);
    const auto complain = [&](const std::string& why) {
      error_ = "buffer \"" + std::string(what.name) + "\": " + why + " in the " +
               std::string(name(block.name)) + " call of micro-batch " + std::to_string(call.micro_batch) +
               " on virtual stage " + std::to_string(call.virtual_stage);
    };
    if (what.lifetime != Lifetime::persistent) {
      if (b.acquires && !l.alive) l.alive = true;
      if (!l.alive) return complain("used outside its life");
    }
    std::vector<Use> kept;
    for (const Use& u : l.uses) {
      const bool before = clock[static_cast<std::size_t>(u.stream)] >= u.ordinal || u.stream == row.stream;
      if (!before && (u.write || operand.write)) return complain("two unordered uses, one of which writes,");
      const bool covered =
          operand.write ? before : !u.write && u.stream == row.stream;  // the later use stands for it
      if (!covered) kept.push_back(u);
    }
    kept.push_back({ordinal, row.stream, operand.write});
    l.uses = std::move(kept);
  }

  const Program& program_;
  std::string error_;
  std::unordered_map<std::uint64_t, Life> lives_;
  std::unordered_map<std::uint32_t, Clock> clocks_;
  std::array<Clock, stream_count> stream_clock_{};
};

// Rules on the operands of each row.
std::string operands(const Program& p) {
  for (const Block& block : p.blocks) {
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p.rows[block.first_row + r];
      std::int64_t moved[2] = {0, 0};  // bytes read, written
      for (std::uint32_t o = row.first_operand; o < p.rows[block.first_row + r + 1].first_operand; ++o) {
        const Operand& operand = p.operands[o];
        const Buffer& what = p.buffers[p.block_buffers[block.first_buffer + operand.buffer].buffer];
        const std::int64_t elements = operand.shape.elements();
        if (operand.share == Share::data) {  // rank by rank another share of it
          moved[operand.write] += elements * size_of(what.dtype);
          continue;
        }
        if (operand.offset < 0 || operand.offset + elements > what.shape.elements())
          return "a view of " + std::to_string(elements) + " elements at " + std::to_string(operand.offset) +
                 " is not within \"" + std::string(what.name) + "\" of " +
                 std::to_string(what.shape.elements());
        moved[operand.write] += elements * size_of(what.dtype);
      }
      const std::int64_t bytes = p.classes[row.cost_class].bytes.v;
      if (is_meeting(row.kind) && std::max(moved[0], moved[1]) < bytes)
        return std::string(name(row.kind)) + " of " + std::to_string(bytes) + " bytes names operands of " +
               std::to_string(std::max(moved[0], moved[1]));
    }
  }
  return {};
}

}  // namespace

std::string check(const Program& p) {
  std::string error = Meetings(p).run();
  if (error.empty()) error = Buffers(p).run();
  return error.empty() ? operands(p) : error;
}

}  // namespace orrery
