// Profiles for tests: Galvatron's of Llama 2 7B, and small random ones.
#pragma once
#include <string>
#include <string_view>

#include "planner/galvatron/search.h"
#include "profiler/import/import.h"
#include "tests/planner/galvatron/golden.h"

namespace orrery::galvatron::testing {

inline Source source(std::string_view text, std::string_view file) {
  return import_sources(std::string(text), file, 1).front();
}

inline ProfileFiles llama2_7b_files(int nodes = 1) {
  return {source(nodes == 1 ? bandwidths_1x8 : bandwidths_2x8, "bandwidths.json"),
          source(nodes == 1 ? messages_1x8 : messages_2x8, "messages.json"),
          source(overlap, "overlap.json"),
          source(collectives, "collectives.json"),
          source(computation, "computation.json"),
          source(memory, "memory.json")};
}

inline Shape llama2_7b_shape(int nodes = 1) {
  Shape shape;
  shape.nodes = nodes;
  shape.gpus_per_node = 8;
  shape.layers = 32;
  shape.hidden = 4096;
  shape.sequence = 2048;
  return shape;
}

inline Profile llama2_7b(int nodes = 1) {
  return make_profile(llama2_7b_files(nodes), llama2_7b_shape(nodes));
}

class Patient : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

inline Result search_all(const CostModel& model, std::int64_t batch, const Options& options) {
  Patient patient;
  return search(model, batch, options, patient);
}

}  // namespace orrery::galvatron::testing
