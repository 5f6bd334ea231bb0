// The Program: what every rank does in one training step, without how long it takes. Immutable after
// compile(), freely shared. Rules (all of them, numbered, in docs/model.md):
//  1. Instruction ids are a total order; a stream runs its instructions one at a time in id order.
//  2. An instruction waits only for instructions of its own rank, and they have smaller ids.
//  3. It starts when its stream is free, its waits have ended and the host has issued it; the host issues a
//     rank's instructions in id order, at the class's launch price each.
//  4. Ranks order each other only in meetings (a collective or a message): a meeting begins when its last
//  member
//     has started, and all members end together, one price later.
//  5. Every member of a meeting has a smaller id than anything that waits for a member or follows one in its
//     stream. Hence no play can deadlock.
//
// Storage. A *block* is a list of rows; a row is one instruction written against roles. A *team* is the ranks
// (folded: one representative a rank class) that play blocks in step: those of one pipeline stage. A *call*
// plays a block with one or more teams. Expanding call by call, row by row, player by player gives the ids.
// The members of a meeting always lie within one call, in one row or in adjacent rows of different teams.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cluster/groups.h"
#include "sim/model/ops.h"

namespace orrery {

enum class Kind : std::uint8_t {
  compute,
  all_reduce,
  reduce_scatter,
  all_gather,
  all_to_all,
  broadcast,
  exchange,
  send,
  receive,
  copy,
  host
};
constexpr bool is_meeting(Kind k) { return k >= Kind::all_reduce && k <= Kind::receive; }

// The in-order queues of a rank. The pipeline has one a neighbour and direction, since a receive must not
// hold up a send that is ready.
enum class Stream : std::uint8_t {
  compute,
  tensor,
  context,
  expert,
  data,
  send_next,
  receive_previous,
  send_previous,
  receive_next,
  to_device,
  to_host,
  host
};
inline constexpr std::uint32_t stream_count = 12;

// The group of the player in which a row communicates. Messages: activations go to the next stage, gradients
// to the previous one; the two ends of a message name the same group.
enum class Role : std::uint8_t {
  self,
  tensor,
  context,
  expert,
  data,
  to_next,
  from_previous,
  to_previous,
  from_next,
  embedding,
  world
};
inline constexpr std::uint32_t role_count = 11;

// All that a price depends on.
struct CostClass {
  Kind kind = Kind::compute;
  Role role = Role::self;     // of a communication
  Op op;                      // of a compute instruction
  Bytes bytes{};              // of a communication: the whole buffer (gathered, reduced or sent)
  GroupSignature group;       // of a communication
  DType dtype = DType::bf16;  // of a communication
  std::uint32_t device = 0;   // node group whose device computes
  bool pipelined = false;     // a tensor collective that is chunked into its matrix product
  bool operator==(const CostClass&) const = default;
};

// A buffer of a rank, as a block names it.
enum class Component : std::uint8_t {
  weights,
  gradients,
  optimizer,
  activations,
  gathered,
  logits,
  workspace,
  messages
};
inline constexpr std::uint32_t component_count = 8;
enum class Lifetime : std::uint8_t {
  persistent,  // weights, gradients, optimizer state: the whole step
  stash,       // from the forward pass of a micro-batch on a virtual stage to its backward pass
  message,     // from a receive, or to a send
  transient    // within its block, or from one call to a later one of the same rank (gathered parameters)
};
struct Shape {
  std::int64_t d[4] = {1, 1, 1, 1};
  std::int64_t elements() const { return d[0] * d[1] * d[2] * d[3]; }
  bool operator==(const Shape&) const = default;
};
struct Buffer {
  Component component = Component::workspace;
  Lifetime lifetime = Lifetime::transient;
  DType dtype = DType::bf16;
  Shape shape;            // row-major, contiguous
  std::string_view name;  // "qkv", "gathered norm1": a literal
  Bytes bytes() const { return {shape.elements() * size_of(dtype)}; }
  bool operator==(const Buffer&) const = default;
};

// An operand of a row: a buffer of the block, and a part of it when it is a view (a tensor in a layer's flat
// weights, a bucket of gradients).
//
// `tensor`: the player's equal part, by its place in its tensor group, of the elements in order. `data`:
// offsets count in the whole of which the buffer holds the player's equal part, by its place in its data
// group; the operand is what falls within that part, perhaps nothing. `first`: all of it on the first of the
// player's tensor group, nothing on the others: what a sum over the group is to count once.
enum class Share : std::uint8_t { all, tensor, data, first };
struct Operand {
  std::uint16_t buffer = 0;  // into the block's buffers
  bool write = false;
  bool add = false;  // written by adding
  Share share = Share::all;
  bool whole = true;        // else: `elements` from `offset`, read as `shape`
  std::int64_t offset = 0;  // elements
  Shape shape;
};

// One instruction of a block.
struct Row {
  std::uint32_t cost_class = 0;     // of a player of variant 0; see Team::variants
  std::uint32_t first_wait = 0;     // into Program::waits; ends where the next row's begin
  std::uint32_t first_operand = 0;  // into Program::operands; ends where the next row's begin
  std::uint16_t layer = 0;          // within the virtual stage; its count of layers for the head
  Kind kind = Kind::compute;
  Stream stream = Stream::compute;
  Role role = Role::self;
  std::uint8_t slot = 0;  // which of the call's teams plays it
  OpName op = OpName::none;
  Pass pass = Pass::forward;
};

enum class BlockName : std::uint8_t { begin, forward, backward, activations, gradients, finish };

// Rows [first_row, first_row + rows) of Program::rows. A block of several slots has one row a slot, all in
// one meeting.
struct Block {
  BlockName name = BlockName::begin;
  std::uint32_t first_row = 0, rows = 0, slots = 1;
  std::uint32_t first_buffer = 0, buffers = 0;  // into Program::block_buffers
  std::uint32_t streams = 0;                    // bit s: some row is on stream s
};

// Which place of the call, if any, tells a buffer's instances apart.
enum class Place : std::uint8_t { fixed, stash, input, gradient, output };

// A buffer as a block names it. Within a rank it is told apart by (virtual stage, home, place, the call's
// value of that place). A life that begins and ends in the block is a transient's.
struct BlockBuffer {
  std::uint32_t buffer = 0;  // into Program::buffers: what it is
  std::uint32_t home = 0;
  std::int32_t stage_offset = 0;  // its virtual stage is the call's plus this
  Place place = Place::fixed;
  bool acquires = false, releases = false;  // its life begins, ends in this block
};

// Homes of the buffers that a virtual stage has at places of their own: those of unit u (0: the embedding,
// then the layers, then the head) at 8 u + the first five; slots k that layers take in turn at 8 (k + 1) +
// theirs; the others once.
namespace home {
inline constexpr std::uint32_t weights = 0, gradients = 1, optimizer = 2, gathered = 3, whole_gradients = 4;
inline constexpr std::uint32_t gathered_slot = 5, gradient_slot = 6;
inline constexpr std::uint32_t gradient_norm = 5;  // of a team, at its first virtual stage
inline constexpr std::uint32_t tokens = 6;         // of the step, on the first and the last virtual stage
inline constexpr std::uint32_t loss = 7;           // of the step, summed over tokens, on the last one
inline constexpr std::uint32_t of_unit(std::size_t unit, std::uint32_t which) {
  return static_cast<std::uint32_t>(8 * unit) + which;
}
inline constexpr std::uint32_t of_slot(std::size_t slot, std::uint32_t which) {
  return of_unit(slot + 1, which);
}
}  // namespace home

// A persistent buffer of a virtual stage.
struct Persistent {
  std::uint32_t buffer = 0, home = 0, virtual_stage = 0;
  bool cut = false;  // it holds the data rank's equal part of its unit
};

struct VirtualStage {
  std::uint32_t team = 0, first_layer = 0, layers = 0;
};

// The row `row` of a call also waits for row `awaited` of the earlier call `call`, of the same rank.
struct OutsideWait {
  std::uint32_t row = 0, call = 0, awaited = 0;
};

struct Call {
  std::uint32_t block = 0;
  std::uint32_t first_team = 0;  // into Program::call_teams: the team of each slot of the block
  std::uint32_t first_wait =
      0;                       // into Program::outside_waits, sorted by row; ends where the next call's begin
  std::uint32_t first_id = 0;  // of its first instruction
  std::uint32_t micro_batch = 0;
  std::uint16_t virtual_stage = 0;  // 0 ... p*v-1; of a message: that of its consumer
  std::uint16_t stash = 0, input = 0, gradient = 0, output = 0;  // the places of its buffers, see Place
};

// The ranks that play blocks in step. All vectors by player are as long as `players`.
struct Team {
  std::vector<RankId> players;        // true ranks; folded: one representative of each rank class
  std::vector<std::uint32_t> copies;  // ranks that the player stands for
  std::vector<std::uint32_t>
      player_of;  // by rank of the stage, from its first: the player that stands for it
  // By role and player: which meeting of the role's row it is in (0 ... meetings-1), its offset to the cost
  // class of the row, and its group.
  struct InRole {
    std::uint32_t meetings = 0;
    std::vector<std::uint32_t> meeting, variant, group;
    std::vector<std::uint8_t>
        closes;  // the last player of its group in this team (of all teams, in `world`, `embedding`)
  };
  InRole roles[role_count];
};

// A group of ranks with a purpose. Folded: one stands for all alike.
struct Group {
  Role role = Role::self;
  GroupSignature signature;
  std::vector<RankId> members;  // true ranks, in order
  std::uint32_t copies = 1;     // alike groups that it stands for
};

// Tags of an instruction.
struct Tags {
  std::uint32_t micro_batch = 0;
  std::uint16_t virtual_stage = 0, layer = 0;
  Pass pass = Pass::forward;
  OpName op = OpName::none;
  BlockName block = BlockName::begin;
};

// Decoded on demand.
struct Instruction {
  InstructionId id;
  Kind kind;
  Stream stream;
  Role role;
  RankId rank;
  std::uint32_t cost_class, group, sequence;  // group and sequence: of a meeting
  Tags tags;
  std::vector<InstructionId> waits;
};

// A tensor of a layer (or of the edges) as a checkpoint knows it, and the slice that a rank holds.
struct Weight {
  std::string name;                 // "layers.3.attention.qkv.weight"
  std::vector<std::int64_t> shape;  // global, padded
  int axis = -1;  // cut over tensor ranks along this axis; -1: a copy on each, owned by tensor rank 0
  std::uint32_t virtual_stage = 0;
  std::uint32_t home = 0;  // the flat weights that hold it (ZeRO-3: that hold it when gathered)
  std::int64_t offset = 0, elements = 0;  // within them, on one rank
  bool partial = false;  // a copy on each tensor rank, each with a part of its gradient until the step's end
  bool tied = false;     // the last stage's copy of the first stage's matrix
};

class Program {
 public:
  std::vector<CostClass> classes;
  std::vector<Row> rows;             // and one more, as the end of the last
  std::vector<std::uint32_t> waits;  // distances to earlier rows of the same block, in rows
  std::vector<Operand> operands;
  std::vector<Buffer> buffers;
  std::vector<Persistent> persistents;
  std::vector<BlockBuffer> block_buffers;
  std::vector<Block> blocks;
  std::vector<Call> calls;  // and one more, as the end of the last
  std::vector<std::uint32_t> call_teams;
  std::vector<OutsideWait> outside_waits;
  std::vector<Team> teams;           // by pipeline stage
  std::vector<VirtualStage> stages;  // by virtual stage
  std::vector<Group> groups;         // in order of creation
  std::vector<Weight> weights;
  bool folded = true;

  std::size_t size() const { return calls.empty() ? 0 : calls.back().first_id; }  // instructions
  std::size_t call_count() const { return calls.empty() ? 0 : calls.size() - 1; }
  std::uint32_t players() const;  // of all teams

  const Team& team(const Call& c, std::uint32_t slot) const { return teams[call_teams[c.first_team + slot]]; }
  // The id of row `row` of a call, for player 0 of the row's team.
  std::uint32_t row_id(const Call& c, std::uint32_t row) const;

  void clear();  // keeps memory for the next compile()
};

// Calls visit(const Instruction&) for every instruction in id order, with group sequences counted.
template <class Visit>
void for_each_instruction(const Program&, Visit&&);

// A 64-bit digest of the flat order: ranks compare it before the first step.
std::uint64_t digest(const Program&);

// Start and end of every instruction, by id; predicted or measured alike.
struct Timeline {
  std::vector<Tick> start, end;
};

std::string_view name(Kind);
std::string_view name(Stream);
std::string_view name(Role);
std::string_view name(Component);
std::string_view name(BlockName);

}  // namespace orrery

#include "sim/program/expand.h"
