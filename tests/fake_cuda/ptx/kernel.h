// A kernel decoded for execution: an array of instructions that name registers by their place in a warp's
// register file. Constants and special registers are registers too, so an instruction never asks what its
// operand is.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fake_cuda/ptx/text.h"

namespace orrery::ptx {

class Lanes;
struct Instruction;

// Executes for the lanes in `active`, never none.
using Handler = void (*)(Lanes&, const Instruction&, std::uint32_t active);

enum class Flow : std::uint8_t {
  next,
  branch,  // to `target`
  exit,
  barrier,  // bar.sync: source[0] is the barrier, source[1] the number of threads, 0 for all
  warp      // waits for the lanes of the mask in `member_mask`, then runs for all of them
};

// Of sub-word destinations: how wide the register is that a value is extended to.
enum class Width : std::uint8_t { w16, w32, w64 };

struct Instruction {
  Handler run = nullptr;
  Flow flow = Flow::next;
  Space space = Space::generic;
  Width width = Width::w32;
  std::uint8_t option = 0;  // of its handler: rounding, combination, layout
  bool saturate = false;
  bool wide_address = true;                      // the address register has 64 bits
  bool needs_warp = false;                       // all live lanes must be here: mma, ldmatrix
  std::uint8_t count = 1;                        // elements of a vector
  std::uint32_t destination = 0, second = none;  // byte offsets in the register file
  std::array<std::uint32_t, 4> source{};
  std::uint32_t guard = none;
  bool guard_negated = false;
  std::uint32_t member_mask = none;
  std::uint32_t target = 0;     // instruction index
  std::uint32_t list = 0;       // first of `count` or more registers in Kernel::lists
  std::int64_t offset = 0;      // of an address
  std::uint32_t statement = 0;  // index in Kernel::texts: line and text
  static constexpr std::uint32_t none = ~0U;
};

struct Constant {
  std::uint64_t bits = 0;
  std::uint32_t offset = 0;
  bool wide = false;
};

enum class Special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  clock,
  clock64,
  globaltimer,
  dynamic_smem_size,
  smid
};

struct SpecialUse {
  Special special = Special::tid_x;
  std::uint32_t offset = 0;
};

struct StatementText {
  int line = 0;
  std::string text;
};

struct Parameter {
  std::size_t offset = 0, bytes = 0;
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<std::uint32_t> lists;
  std::vector<StatementText> texts;
  std::vector<Constant> constants;
  std::vector<SpecialUse> specials;
  std::vector<Parameter> parameters;
  std::size_t parameter_bytes = 0;
  std::size_t register_bytes = 0;  // of a warp
  std::size_t shared_bytes = 0;    // static; dynamic shared memory follows at `dynamic_shared`
  std::size_t dynamic_shared = 0;
  std::size_t local_bytes = 0;  // of a thread
  std::size_t granule = 16;     // the smallest element that shared memory may be accessed by
  unsigned max_threads = 1024;
};

}  // namespace orrery::ptx
