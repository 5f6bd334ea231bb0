#include "profiler/measure/hosts.h"

#include <cstring>
#include <string>

#include "runtime/cpu/backend.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

std::string packed(const std::vector<double>& values) {
  std::string out(values.size() * sizeof(double), '\0');
  if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

std::vector<double> unpacked(const std::string& bytes) {
  std::vector<double> out(bytes.size() / sizeof(double));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace

HostShape host_shape(const std::vector<std::vector<std::uint32_t>>& machines) {
  std::uint32_t next = 0;
  for (const std::vector<std::uint32_t>& ranks : machines) {
    if (ranks.size() != machines.front().size())
      throw DeviceError("equally many ranks on each host are needed: rank " + std::to_string(ranks.front()) +
                        "'s has " + std::to_string(ranks.size()) + ", rank 0's " +
                        std::to_string(machines.front().size()) + " (mpirun --map-by ppr:N:node)");
    for (const std::uint32_t r : ranks)
      if (r != next++)
        throw DeviceError("ranks must be numbered host by host: rank " + std::to_string(next - 1) +
                          " is not on the host of the one before it (mpirun --map-by ppr:N:node)");
  }
  return {static_cast<int>(machines.size()), static_cast<int>(machines.front().size())};
}

Hosts::Hosts(comm::Connection& c, Bytes memory)
    : shape_(host_shape(c.machines())),
      memory_(memory),
      channel_(c.channel()),
      engine_(c.rank(), *channel_, c.region().bell(c.local_rank()), c.region().board(),
              c.region().arena(c.local_rank())),
      world_(engine_, c.rank(), c.world()),
      base_(c.region().arena(c.local_rank()).allocate(static_cast<std::size_t>(memory.v))) {}

WithRanks Hosts::ranks() {
  return [this](std::uint32_t ranks, Bytes memory, const RankMeasures& call) {
    return play(ranks, memory, call);
  };
}

std::vector<std::vector<double>> Hosts::play(std::uint32_t ranks, Bytes memory, const RankMeasures& call) {
  ORRERY_CHECK(ranks <= world_.ranks() && memory <= memory_);
  std::vector<double> mine;
  if (world_.rank() < ranks) {
    comm::Arena arena(base_, static_cast<std::size_t>(memory_.v));
    CpuBackend backend(engine_, arena);
    mine = call(backend, world_.rank());
  }
  std::vector<std::vector<double>> out;
  for (const std::string& theirs : world_.gather(packed(mine)))
    if (out.size() < ranks) out.push_back(unpacked(theirs));
  return out;
}

}  // namespace orrery
