// Small models, clusters and plans for the tests of plans and Programs.
#pragma once
#include "sim/cluster/cluster.h"
#include "sim/model/model.h"
#include "sim/plan/plan.h"

namespace orrery::testing {

// The GPT of Korthikanti et al. 2022: learned positions, biases, GELU, dropout, tied embeddings.
inline Model gpt(int layers, int hidden, int heads, std::int64_t vocab = 51200, int positions = 2048) {
  Model m;
  m.name = "gpt";
  m.family = "gpt2";
  m.hidden = hidden;
  m.vocab = vocab;
  m.max_positions = positions;
  m.position = Position::learned;
  m.tied = true;
  m.dropout = 0.1;
  Layer l;
  l.hidden = hidden;
  l.attention.heads = l.attention.kv_heads = heads;
  l.attention.head_dim = hidden / heads;
  l.attention.qkv_bias = l.attention.out_bias = true;
  l.mlp = Mlp{std::int64_t{4} * hidden, Activation::gelu, false, true};
  m.kinds = {l};
  m.layers.assign(static_cast<std::size_t>(layers), 0);
  return m;
}

// Llama: rotary positions, grouped queries, SwiGLU, RMSNorm, no biases, untied.
inline Model llama(int layers, int hidden, int heads, int kv_heads, int ffn, std::int64_t vocab = 32000) {
  Model m;
  m.name = "llama";
  m.family = "llama";
  m.hidden = hidden;
  m.vocab = vocab;
  Layer l;
  l.hidden = hidden;
  l.norm = Norm::rms;
  l.norm_bias = false;
  l.attention.heads = heads;
  l.attention.kv_heads = kv_heads;
  l.attention.head_dim = hidden / heads;
  l.mlp = Mlp{ffn, Activation::silu, true, false};
  m.kinds = {l};
  m.layers.assign(static_cast<std::size_t>(layers), 0);
  return m;
}

inline Cluster cluster(int ranks, int gpus = 8) {
  Node n;
  n.gpus = ranks < gpus ? ranks : gpus;
  n.device.name = "test device";
  n.device.memory = {std::int64_t{80} << 30};
  n.intra = {IntraKind::nvswitch, {300e9}, {2e-6}};
  n.nics = {n.gpus, {25e9}, {4e-6}};
  Cluster c;
  c.groups.push_back({"main", ranks / n.gpus, n});
  return c;
}

inline Training training(std::int64_t sequence, std::int64_t global_batch) {
  Training t;
  t.sequence = sequence;
  t.global_batch = global_batch;
  return t;
}

struct Degrees {
  int tp = 1, pp = 1, dp = 1, chunks = 1;
};
inline Plan plan(Degrees d, Zero zero = Zero::none, Recompute recompute = Recompute::none) {
  Plan p;
  p.tp = d.tp;
  p.pp = d.pp;
  p.dp = d.dp;
  p.virtual_stages = d.chunks;
  p.schedule = d.chunks > 1 ? Schedule::interleaved : Schedule::one_f_one_b;
  p.layers = {LayerStrategy{zero, recompute, true}};
  return p;
}

}  // namespace orrery::testing
