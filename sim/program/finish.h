// The two ends of a step. Beginning: the step's tokens, and updated parameters. End: reductions that were not
// overlapped, the tied embedding's, the gradient norm over all ranks, the optimizer, and the gather of
// updated parameters that is not left to the next step's beginning.
#pragma once
#include <utility>
#include <vector>

#include "sim/program/stage.h"

namespace orrery {

// The virtual stages of one team, in order.
struct TeamStages {
  std::vector<const StageBlocks*> chunks;
  std::uint32_t device = 0;
};

// Rows that other calls wait for; `none` where a block lacks them.
struct FinishBlock {
  std::uint32_t block = 0;
  std::uint32_t last_data = BlockBuilder::none, last_compute = BlockBuilder::none;
  std::vector<std::uint32_t> entries;
};

class FinishEmitter {
 public:
  FinishEmitter(BlockBuilder& builder, StageEmitter& stages, const Training& training, const Plan& plan)
      : builder_(builder), stages_(stages), training_(training), plan_(plan) {}

  bool has_begin(const StageBlocks&) const;
  // The beginning of a virtual stage: brings the tokens to the device (the last row), gathers updated
  // parameters; `rows` gets, by unit, the row that does.
  FinishBlock begin(const StageBlocks&, std::vector<std::uint32_t>& rows);
  FinishBlock reductions(const TeamStages&);  // may be empty: last_data and last_compute none
  FinishBlock tied_embedding(const StageBlocks& first, const StageBlocks& last,
                             std::uint32_t last_virtual_stage);
  FinishBlock norm(const TeamStages&);
  FinishBlock world(std::uint32_t teams);
  FinishBlock update(const TeamStages&);

 private:
  bool gathers(const UnitUse& u) const;
  Tensor persistent(const Buffer& what, std::uint32_t home, std::size_t chunk);
  void gather_units(const StageBlocks& s, std::size_t chunk, std::vector<std::uint32_t>* rows);
  std::int64_t partial_elements(const Unit&) const;
  void write_partial(const StageBlocks& s, std::size_t chunk);
  FinishBlock finish();

  BlockBuilder& builder_;
  StageEmitter& stages_;
  const Training& training_;
  const Plan& plan_;
  std::vector<std::pair<std::uint32_t, Tensor>> named_;  // persistent buffers of the block, by home and chunk
};

}  // namespace orrery
