// Trains a model under a plan, as one rank: data, steps, evaluation on held-out sequences, checkpoints. All
// ranks of the plan do the same together.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/play/player.h"
#include "runtime/state/checkpoint.h"
#include "runtime/state/token_source.h"
#include "runtime/train/weights.h"
#include "runtime/train/world.h"

namespace orrery {

enum class Decay : std::uint8_t { constant, linear, cosine };

// Linear warm-up from 0, then the decay down to `least` at step `until`.
struct LearningRate {
  double peak = 3e-4, least = 3e-5;
  std::int64_t warmup = 0, until = 0;
  Decay decay = Decay::cosine;
  double at(std::uint64_t step) const;
};

struct TrainOptions {
  std::uint64_t steps = 50;  // of the whole run, those before a resume among them
  std::uint64_t seed = 1;
  LearningRate learning_rate;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1, clip = 1;
  std::string checkpoints;             // a directory; empty: none
  std::uint64_t checkpoint_every = 0;  // steps; 0: at the end only
  std::size_t keep = 3;
  std::uint64_t evaluate_every = 0;                   // steps; 0: at the end only, if data is held out
  std::size_t warmup_steps = 2, measured_steps = 20;  // of run(..., measure): left out, and kept
};

struct StepReport {
  std::uint64_t step = 0;
  double loss = 0;  // mean over the tokens of the global batch, nats
  double gradient_norm = 0, learning_rate = 0, seconds = 0;
  std::optional<double> held_out_loss;  // after this step
};

// What the measured steps say of this rank.
struct RankMeasurement {
  std::vector<double> seconds;  // of each measured step
  Timeline median_step;         // of the step of median duration; by position in issues().list
};

class Trainer {
 public:
  using Progress = std::function<void(const StepReport&)>;  // called on rank 0

  // `source`: held-out data may be none. Collective.
  Trainer(const Setup&, const Program&, Backend&, World&, const TokenSource&, const TrainOptions&);

  // Values to start from: step 0, or that of a checkpoint.
  void start(const WeightSource&);
  // Ends in fail() if the checkpoint is of another model or would go on in another order of data.
  void resume(const CheckpointReader&);
  // Until options.steps, or the step after which a rank is asked to stop: it counts as the last, with a
  // checkpoint. With `measure`, steps after the warm-up keep their timelines.
  void run(const Progress&, const std::function<bool()>& stop, bool measure);

  const Player& player() const { return player_; }
  const RankMeasurement& measured() const { return measured_; }
  const std::vector<StepReport>& reports() const { return reports_; }

 private:
  StepReport step();
  double evaluate();
  void fetch(std::uint64_t step, std::int64_t first, std::int64_t sequences,
             std::span<std::int64_t> out) const;
  void checkpoint();
  StepArguments arguments() const;

  Setup setup_;
  World& world_;
  Backend& backend_;
  const TokenSource& source_;
  TrainOptions options_;
  Coordinates at_;
  Player player_;
  std::uint64_t step_ = 0;
  bool evaluating_ = false, measuring_ = false;
  std::vector<StepReport> reports_;
  RankMeasurement measured_;
  std::vector<Timeline> timelines_;
};

}  // namespace orrery
