// A Program for people: one line an instruction, and the inspectable orrery.program/1.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/json.h"
#include "sim/program/program.h"

namespace orrery {

// A line an instruction of a rank (of the lowest rank of each class if none is named), in id order: id,
// stream, micro-batch, virtual stage, layer, pass, op and shape, waits, class. Folded: `rank` is shown by the
// player that stands for it; empty text if the Program has no such rank.
std::string listing(const Program&, std::optional<RankId> rank);

// Classes, groups, teams, buffers, blocks and calls. Written, never read back.
Json inspect(const Program&);

// "qkv 4096x4608x12288 bf16", "all_gather 100,663,296 B over 8 (tensor)".
std::string describe(const CostClass&);

}  // namespace orrery
