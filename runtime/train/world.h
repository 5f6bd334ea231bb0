// What ranks say to each other beside the Program: barriers, sums and small gathers between steps.
// Collective: every rank makes the same calls in the same order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/comm/engine.h"

namespace orrery {

class World {
 public:
  World(comm::Engine& engine, std::uint32_t rank, std::uint32_t ranks);
  std::uint32_t rank() const { return rank_; }
  std::uint32_t ranks() const { return ranks_; }

  void barrier() { gather(std::span<const std::int64_t>()); }
  // In order of ranks, so that all ranks get the same bits.
  double sum(double value);
  // What each rank gave, by rank; all give equally many.
  std::vector<std::vector<std::int64_t>> gather(std::span<const std::int64_t> values);
  std::vector<std::vector<double>> gather(std::span<const double> values);
  // Likewise, of any length.
  std::vector<std::string> gather(const std::string& text);

 private:
  comm::Engine& engine_;
  std::uint32_t rank_, ranks_, group_, sequence_ = 0;
};

}  // namespace orrery
