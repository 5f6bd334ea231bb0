#include "runtime/state/token_source.h"

#include "runtime/state/permutation.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace orrery {

TokenSource::TokenSource(const std::string& path, const DataOptions& options)
    : file_(path), options_(options) {
  ORRERY_CHECK(options.sequence >= 1 && options.vocab >= 1 && options.held_out >= 0 && options.held_out < 1);
  const auto sequences = [&](std::int64_t tokens) { return (tokens - 1) / options_.sequence; };
  const auto held_out = static_cast<std::int64_t>(options.held_out * static_cast<double>(file_.size()));
  first_held_out_ = file_.size() - held_out;
  training_ = sequences(first_held_out_);
  if (held_out > 0) held_out_ = sequences(held_out);
  const auto too_few = [&](std::string_view part, std::int64_t tokens) {
    fail({file_.path(), {}},
         "at least " + std::to_string(options.sequence + 1) + " tokens, one sequence and its last label, " +
             std::string(part),
         std::to_string(tokens));
  };
  if (training_ < 1) too_few("to train on", first_held_out_);
  if (options.held_out > 0 && held_out_ < 1) too_few("held out", held_out);
}

void TokenSource::training(std::uint64_t index, std::span<std::int64_t> tokens) const {
  ORRERY_CHECK(std::ssize(tokens) == options_.sequence + 1);
  const auto n = static_cast<std::uint64_t>(training_);
  const Permutation order(n, mix(mix(options_.seed) + index / n));
  file_.read(static_cast<std::int64_t>(order(index % n)) * options_.sequence, tokens, options_.vocab);
}

void TokenSource::held_out(std::int64_t index, std::span<std::int64_t> tokens) const {
  ORRERY_CHECK(index >= 0 && index < held_out_ && std::ssize(tokens) == options_.sequence + 1);
  file_.read(first_held_out_ + index * options_.sequence, tokens, options_.vocab);
}

}  // namespace orrery
