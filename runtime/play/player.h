// Plays a Program on one rank: issues its instructions to a Backend in id order, step after step. No
// schedule, no sharding and no ZeRO here: the Program says what happens.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/backend.h"
#include "runtime/play/bind.h"
#include "sim/program/arena.h"

namespace orrery {

// Fills (inputs, labels) x sequences x tokens of the step, for the sequences [first, first + sequences) of
// its global batch.
using FetchTokens = std::function<void(std::uint64_t step, std::int64_t first, std::int64_t sequences,
                                       std::span<std::int64_t> out)>;

struct StepResult {
  double loss_sum = 0;    // over the tokens of this data rank's sequences; 0 where the rank does not know it
  bool has_loss = false;  // one rank of each data part: the last stage's first tensor rank
  float gradient_norm = 0;  // before clipping, of the whole model
};

class Player {
 public:
  // Allocates this rank's arena and opens its groups: collective. Requires !not_executable(...).
  Player(const Setup&, const Program&, std::uint32_t rank, Backend&, FetchTokens);
  ~Player();

  const Holdings& holdings() const { return holdings_; }
  const Issues& issues() const { return binding_->issues(); }
  Bytes memory() const { return arena_.size(); }

  // `timeline`, if given, gets the measured start and end of this rank's instructions, by position in
  // issues().list.
  StepResult step(const StepArguments&, Timeline* timeline = nullptr);

 private:
  void issue(std::uint32_t i, bool measured);
  float read(std::uint32_t virtual_stage, std::uint32_t home);

  const Program& program_;
  Backend& backend_;
  FetchTokens fetch_;
  Coordinates at_;
  Arena arena_;
  std::byte* base_ = nullptr;
  StepArguments arguments_;
  Holdings holdings_;
  std::int64_t* staging_ = nullptr;
  float* results_ = nullptr;  // host memory
  std::int64_t sequences_ = 0;
  std::size_t tokens_ = 0;
  std::unique_ptr<Binding> binding_;
};

}  // namespace orrery
