#include "tests/runtime/run/training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace orrery::testing {
namespace {

constexpr const char* text_of_scenario = R"({
  "schema": "orrery.scenario/1",
  "name": "tiny",
  "model": {
    "name": "tiny", "vocab": 257, "max_positions": 32, "position": "learned", "tied": true, "dropout": 0.1,
    "layers": [{
      "count": 2, "hidden": 32,
      "attention": {"heads": 4, "qkv_bias": true, "out_bias": true},
      "mlp": {"ffn": 64, "activation": "gelu_tanh", "bias": true},
      "norm": "layer"
    }]
  },
  "cluster": {
    "name": "cores",
    "groups": [{
      "name": "main",
      "node": {
        "gpu": "cpu-core", "gpus": RANKS, "intra": {"kind": "pcie", "bandwidth": "12 GB/s"},
        "nics": {"count": 1, "bandwidth": "10 Gb/s"}, "cpu": "amd", "host_bandwidth": "12 GB/s"
      }
    }]
  },
  "train": {"seq_len": 32, "global_batch": 8, "precision": "fp32"},
  "plan": PLAN,
  "calibration": "cpu-core"
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// Words of a made-up language: something to learn.
std::string some_text(std::size_t bytes) {
  std::mt19937 random(7);
  std::vector<std::string> words;
  for (int i = 0; i < 60; ++i) {
    std::string& word = words.emplace_back();
    for (auto n = 2 + random() % 6; n > 0; --n) word += static_cast<char>('a' + random() % 26);
  }
  std::string out;
  while (out.size() < bytes) out += words[random() % words.size()] + (random() % 9 == 0 ? ".\n" : " ");
  return out;
}

}  // namespace

TrainingRun::TrainingRun() { put_file(data(), some_text(8000)); }

std::string TrainingRun::scenario(const std::string& plan, int ranks, const std::string& from,
                                  const std::string& to) const {
  std::string text = replaced(replaced(text_of_scenario, "RANKS", std::to_string(ranks)), "PLAN", plan);
  if (!from.empty()) text = replaced(text, from, to);
  const std::string path =
      directory_ / ("scenario" + std::to_string(std::hash<std::string>()(text)) + ".json");
  put_file(path, text);
  return path;
}

std::vector<std::string> TrainingRun::arguments(const std::string& scenario,
                                                const std::vector<std::string>& more, int in_all) const {
  std::vector<std::string> out{scenario,   "--data", data(), "--steps", std::to_string(in_all),
                               "--warmup", "5"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

double difference(const std::vector<double>& whole, const std::vector<double>& resumed) {
  if (resumed.empty() || resumed.size() > whole.size()) return INFINITY;
  double most = 0;
  const std::size_t first = whole.size() - resumed.size();
  for (std::size_t i = 0; i < resumed.size(); ++i)
    most = std::max(most, std::abs(resumed[i] / whole[first + i] - 1));
  return most;
}

}  // namespace orrery::testing
