// One rank, and a plan of eight, train as PyTorch does: loss, gradients and weights over five steps in fp32.
// PyTorch runs in a process of its own on the weights that we write for Hugging Face (oracle.py).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "runtime/state/hf_weights.h"
#include "runtime/state/initial.h"
#include "sim/base/error.h"
#include "tests/program/fixtures.h"
#include "tests/runtime/play/ranks.h"
#include "tests/runtime/state/directory.h"

namespace orrery {
namespace {

using testing::Tensors;

struct Output {
  int status = -1;
  std::string text;
};
Output shell(const std::string& command) {
  Output out;
  std::FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return out;
  std::array<char, 4096> text;
  while (const std::size_t n = std::fread(text.data(), 1, text.size(), pipe)) out.text.append(text.data(), n);
  out.status = pclose(pipe);
  return out;
}

// The first Python that has PyTorch: Debian's may not be the first of the path.
std::string python() {
  for (const char* candidate : {"python3", "/usr/bin/python3"})
    if (shell(std::string(candidate) + " -c 'import torch'").status == 0) return candidate;
  return "";
}

class Whole : public WeightSource {
 public:
  explicit Whole(const Tensors& tensors) : tensors_(tensors) {}
  void read(const Slice& s, std::span<float> to) const override {
    const std::vector<float>& all = tensors_.at(s.tensor);
    ORRERY_CHECK(s.column == 0);  // whole rows
    std::copy_n(all.begin() + s.row * s.columns, s.elements(), to.begin());
  }

 private:
  const Tensors& tensors_;
};

Json run_of(const testing::Trained& t, const Model& model, const Training& training,
            const testing::TrainOptions& options) {
  std::vector<Json> steps, losses, norms;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    std::vector<Json> sequences;
    for (std::int64_t i = 0; i < training.global_batch; ++i) {
      std::vector<Json> tokens;
      for (std::int64_t k = 0; k <= training.sequence; ++k)
        tokens.emplace_back(testing::token(step * training.global_batch + i, k, model.vocab));
      sequences.push_back(Json::array(std::move(tokens)));
    }
    steps.push_back(Json::array(std::move(sequences)));
    losses.emplace_back(t.losses[static_cast<std::size_t>(step)]);
    norms.emplace_back(double{t.gradient_norms[static_cast<std::size_t>(step)]});
  }
  const StepArguments& a = options.arguments;
  return Json::object({{"tokens", Json::array(std::move(steps))},
                       {"losses", Json::array(std::move(losses))},
                       {"norms", Json::array(std::move(norms))},
                       {"learning_rate", double{a.learning_rate}},
                       {"beta1", double{a.beta1}},
                       {"beta2", double{a.beta2}},
                       {"epsilon", double{a.epsilon}},
                       {"weight_decay", double{a.weight_decay}},
                       {"clip", double{a.clip}}});
}

// Sums of some hundred terms in another order differ by a few 2^-24 of the largest; sigmoids and exponentials
// of two libraries by as much; five steps of AdamW carry it on.
constexpr const char* tolerance = "3e-5";

void compare(const Model& model, const Plan& plan) {
  const std::string with = python();
  if (with.empty()) GTEST_SKIP() << "no python3 with PyTorch (Debian: python3-torch)";
  Training training = testing::training(24, 4);
  training.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  const testing::TrainOptions options;
  const testing::Trained trained =
      testing::train(model, testing::cluster(plan.ranks()), training, plan, options);
  Directory directory;
  Disk disk;
  const auto write = [&](const std::string& name, const WeightSource& source) {
    write_hf(disk, directory / name, model, source, DType::fp32);
  };
  write("initial", InitialWeights(model, options.seed));
  write("final", Whole(trained.weights));
  for (std::size_t s = 0; s < trained.gradients.size(); ++s)
    write("gradients" + std::to_string(s), Whole(trained.gradients[s]));
  put_file(directory / "run.json", run_of(trained, model, training, options).dump(false));
  const Output out =
      shell("OMP_NUM_THREADS=1 " + with + " " ORRERY_SOURCE_DIR "/tests/runtime/torch/oracle.py " +
            directory.path() + " " + tolerance);
  EXPECT_EQ(out.status, 0) << out.text;
  ::testing::Test::RecordProperty("oracle", out.text);
}

Plan one_rank() {
  Plan p;
  p.micro_batch = 4;
  return p;
}

Model gpt(Activation activation) {
  Model m = testing::gpt(4, 48, 4, 101, 32);
  m.dropout = 0;
  std::get<Mlp>(m.kinds[0].mlp).activation = activation;
  return m;
}

Model llama(bool tied) {
  Model m = testing::llama(4, 48, 4, 2, 80, 101);
  m.tied = tied;
  return m;
}

TEST(Torch, Gpt2) { compare(gpt(Activation::gelu), one_rank()); }
TEST(Torch, Gpt2WithTheTanhOfItsRelease) { compare(gpt(Activation::gelu_tanh), one_rank()); }
TEST(Torch, Llama) { compare(llama(false), one_rank()); }
TEST(Torch, LlamaTied) { compare(llama(true), one_rank()); }

TEST(Torch, LlamaWithStretchedPositions) {
  Model m = llama(false);
  m.rotary = {500, 8, 1, 4, 16};
  compare(m, one_rank());
}

TEST(Torch, Gpt2OnEightRanks) {
  Plan p = testing::plan({.tp = 2, .pp = 2, .dp = 2}, Zero::none, Recompute::full);
  p.sequence_parallel = true;
  compare(gpt(Activation::gelu), p);
}

TEST(Torch, LlamaOnEightRanks) { compare(llama(false), testing::plan({.tp = 2, .dp = 4}, Zero::full)); }

}  // namespace
}  // namespace orrery
