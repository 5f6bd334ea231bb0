// Pipeline schedules as the order of each stage's actions, and their merge into one total order.
// Sources: GPipe (Huang et al. 2019), 1F1B (PipeDream-flush, Narayanan et al. 2021), interleaved 1F1B
// (Megatron-LM, Narayanan et al. 2021, schedules.py). A new schedule is one function and one line in
// `actions`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/plan/plan.h"

namespace orrery {

struct Action {
  bool backward = false;
  std::uint32_t virtual_stage = 0, micro_batch = 0;
};

// One step of the merged order: an action of a stage, or the message that brings an action its input.
struct Step {
  bool message = false;
  Action action;               // of a message: of its consumer
  std::uint32_t position = 0;  // of the action in its stage's order
};

// The actions of stage `stage` (0 ... pp-1) in order.
void actions(const Plan&, std::uint32_t micro_batches, std::uint32_t stage, std::vector<Action>& out);

// Merges the stages' orders: in each slot of time every stage plays its next action if its input has arrived,
// ties by stage. A message follows its producer and, at the receiver, the action `receive_ahead` + 1 before
// its consumer; a stage holds at most `send_slots` outputs in each direction that no message has taken yet.
class Linearizer {
 public:
  // Returns the reason when the schedule deadlocks, naming the actions that wait; else an empty text.
  std::string run(const Plan&, std::uint32_t micro_batches, std::vector<Step>& out);

 private:
  struct Stage {
    std::vector<Action> order;
    std::vector<std::uint8_t> received;  // by position: its message has been placed
    std::uint32_t at = 0;
    std::uint32_t pending[2] = {0, 0};  // outputs not yet taken: activations, gradients
  };
  bool place_messages(std::uint32_t stage, std::vector<Step>& out);
  bool ready(std::uint32_t stage) const;
  std::uint32_t stage_of(std::uint32_t virtual_stage) const { return virtual_stage % pp_; }
  bool has_message(const Action&) const;
  std::size_t index(bool backward, std::uint32_t virtual_stage, std::uint32_t micro_batch) const {
    return ((backward ? chunks_ : 0) + virtual_stage) * std::size_t{micro_batches_} + micro_batch;
  }
  std::string waiting() const;

  std::uint32_t pp_ = 1, chunks_ = 1, micro_batches_ = 1, ahead_ = 1, slots_ = 1, slot_ = 0;
  std::vector<Stage> stages_;
  std::vector<std::uint32_t> played_;  // slot + 1 in which an action was played; 0: not yet
};

}  // namespace orrery
