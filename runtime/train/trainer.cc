#include "runtime/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <numeric>

#include "sim/base/error.h"

namespace orrery {

double LearningRate::at(std::uint64_t step) const {
  const auto s = static_cast<double>(step);
  if (step < static_cast<std::uint64_t>(warmup)) return peak * (s + 1) / static_cast<double>(warmup);
  if (decay == Decay::constant || until <= warmup) return peak;
  const double x = std::min(1.0, (s - static_cast<double>(warmup)) / static_cast<double>(until - warmup));
  const double left = decay == Decay::linear ? 1 - x : (1 + std::cos(std::numbers::pi * x)) / 2;
  return least + (peak - least) * left;
}

Trainer::Trainer(const Setup& setup, const Program& program, Backend& backend, World& world,
                 const TokenSource& source, const TrainOptions& options)
    : setup_(setup),
      world_(world),
      backend_(backend),
      source_(source),
      options_(options),
      at_(coordinates(setup.plan, world.rank())),
      player_(setup, program, world.rank(), backend,
              [this](std::uint64_t step, std::int64_t first, std::int64_t sequences,
                     std::span<std::int64_t> out) { fetch(step, first, sequences, out); }) {}

void Trainer::start(const WeightSource& source) {
  load_state(setup_, at_, player_.holdings(), from_weights(source), backend_);
}

void Trainer::resume(const CheckpointReader& reader) {
  const CheckpointInfo& info = reader.info();
  const Where where{options_.checkpoints + ", step " + std::to_string(info.step), "", 0};
  const auto same = [&](std::int64_t theirs, std::int64_t ours, const std::string& what) {
    if (theirs != ours)
      fail(where, "a checkpoint of a run with " + what + " " + std::to_string(ours), std::to_string(theirs));
  };
  if (info.model != setup_.model)
    fail(where, "a checkpoint of this model, " + setup_.model.name, "one of another, " + info.model.name);
  same(info.training.sequence, setup_.training.sequence, "sequences of length");
  same(info.training.global_batch, setup_.training.global_batch, "a global batch of");
  same(static_cast<std::int64_t>(info.seed), static_cast<std::int64_t>(options_.seed), "the seed");
  const double share = source_.options().held_out;
  const Json* const held_out = info.settings.find("held_out");
  if (held_out == nullptr || held_out->real() != share)
    fail(where, "a checkpoint of a run that held out " + Json(share).dump() + " of its data",
         held_out ? held_out->dump() : "");
  if (info.dataset_digest != source_.file().digest())
    fail({source_.file().path(), "", 0}, "the data that the checkpoint was trained on, " + info.dataset,
         "other data");
  load_state(setup_, at_, player_.holdings(), from_checkpoint(reader), backend_);
  step_ = info.step;
}

// Inputs of all sequences, then their labels.
void Trainer::fetch(std::uint64_t step, std::int64_t first, std::int64_t sequences,
                    std::span<std::int64_t> out) const {
  const std::int64_t length = setup_.training.sequence, batch = setup_.training.global_batch;
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(length + 1));
  for (std::int64_t i = 0; i < sequences; ++i) {
    const std::int64_t number = first + i;
    if (evaluating_)
      source_.held_out(number % source_.held_out(), tokens);
    else
      source_.training(step * static_cast<std::uint64_t>(batch) + static_cast<std::uint64_t>(number), tokens);
    std::copy(tokens.begin(), tokens.end() - 1, out.begin() + i * length);
    std::copy(tokens.begin() + 1, tokens.end(), out.begin() + (sequences + i) * length);
  }
}

StepArguments Trainer::arguments() const {
  StepArguments a;
  a.step = step_;
  a.seed = options_.seed;
  a.learning_rate = static_cast<float>(options_.learning_rate.at(step_));
  a.beta1 = static_cast<float>(options_.beta1);
  a.beta2 = static_cast<float>(options_.beta2);
  a.epsilon = static_cast<float>(options_.epsilon);
  a.weight_decay = static_cast<float>(options_.weight_decay);
  a.clip = static_cast<float>(options_.clip);
  return a;
}

StepReport Trainer::step() {
  const StepArguments a = arguments();
  const bool measured =
      measuring_ && reports_.size() >= options_.warmup_steps && timelines_.size() < options_.measured_steps;
  world_.barrier();  // steps of all ranks begin together
  const auto before = std::chrono::steady_clock::now();
  const StepResult result = player_.step(a, measured ? &timelines_.emplace_back() : nullptr);
  world_.barrier();
  StepReport report;
  report.step = step_;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  report.seconds = world_.sum(world_.rank() == 0 ? seconds : 0);  // all choose the same median step
  if (measured) measured_.seconds.push_back(report.seconds);
  report.loss = world_.sum(result.loss_sum) / (static_cast<double>(setup_.training.global_batch) *
                                               static_cast<double>(setup_.training.sequence));
  report.gradient_norm = result.gradient_norm;
  report.learning_rate = a.learning_rate;
  return report;
}

// Of the first global batch of held-out sequences; if there are fewer, some count more than once.
double Trainer::evaluate() {
  StepArguments a = arguments();
  a.evaluate = true;
  evaluating_ = true;
  const StepResult result = player_.step(a);
  evaluating_ = false;
  return world_.sum(result.loss_sum) /
         (static_cast<double>(setup_.training.global_batch) * static_cast<double>(setup_.training.sequence));
}

void Trainer::checkpoint() {
  Disk disk;
  Checkpoints to(disk, options_.checkpoints);
  if (world_.rank() == 0) to.begin(step_);
  world_.barrier();
  std::vector<std::vector<std::byte>> memory;
  to.write_shard(setup_.model, step_, world_.rank(),
                 owned_state(setup_, at_, player_.holdings(), backend_, memory));
  world_.barrier();
  if (world_.rank() == 0) {
    CheckpointInfo info;
    info.step = step_;
    info.seed = options_.seed;
    info.sequences = step_ * static_cast<std::uint64_t>(setup_.training.global_batch);
    info.dataset = source_.file().path();
    info.dataset_digest = source_.file().digest();
    info.model = setup_.model;
    info.training = setup_.training;
    info.plan = setup_.plan;
    info.settings.set("held_out", source_.options().held_out);
    to.commit(info, world_.ranks());
    to.prune(options_.keep);
  }
  world_.barrier();
}

void Trainer::run(const Progress& progress, const std::function<bool()>& stop, bool measure) {
  measuring_ = measure;
  if (world_.rank() == 0 && !options_.checkpoints.empty()) {  // refused now rather than after hours
    Disk disk;
    Checkpoints(disk, options_.checkpoints).begin(step_);
  }
  for (bool last = false; !last && step_ < options_.steps;) {
    StepReport report = step();
    if (!std::isfinite(report.loss))
      throw DeviceError("the loss of step " + std::to_string(step_) +
                        " is not finite: a smaller --lr may do");
    ++step_;
    last = world_.sum(stop() ? 1 : 0) > 0 || step_ == options_.steps;
    const auto due = [&](std::uint64_t every) { return last || (every > 0 && step_ % every == 0); };
    if (source_.held_out() > 0 && due(options_.evaluate_every)) report.held_out_loss = evaluate();
    reports_.push_back(report);
    if (world_.rank() == 0) progress(report);
    if (!options_.checkpoints.empty() && due(options_.checkpoint_every)) checkpoint();
  }
  if (timelines_.empty()) return;
  std::vector<std::size_t> order(timelines_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return measured_.seconds[a] < measured_.seconds[b]; });
  measured_.median_step = std::move(timelines_[order[order.size() / 2]]);
}

}  // namespace orrery
