// The sequences of a training run, in an order that depends on the seed, the dataset and the sequence length
// alone: any plan, any number of ranks and any resume see the same tokens in the same step.
//
// The last part of the dataset is held out; the two parts share no token. Each part is cut into sequences one
// token apart from overlapping (the last label of one is the first input of the next), across documents, as
// GPT's are. Training goes through its part in epochs, each in an order of its own.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "runtime/state/token_file.h"

namespace orrery {

struct DataOptions {
  std::int64_t sequence = 0;  // tokens
  std::int64_t vocab = 0;     // tokens are below it
  std::uint64_t seed = 1;
  double held_out = 0.05;  // share of the tokens; 0: none
};

// Immutable.
class TokenSource {
 public:
  // Ends in fail() if a part that is asked for has no whole sequence.
  TokenSource(const std::string& path, const DataOptions& options);

  std::int64_t epoch() const { return training_; }     // sequences
  std::int64_t held_out() const { return held_out_; }  // sequences
  // Sequence `index` of the run (of step k: k * global_batch + i): options.sequence + 1 tokens. Inputs are
  // all but the last, labels all but the first.
  void training(std::uint64_t index, std::span<std::int64_t> tokens) const;
  // Sequence `index` < held_out(), in the order of the file.
  void held_out(std::int64_t index, std::span<std::int64_t> tokens) const;
  const TokenFile& file() const { return file_; }
  const DataOptions& options() const { return options_; }

 private:
  TokenFile file_;
  DataOptions options_;
  std::int64_t training_ = 0, held_out_ = 0, first_held_out_ = 0;  // first_held_out_: a token
};

}  // namespace orrery
