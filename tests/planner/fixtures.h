// A small question that a test can solve by brute force, and lenders for the planner: threads are played in turn,
// in an order that a fair executor would never choose.
#pragma once
#include <cstddef>

#include "planner/search.h"

namespace orrery {

// 6 layers on one or two nodes of 8 devices; a device holds `memory`.
inline Scenario small_scenario(int nodes = 2, std::int64_t gib = 80) {
  Scenario s;
  s.name = "small";
  Layer layer;
  layer.hidden = 4096;
  layer.attention.heads = 32;
  layer.attention.kv_heads = 8;
  layer.attention.head_dim = 128;
  layer.mlp = Mlp{.ffn = 14336, .activation = Activation::silu, .gated = true};
  layer.norm = Norm::rms;
  layer.norm_bias = false;
  s.model.name = "small";
  s.model.hidden = 4096;
  s.model.vocab = 32000;
  s.model.kinds = {layer};
  s.model.layers.assign(6, 0);
  Node node;
  node.device.name = "h100-sxm-80";
  node.device.bf16 = node.device.fp16 = {989e12};
  node.device.fp32 = {67e12};
  node.device.multiprocessors = 132;
  node.device.memory = node.device.nominal_memory = {gib << 30};
  node.device.memory_bandwidth = {3350e9};
  node.device.nvlinks = 18;
  node.device.architecture = "hopper";
  node.intra.bandwidth = {450e9};
  node.nics = {.count = 8, .bandwidth = {50e9}, .latency = {}};
  s.cluster.name = "small";
  s.cluster.groups = {{"main", nodes, node}};
  s.training.sequence = 4096;
  s.training.global_batch = 32;
  s.training.tokens = 1e9;
  s.search.top = 5;
  return s;
}

// Constants of the size that fits give; a curve isn't needed where NCCL's model has the answer.
inline Calibration small_calibration() {
  Calibration c;
  c.name = "small";
  for (const int head_dim : {64, 128})
    for (const bool causal : {true, false})
      c.attention_rates.push_back({"fa2", head_dim, causal, false, {200e12, 260e12, 300e12, 330e12, 350e12, 360e12}});
  c.attention_kernel = "fa2";
  return c;
}

// Runs the tasks backwards, each on another "worker".
class BackwardExecutor : public Executor {
 public:
  explicit BackwardExecutor(std::size_t workers) : workers_(workers) {}
  std::size_t workers() const override { return workers_; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = count; i-- > 0;) task(i, i % workers_);
  }

 private:
  std::size_t workers_;
};

class ForwardExecutor : public Executor {
 public:
  std::size_t workers() const override { return 1; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = 0; i < count; ++i) task(i, 0);
  }
};

// Stops after `looks` looks; 0: never.
class CountingWatch : public Watch {
 public:
  explicit CountingWatch(std::size_t looks = 0) : looks_(looks) {}
  bool stop() override { return looks_ > 0 && ++asked_ >= looks_; }
  void progress(std::size_t done, std::size_t total, std::string_view) override {
    ordered = ordered && done <= total;
    ++reports;
  }
  bool ordered = true;
  std::size_t reports = 0;

 private:
  std::size_t looks_, asked_ = 0;
};

}  // namespace orrery
