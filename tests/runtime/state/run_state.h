// The state of a run in which each element of each canonical tensor has a value of its own: written by all
// ranks of one plan, compared by all ranks of another.
#pragma once
#include <string>
#include <vector>

#include "runtime/state/checkpoint.h"
#include "runtime/state/hash64.h"
#include "tests/runtime/state/world.h"

namespace orrery::testing {

inline float value_of(State state, std::string_view tensor, std::int64_t row, std::int64_t column) {
  const std::uint64_t name = hash64(std::as_bytes(std::span(tensor.data(), tensor.size())));
  return static_cast<float>(name % 1000 * 3 + static_cast<std::uint64_t>(state)) * 4096 +
         static_cast<float>(row * 64 + column);
}

// What one rank holds: for each state, its parts of units with their values; and which of it the rank owns.
struct RankState {
  std::vector<std::vector<Placement>> parts;
  std::vector<std::vector<float>> values;  // by state, then part
  std::vector<OwnedSlice> owned;

  RankState(const World& world, int rank) : parts(world.parts(rank)) {
    for (std::size_t s = 0; s < state_words.size(); ++s)
      for (const std::vector<Placement>& part : parts) {
        std::vector<float>& flat = values.emplace_back(static_cast<std::size_t>(extent(part)));
        for (const Placement& p : part)
          for (std::int64_t i = 0; i < p.slice.elements(); ++i)
            flat[static_cast<std::size_t>(p.offset + i)] =
                value_of(static_cast<State>(s), p.slice.tensor, p.slice.row + i / p.slice.columns,
                         p.slice.column + i % p.slice.columns);
        append_owned(static_cast<State>(s), part, DType::fp32, flat.data(), owned);
      }
  }
};

inline CheckpointInfo info(const World& world, std::uint64_t step) {
  CheckpointInfo i;
  i.step = step;
  i.seed = INT64_MAX;
  i.sequences = step * 8;
  i.dataset = "data/\"text\"";
  i.dataset_digest = 12345;
  i.model = world.model;
  i.training = training(32, 8);
  i.plan = world.plan;
  i.settings.set("learning_rate", 0.001);
  return i;
}

inline void write(Disk& disk, const std::string& directory, const World& world, std::uint64_t step) {
  Checkpoints checkpoints(disk, directory);
  checkpoints.begin(step);
  const int ranks = world.plan.ranks();
  for (int rank = 0; rank < ranks; ++rank)
    checkpoints.write_shard(world.model, step, static_cast<std::uint32_t>(rank),
                            RankState(world, rank).owned);
  checkpoints.commit(info(world, step), static_cast<std::uint32_t>(ranks));
}

// Elements that a rank of `world` reads otherwise than it should.
inline std::int64_t differences(const CheckpointReader& reader, const World& world) {
  std::int64_t count = 0;
  for (int rank = 0; rank < world.plan.ranks(); ++rank) {
    const RankState expected(world, rank);
    std::size_t next = 0;
    for (std::size_t s = 0; s < state_words.size(); ++s)
      for (const std::vector<Placement>& part : expected.parts) {
        const std::vector<float>& values = expected.values[next++];
        std::vector<float> got(values.size(), -1);
        for (const Placement& p : part)
          reader.read(static_cast<State>(s), p.slice,
                      std::span(got).subspan(static_cast<std::size_t>(p.offset),
                                             static_cast<std::size_t>(p.slice.elements())));
        for (std::size_t i = 0; i < got.size(); ++i) count += got[i] != values[i] && values[i] != 0;
      }
  }
  return count;
}

}  // namespace orrery::testing
