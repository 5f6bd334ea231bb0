// Checkpoints of a run, in one directory:
//
//   step-000050/               complete from the moment that it has this name
//     checkpoint.json          orrery.checkpoint/1: CheckpointInfo, and name, size and header digest of each
//     shard rank-00000.safetensors   what one rank owns: slices of canonical tensors, so that any plan can
//     read them
//   .step-000100.partial/      being written, or what a killed run left; removed by the next begin()
//
// A shard's entry is named by its state and slice, "weight layers.0.mlp.down.weight[0:768, 0:1536]"; the
// entry of the same name in __metadata__ is JSON: {"state", "tensor", "shape" (of the whole tensor), "begin"
// (row, column), "digest" (XXH64 of its bytes)}. Digests chain: checkpoint.json holds those of the headers,
// headers those of the slices; a slice is verified when it is first read.
//
// Writing takes all ranks and two barriers, which are the caller's:
//   rank 0: begin(step) | barrier | all: write_shard() | barrier | rank 0: commit(info, ranks)
// Until commit() renames the directory, and at any failure before, the older checkpoints are all there is.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/state/disk.h"
#include "runtime/state/layout.h"
#include "runtime/state/safetensors.h"
#include "sim/base/json.h"
#include "sim/plan/plan.h"

namespace orrery {

enum class State : std::uint8_t { weight, first_moment, second_moment };
inline constexpr std::array<std::string_view, 3> state_words{"weight", "first_moment", "second_moment"};
constexpr std::string_view name(State s) { return state_words[static_cast<std::size_t>(s)]; }

struct CheckpointInfo {
  std::uint64_t step = 0;       // taken so far; the next is number `step`, from 0
  std::uint64_t seed = 0;       // below 2^63
  std::uint64_t sequences = 0;  // of the training data, consumed so far
  std::string dataset;
  std::uint64_t dataset_digest = 0;
  Model model;
  Training training;
  Plan plan;                       // that wrote it; any other may read it
  Json settings = Json::object();  // the caller's own, kept as they are
};

// A slice of the state that a rank owns; `data` is contiguous. Weights are the fp32 master where there is
// one.
struct OwnedSlice {
  State state = State::weight;
  Slice slice;
  DType dtype = DType::fp32;
  const void* data = nullptr;
};

// The owned ones of `placements`, whose flat range starts at `data`.
void append_owned(State, std::span<const Placement> placements, DType, const void* data,
                  std::vector<OwnedSlice>& out);

class Checkpoints {
 public:
  Checkpoints(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

  void begin(std::uint64_t step);
  void write_shard(const Model&, std::uint64_t step, std::uint32_t rank, std::span<const OwnedSlice>);
  // An older checkpoint of the same step is replaced.
  void commit(const CheckpointInfo&, std::uint32_t ranks);
  // Removes all but the `keep` newest complete ones.
  void prune(std::size_t keep);

  struct Found {
    std::uint64_t step = 0;
    std::string path;
    std::string problem;  // why it can't be used; empty: complete
  };
  std::vector<Found> list() const;      // by step
  std::optional<Found> latest() const;  // complete

 private:
  std::string path(std::uint64_t step) const;
  std::string partial(std::uint64_t step) const;
  Disk& disk_;
  std::string directory_;
};

// One checkpoint. Opening checks everything but the data: all files are there, and their slices tile every
// tensor of the model exactly once. Damage ends in fail() with file and place. Thread-compatible.
class CheckpointReader : public WeightSource {
 public:
  explicit CheckpointReader(const std::string& path);
  const CheckpointInfo& info() const { return info_; }
  bool has(State) const;
  void read(State, const Slice&, std::span<float> to) const;
  void read(const Slice& slice, std::span<float> to) const override { read(State::weight, slice, to); }
  void verify() const;  // all data

 private:
  struct Stored {
    State state = State::weight;
    Slice slice;
    std::size_t file = 0;
    const SafeTensor* tensor = nullptr;
    std::uint64_t digest = 0;
    mutable bool verified = false;
  };
  void open_shard(const std::string& path, std::uint64_t header_digest);
  void check_tiling(const std::string& path) const;
  void verify(const Stored&) const;
  std::span<const Stored> stored(State, std::string_view tensor) const;
  CheckpointInfo info_;
  std::vector<std::unique_ptr<Safetensors>> files_;
  std::vector<Stored> stored_;  // by state, tensor, row, column
};

}  // namespace orrery
