#include "runtime/play/bind.h"

#include <algorithm>

#include "runtime/play/communicate.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = ~0u;

std::uint32_t place_in(const std::vector<RankId>& members, std::uint32_t rank) {
  const auto at = std::find(members.begin(), members.end(), RankId{rank});
  return at == members.end() ? none : static_cast<std::uint32_t>(at - members.begin());
}

std::string label(const Program& p, const Call& call, const Row& row, const Operands& o) {
  const std::string_view what = !o.writes.empty() ? o.writes.front().name
                                : o.reads.empty() ? std::string_view("data")
                                                  : o.reads.front().name;
  return std::string(name(row.kind)) + " of " + std::string(what) + " (" +
         std::string(name(p.blocks[call.block].name)) + ", micro-batch " + std::to_string(call.micro_batch) +
         ", virtual stage " + std::to_string(call.virtual_stage) + ", layer " +
         std::to_string(p.stages[call.virtual_stage].first_layer + row.layer) + ")";
}

}  // namespace

// Walks the calls that a rank plays.
class Binding::Walk {
 public:
  Walk(Binding& out, const Setup& q, const RankMemory& m, std::uint32_t rank, const void* staging)
      : out_(out), program_(m.program), memory_(m), at_(coordinates(q.plan, rank)), staging_(staging) {}

  void run() {
    list_groups();
    first_of_call_.resize(program_.call_count());
    for (std::uint32_t c = 0; c < program_.call_count(); ++c) play(c);
  }

 private:
  void list_groups() {
    local_group_.assign(program_.groups.size(), none);
    for (std::uint32_t g = 0; g < program_.groups.size(); ++g) {
      const Group& group = program_.groups[g];
      if (place_in(group.members, at_.rank) == none) continue;
      local_group_[g] = static_cast<std::uint32_t>(out_.issues_.groups.size());
      GroupMembers members;
      members.role = group.role;
      for (RankId r : group.members) members.members.push_back(r.i);
      out_.issues_.groups.push_back(std::move(members));
      out_.issues_.group_ids.push_back(g);
    }
    sequences_.assign(program_.groups.size(), 0);
  }

  // Instructions of a call that this rank plays are in order of rows; of a block with one slot, all rows.
  std::uint32_t issue_of(std::uint32_t call, std::uint32_t row) const {
    const Call& c = program_.calls[call];
    const Block& block = program_.blocks[c.block];
    std::uint32_t before = row;
    if (block.slots > 1) {
      before = 0;
      for (std::uint32_t r = 0; r < row; ++r) before += mine(c, program_.rows[block.first_row + r]);
    }
    return first_of_call_[call] + before;
  }
  bool mine(const Call& c, const Row& row) const {
    return program_.call_teams[c.first_team + row.slot] == at_.stage;
  }

