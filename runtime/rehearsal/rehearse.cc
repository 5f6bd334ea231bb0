#include "runtime/rehearsal/rehearse.h"

#include <algorithm>
#include <memory>

#include "runtime/rehearsal/backend.h"
#include "sim/base/error.h"

namespace orrery::rehearsal {
namespace {

class Rehearsal {
 public:
  Rehearsal(const Program& p, std::span<const Price> prices, Clock clock)
      : program_(p), world_(p.players(), 1, clock), events_of_(p.players(), 0), place_of_(p.size()) {
    std::uint32_t id = 0;
    for_each_instruction(p, [&](const Instruction& i) { place_of_[id++] = events_of_[i.rank.i]++; });
    for (std::uint32_t r = 0; r < p.players(); ++r) {
      backends_.push_back(std::make_unique<RehearsalBackend>(world_, r, p.classes, prices));
      backends_[r]->create_events(2 * events_of_[r]);
    }
    open_groups();
  }

  Timeline run() {
    for_each_instruction(program_, [this](const Instruction& i) { issue(i); });
    for (auto& b : backends_) b->synchronize();
    Timeline out;
    for_each_instruction(program_, [&](const Instruction& i) {
      out.start.push_back(backends_[i.rank.i]->time_of(start_of(i.id)));
      out.end.push_back(backends_[i.rank.i]->time_of(end_of(i.id)));
    });
    if (out.start.empty()) return out;
    const Tick first = *std::min_element(out.start.begin(), out.start.end());
    for (Tick& t : out.start) t -= first;
    for (Tick& t : out.end) t -= first;
    return out;
  }

 private:
  EventIndex start_of(InstructionId i) const { return 2 * place_of_[i.i]; }
  EventIndex end_of(InstructionId i) const { return 2 * place_of_[i.i] + 1; }

  // Each rank is told all groups, so that their numbers are the Program's.
  void open_groups() {
    std::vector<GroupMembers> groups;
    std::vector<std::uint32_t> ids;
    for (std::uint32_t g = 0; g < program_.groups.size(); ++g) {
      GroupMembers members;
      members.role = program_.groups[g].role;
      for (const RankId r : program_.groups[g].members) members.members.push_back(r.i);
      groups.push_back(std::move(members));
      ids.push_back(g);
    }
    for (auto& b : backends_) b->open_groups(groups, ids);
  }

  void issue(const Instruction& i) {
    RehearsalBackend& backend = *backends_[i.rank.i];
    for (const InstructionId w : i.waits) backend.wait(end_of(w), i.stream);
    backend.record(start_of(i.id), i.stream);
    if (is_meeting(i.kind)) {
      Communication c;
      c.kind = i.kind;
      c.group = i.group;
      c.sequence = i.sequence;
      c.cost_class = i.cost_class;
      const std::string what = label(program_, i);
      c.label = what;
      backend.communicate(c, i.stream);
    } else if (i.kind == Kind::host) {
      backend.work_on_host(i.cost_class);
    } else {
      Kernel kernel;
      kernel.cost_class = i.cost_class;
      backend.launch(kernel, i.stream);
    }
    backend.record(end_of(i.id), i.stream);
  }

  const Program& program_;
  World world_;
  std::vector<std::uint32_t> events_of_;  // instructions, by rank
  std::vector<std::uint32_t> place_of_;   // of an instruction among its rank's, by id
  std::vector<std::unique_ptr<RehearsalBackend>> backends_;
};

}  // namespace

Timeline rehearse(const Program& program, std::span<const Price> prices, Clock clock) {
  return Rehearsal(program, prices, clock).run();
}

std::string label(const Program& p, const Instruction& i) {
  std::string text(name(i.kind));
  text += " of " + std::to_string(p.classes[i.cost_class].bytes.v) + " bytes (" +
          std::string(name(i.tags.block)) + ", micro-batch " + std::to_string(i.tags.micro_batch) +
          ", virtual stage " + std::to_string(i.tags.virtual_stage) + ", layer " +
          std::to_string(i.tags.layer) + ", instruction " + std::to_string(i.id.i) + ")";
  return text;
}

double stretch_for(const Program& p, std::span<const Price> prices, Seconds least) {
  std::vector<std::int64_t> durations;
  for_each_instruction(p, [&](const Instruction& i) {
    if (prices[i.cost_class].total().v > 0) durations.push_back(prices[i.cost_class].total().v);
  });
  if (durations.empty()) return 1;
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return std::max(1.0, least.v * 1e12 / static_cast<double>(*middle));
}

}  // namespace orrery::rehearsal
