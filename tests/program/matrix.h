// A matrix of plans over a small model: every schedule, ZeRO stage, recompute policy and way of tensor
// parallelism.
#pragma once
#include <cstdlib>
#include <string>
#include <vector>

#include "sim/plan/plan.h"
#include "tests/program/fixtures.h"

namespace orrery::testing {

struct Case {
  Model model;
  Cluster cluster;
  Training training;
  Plan plan;
  std::string name;
};

// All legal combinations; without ORRERY_TEST_ALL in the environment every `stride`th of them.
// Two layers in four virtual stages: the first holds the embedding alone, the last the head.
inline Case edges_apart(int chunks) {
  Plan p = plan({.tp = 2, .pp = chunks == 1 ? 4 : 2, .chunks = chunks});
  p.stage_layers = {0, 1, 1, 0};
  return {gpt(2, 64, 4, 512, 32), cluster(p.ranks(), 4), training(32, 8), p,
          "edges apart in " + std::to_string(chunks)};
}

inline std::vector<Case> cases(std::size_t stride = 7) {
  if (std::getenv("ORRERY_TEST_ALL")) stride = 1;
  std::vector<Case> out;
  std::size_t n = 0;
  const Model models[] = {gpt(8, 64, 4, 512, 32), llama(8, 64, 8, 4, 128, 512)};
  for (const Model& model : models)
    for (Degrees d : {Degrees{1, 1, 1, 1},
                      {1, 1, 4, 1},
                      {2, 1, 2, 1},
                      {4, 1, 1, 1},
                      {1, 4, 1, 1},
                      {2, 2, 2, 1},
                      {2, 2, 2, 2},
                      {1, 4, 2, 2},
                      {2, 4, 1, 1}})
      for (int zero = 0; zero < 4; ++zero)
        for (int recompute = 0; recompute < 3; ++recompute)
          for (int variant = 0; variant < 8; ++variant) {
            Plan p = plan(d, static_cast<Zero>(zero), static_cast<Recompute>(recompute));
            p.sequence_parallel = d.tp > 1 && variant % 2 == 1;
            p.attention = variant % 4 < 2 ? AttentionKernel::fused : AttentionKernel::unfused;
            p.receive_ahead = variant < 4 ? 1 : 0;
            p.tensor_overlap = static_cast<TensorOverlap>(variant % 3);
            p.overlap_gradients = p.overlap_parameters = variant % 3 != 2;
            p.early_stop = variant == 5;
            p.bucket_parameters = variant % 2 ? 1 : 100'000;
            p.prefetch = variant % 3;
            if (d.pp > 1 && d.chunks == 1 && variant == 3) p.schedule = Schedule::gpipe;
            const Training t = training(32, 8);
            const Cluster c = cluster(p.ranks(), 4);
            if (violation(model, c, t, p)) continue;
            if (n++ % stride == 0)
              out.push_back(
                  {model, c, t, p, model.name + " " + summary(p) + " variant " + std::to_string(variant)});
          }
  for (int cp : {2, 4}) {
    for (Degrees d : {Degrees{1, 1, 1, 1}, {2, 2, 2, 1}}) {
      Case c{models[1], {}, training(64, 8), plan(d, Zero::optimizer), ""};
      c.plan.cp = cp;
      c.plan.sequence_parallel = d.tp > 1;
      c.cluster = cluster(c.plan.ranks(), 4);
      c.name = summary(c.plan);
      out.push_back(c);
    }
  }
  out.push_back(edges_apart(1));
  out.push_back(edges_apart(2));
  return out;
}

}  // namespace orrery::testing