  void play(std::uint32_t c) {
    const Call& call = program_.calls[c];
    const Block& block = program_.blocks[call.block];
    first_of_call_[c] = static_cast<std::uint32_t>(out_.issues_.list.size());
    std::uint32_t outside = call.first_wait;
    const std::uint32_t end = program_.calls[c + 1].first_wait;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = program_.rows[block.first_row + r];
      std::uint32_t past = outside;
      while (past < end && program_.outside_waits[past].row == r) ++past;
      if (mine(call, row)) {
        begin(c, r);
        for (std::uint32_t w = row.first_wait; w < program_.rows[block.first_row + r + 1].first_wait; ++w)
          wait_for(issue_of(c, r - program_.waits[w]));
        for (std::uint32_t w = outside; w < past; ++w)
          wait_for(issue_of(program_.outside_waits[w].call, program_.outside_waits[w].awaited));
        bind(call, r);
      }
      outside = past;
    }
  }

  void begin(std::uint32_t c, std::uint32_t r) {
    const Call& call = program_.calls[c];
    const Row& row = program_.rows[program_.blocks[call.block].first_row + r];
    const Team& team = program_.team(call, row.slot);
    const std::uint32_t player = at_.rank - team.players.front().i;
    Issue& i = out_.issues_.list.emplace_back();
    i.id = program_.row_id(call, r) + player;
    i.cost_class = row.cost_class;
    if (row.role != Role::self)
      i.cost_class += team.roles[static_cast<std::size_t>(row.role)].variant[player];
    i.kind = row.kind;
    i.stream = row.stream;
    i.first_wait = static_cast<std::uint32_t>(out_.issues_.waits.size());
    i.first_kernel = static_cast<std::uint32_t>(out_.issues_.kernels.size());
  }

  void wait_for(std::uint32_t issue) {
    Issue& awaited = out_.issues_.list[issue];
    Issue& waiting = out_.issues_.list.back();
    if (awaited.stream == waiting.stream) return;
    awaited.awaited = true;
    out_.issues_.waits.push_back(issue);
    ++waiting.waits;
  }

  void bind(const Call& call, std::uint32_t r) {
    const Row& row = program_.rows[program_.blocks[call.block].first_row + r];
    bind_operands(memory_, at_, call, r, operands_);
    Issue& i = out_.issues_.list.back();
    if (row.kind == Kind::compute) {
      const Moment m{call.micro_batch, i.cost_class,
                     static_cast<std::uint16_t>(program_.stages[call.virtual_stage].first_layer + row.layer),
                     row.op, row.pass};
      out_.kernels_->bind(m, operands_, out_.issues_.kernels);
    } else if (is_meeting(row.kind)) {
      communicate(call, row, i);
    } else if (row.kind == Kind::copy) {
      const Bound& to = operands_.writes.at(0);
      out_.issues_.tokens = {to.tensor.data, staging_, {to.tensor.elements() * size_of(to.tensor.dtype)}};
    }
    i.kernels = static_cast<std::uint32_t>(out_.issues_.kernels.size()) - i.first_kernel;
    for (std::uint32_t k = row.kind == Kind::compute ? 1 : 0; k < i.kernels; ++k)
      out_.issues_.kernels[i.first_kernel + k].cost_class = no_cost;
  }

  void communicate(const Call& call, const Row& row, Issue& i) {
    const Team& team = program_.team(call, row.slot);
    const std::uint32_t g =
        team.roles[static_cast<std::size_t>(row.role)].group[at_.rank - team.players.front().i];
    const std::vector<RankId>& members = program_.groups[g].members;
    const InGroup in{static_cast<std::uint32_t>(members.size()), place_in(members, at_.rank)};
    ORRERY_CHECK(in.me != none);
    std::vector<Transfer>& pieces = out_.pieces_.emplace_back();
    bind_pieces(row.kind, in, operands_, i.cost_class, pieces, out_.issues_.kernels);
    Communication c;
    c.kind = row.kind;
    c.group = local_group_[g];
    c.sequence = sequences_[g]++;
    c.dtype = program_.classes[i.cost_class].dtype;
    c.reduction = row.op == OpName::maximum ? Reduction::max : Reduction::sum;
    c.cost_class = i.cost_class;
    c.transfers = pieces;
    c.label = out_.labels_.emplace_back(label(program_, call, row, operands_));
    i.communication = static_cast<std::uint32_t>(out_.issues_.communications.size());
    out_.issues_.communications.push_back(c);
  }

  Binding& out_;
  const Program& program_;
  RankMemory memory_;
  Coordinates at_;
  const void* staging_;
  Operands operands_;
  std::vector<std::uint32_t> first_of_call_, local_group_, sequences_;
};

Binding::Binding(const Setup& q, const RankMemory& m, std::uint32_t rank, const Holdings& holdings,
                 const StepArguments& step, const void* staging)
    : kernels_(std::make_unique<KernelBinder>(q, coordinates(q.plan, rank), holdings, step)) {
  ORRERY_CHECK(!m.program.folded);
  Walk(*this, q, m, rank, staging).run();
}

}  // namespace orrery
