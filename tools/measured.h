// A measured step beside its prediction: the whole Program's Timeline from what each rank measured, and where
// both differ, by class of instruction.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/play/bind.h"
#include "sim/base/json.h"
#include "sim/program/program.h"

namespace orrery {

// What one rank measured, as text for a gather, and back: ids of its instructions with start and end.
std::string pack(const Issues&, const Timeline&);
// The Timeline of all ranks, from 0 at the first start. Clocks are one: ranks of one machine.
Timeline unpack(const Program&, const std::vector<std::string>& by_rank);

// Mean over ranks of the time that instructions of one class take, without the wait for other members.
struct ClassTimes {
  std::string name;  // "qkv forward", "all_gather tensor"
  std::uint64_t count = 0;
  double predicted = 0, measured = 0;  // seconds a rank and step
};
std::vector<ClassTimes> by_class(const Program&, const Timeline& predicted, const Timeline& measured);

Json to_json(const std::vector<ClassTimes>&);
std::string text(const std::vector<ClassTimes>&, std::size_t most);

}  // namespace orrery
