// What compile() makes of small chunks of one model under one plan's degrees: its blocks, priced and played
// alone.
#pragma once
#include <deque>
#include <optional>

#include "planner/exact/parts.h"
#include "sim/evaluate.h"
#include "sim/program/classes.h"
#include "sim/program/finish.h"
#include "sim/program/fold.h"
#include "sim/program/stage.h"

namespace orrery::exact {

// Where a chunk lies in the model.
struct Ends {
  bool first = false, last = false;
};

// Totals of one block on its data stream.
struct DataTimes {
  Time gathers = 0, reductions = 0;
};

class Probe {
 public:
  // References must outlive the probe. Requires a legal plan of one kind of layers.
  Probe(const orrery::Problem&, const Plan&);

  // The blocks of a chunk whose layers have the strategies `word`.
  struct Chunk {
    StageBlocks* blocks = nullptr;
    const BlockLinks& backward(Turn t) const {
      return blocks->backward[variant[static_cast<std::size_t>(t)]];
    }
    std::size_t variant[3] = {0, 0, 0};
  };
  Chunk chunk(Ends, const std::vector<LayerStrategy>& word);
  // Its units alone, without blocks: enough for reductions(), norm(), update() and begin_block().
  Chunk units(Ends, const std::vector<LayerStrategy>& word);

  // From the beginning of a block (or, if given, from the start of a row alone) to the end of its last
  // compute; `loose` instead to the end of its last tensor collective if nothing waits for it. The data
  // stream takes no time.
  Time compute(const BlockLinks&, std::optional<std::uint32_t> from = {}) const;
  Time loose(const BlockLinks&) const;
  DataTimes data(std::uint32_t block) const;
  // Compute that remains when the last row that a reduction waits for has ended; compute before a unit's
  // reduction may begin; compute before the first parameters are read.
  Time after_gradients(const BlockLinks&) const;
  Time before_reduction(const BlockLinks&, std::size_t unit) const;
  Time before_parameters(const BlockLinks&) const;

  // The sum of a block's rows on a stream.
  Time total(std::uint32_t block, Stream) const;
  std::uint32_t begin_block(const Chunk&);
  FinishBlock reductions(const Chunk&);
  FinishBlock norm(const Chunk&);
  FinishBlock update(const Chunk&);
  Time world();
  Time tied(const Chunk& first, const Chunk& last);
  Time message(bool gradients, std::uint32_t from_unit);

  // Bytes that a block leaves, and its peak above what lived before it.
  struct Bytes {
    Time net = 0, peak = 0;
  };
  Bytes bytes(std::uint32_t block, std::uint32_t slot = 0) const;
  Time output(const Chunk&) const;  // of a forward pass that isn't the model's last
  std::uint32_t message_block(bool gradients);
  Time persistent(const Chunk&) const;
  Time gradient_bytes(const Chunk& one) const;  // of its first layer, whole
  Time tokens_copy(const Chunk&);

  std::uint32_t micro_batches() const { return micro_batches_; }
  bool one_player() const;  // no rank of a stage differs from another
  std::int64_t layer_elements() const;

 private:
  Time price(const Row&) const;
  std::vector<Time> play(const BlockLinks&, std::optional<std::uint32_t> from) const;
  Time waited(const Block&, std::uint32_t row, const std::vector<Time>& end) const;

  const orrery::Problem& p_;
  Plan plan_;
  std::uint32_t micro_batches_;
  Program program_;
  ClassTable classes_;
  Folding folding_;
  BlockBuilder builder_;
  StageEmitter emitter_;
  FinishEmitter finish_;
  std::deque<StageBlocks> made_;
  std::optional<std::uint32_t> messages_[2];
  mutable std::vector<Time> prices_;  // by class; never: not asked for yet
};

}  // namespace orrery::exact
