// One warp: its registers, and its lanes in groups ("splits") that stand at the same instruction.
#pragma once
#include <cstdint>
#include <vector>

#include "tests/fake_cuda/ptx/lanes.h"
#include "tests/fake_cuda/ptx/run.h"

namespace orrery::ptx {

struct BlockPlace {
  Dimensions grid{}, block{}, index{};
  std::size_t dynamic_shared = 0;
};

enum class SplitState : std::uint8_t { ready, at_barrier, at_warp };

struct Split {
  std::uint32_t pc = 0, mask = 0;
  SplitState state = SplitState::ready;
  std::uint32_t members = 0;  // whom it waits for, at_warp
};

class Warp {
 public:
  Warp(const Environment&, SharedMemory&, const BlockPlace&, std::uint32_t number);

  void begin_block();
  // Runs until every lane has exited or waits at a barrier of the block. Adds to `executed`.
  void run(std::uint64_t& executed, std::uint64_t most);
  std::vector<Split>& splits() { return splits_; }
  std::uint32_t live() const { return lanes_.live; }
  const Lanes& lanes() const { return lanes_; }

 private:
  bool pick(std::size_t& split) const;
  void execute(std::size_t split);
  bool branch(Split&, const Instruction&, std::uint32_t active);
  bool exit(std::size_t split, std::uint32_t active);
  void wait(std::size_t split, std::uint32_t active, SplitState, std::uint32_t members);
  bool meet(std::size_t split, const Instruction&, std::uint32_t active);
  bool resolve_waits();
  bool yields(std::size_t& split);
  void fill_constants();
  void fill_specials();
  std::uint64_t special(Special, int lane) const;

  Lanes lanes_;
  const BlockPlace* place_;
  std::uint32_t threads_;  // lanes that exist
  std::vector<std::byte> registers_, local_;
  std::vector<Split> splits_;
  std::uint64_t executed_ = 0, most_ = 0;
  bool began_ = false;
};

}  // namespace orrery::ptx
