#include "sim/base/units.h"
#include "sim/program/ledger.h"
#include "sim/report/explain_parts.h"
#include "sim/report/format.h"

namespace orrery::report {
namespace {

std::string_view meaning(Component c) {
  constexpr std::string_view texts[component_count] = {
      "parameters that compute",
      "the buffer that gradients accumulate in",
      "master weights and moments",
      "what forward passes leave for backward passes, and what is in work",
      "gathered copies of sharded tensors",
      "outputs over the vocabulary",
      "scratch of kernels",
      "messages that wait to be sent or used"};
  return texts[static_cast<std::size_t>(c)];
}

// Which instruction fills the memory most: "backward, micro-batch 3".
std::string moment(const Program& p, std::uint32_t id) {
  std::size_t c = 0;
  while (c + 1 < p.call_count() && p.calls[c + 1].first_id <= id) ++c;
  return std::string(name(p.blocks[p.calls[c].block].name)) + " of micro-batch " +
         std::to_string(p.calls[c].micro_batch) + ", virtual stage " +
         std::to_string(p.calls[c].virtual_stage);
}

Reason constants(const Subject& s, const StageMemory& m) {
  Reason out{"constants",
             orrery::text(m.constants),
             "context + workspace + communicator x groups + fragmentation x tensors",
             "",
             {}};
  for (const char* n : {"context", "workspace", "communicator", "fragmentation"}) {
    Reason part = constant(s.calibration, n);
    if (std::string_view(n) != "fragmentation") {
      const Bytes b = std::string_view(n) == "context"     ? s.calibration.context
                      : std::string_view(n) == "workspace" ? s.calibration.workspace
                                                           : s.calibration.communicator;
      part.value = orrery::text(b);
    }
    out.because.push_back(std::move(part));
  }
  return out;
}

}  // namespace

Reason explain_memory(const Subject& s, const Report& r) {
  const std::size_t stage = r.fullest();
  const StageMemory& m = r.stages[stage].memory;
  const Ledger ledger = ledgers(s.program)[stage];
  Reason out{"memory",
             orrery::text(m.peak),
             "tensors + constants, on stage " + std::to_string(stage) + ", the fullest of " +
                 std::to_string(r.stages.size()),
             "",
             {}};
  Reason tensors{"tensors",
                 orrery::text(ledger.peak),
                 "all buffers that live at the worst moment: " + moment(s.program, ledger.peak_at.i),
                 "counted, no prices needed",
                 {}};
  for (std::size_t c = 0; c < component_count; ++c) {
    if (ledger.at_peak[c].v == 0) continue;
    const auto component = static_cast<Component>(c);
    Reason part{std::string(name(component)),
                orrery::text(ledger.at_peak[c]),
                std::string(meaning(component)),
                "",
                {}};
    if (component == Component::activations)
      part.formula += "; at most " + std::to_string(ledger.peak_stashes) + " micro-batches in flight";
    tensors.because.push_back(std::move(part));
  }
  out.because.push_back(std::move(tensors));
  out.because.push_back(constants(s, m));
  const Device& device = node_of(s.cluster, r.stages[stage].rank).device;
  out.because.push_back(
      {"limit", orrery::text(m.limit), "what a program can use of " + device.name, device.source, {}});
  return out;
}

}  // namespace orrery::report
