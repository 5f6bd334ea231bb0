// Rows of others are odd in ways nobody thought of. Members of shipped rows are replaced by nonsense, a fixed
// sequence of it: reading and mapping end in a scenario or in a reason, and what is mapped can be compiled.
#include <gtest/gtest.h>

#include <random>

#include "profiler/runs_scenario.h"
#include "sim/base/error.h"
#include "sim/program/compile.h"
#include "sim/scenario.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

const std::vector<Json>& nonsense() {
  static const std::vector<Json> values = {Json(),
                                           Json(true),
                                           Json(0),
                                           Json(1),
                                           Json(-1),
                                           Json(3),
                                           Json(7),
                                           Json(1024),
                                           Json(std::int64_t{1} << 31),
                                           Json(std::int64_t{1} << 62),
                                           Json(0.5),
                                           Json(1e300),
                                           Json(-0.0),
                                           Json(""),
                                           Json("none"),
                                           Json("full"),
                                           Json("1F1B"),
                                           Json("fp8"),
                                           Json("interleaved 1F1B"),
                                           Json(std::string(5000, 'x')),
                                           Json::array({Json(1), Json("two")}),
                                           Json::object({{"tp", Json(8)}}),
                                           Json("FSDP"),
                                           Json("ZeRO-2"),
                                           Json("selective (core attention)")};
  return values;
}

// The places of all members, as (part, key): ("parallel", "tp"), ("precision", "").
std::vector<std::pair<std::string, std::string>> places(const Json& row) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [part, value] : row.members()) {
    out.emplace_back(part, "");
    for (const auto& [key, below] : value.members()) out.emplace_back(part, key);
  }
  return out;
}

void put(Json& row, const std::pair<std::string, std::string>& place, const Json& value) {
  if (place.second.empty()) {
    row.set(place.first, value);
    return;
  }
  Json part = *row.find(place.first);
  if (part.is(Json::Kind::object)) row.set(place.first, part.set(place.second, value));
}

TEST(MutatedRows, EndInAScenarioThatCompilesOrInAReason) {
  Disk disk;
  Library library{disk, {shipped("")}};
  const Stacks stacks = read_stacks(disk.text(shipped("stacks.json")), "stacks.json");
  const char* rows[] = {
      R"({"id":"a","source":{"name":"Korthikanti"},"family":"papers","model":{"name":"m","layers":4,"hidden":512,"heads":8,"kv_heads":8,"head_dim":64,"ffn":2048,"vocab":1000,"seq":128,"gated":false,"tied":true,"act":"gelu","pos":"learned","moe":null},"hw":{"gpu":"A100-80GB-SXM","n_gpus":16,"gpus_per_node":8,"inter":"8x 200 Gb/s"},"precision":"fp16","parallel":{"dp":2,"tp":4,"pp":2,"vpp":2,"cp":1,"sp":true,"zero":"none","mbs":2,"gbs":16,"recompute":"full","schedule":"interleaved 1F1B","overlap":"none","pp_partition":null},"result":{"iter_s":1.0,"mem_gb":9},"split":"validate","quality":"A","task":"pretrain"})",
      R"({"id":"b","source":{"name":"NVIDIA dgxc-benchmarking","release":"v25.04.02"},"family":"dgxc","model":{"name":"m","layers":4,"hidden":512,"heads":8,"kv_heads":2,"head_dim":64,"ffn":2048,"vocab":1000,"seq":256,"gated":true,"tied":false,"act":"swiglu"},"hw":{"gpu":"H100-80GB-SXM","n_gpus":16,"gpus_per_node":8,"inter":"8x 400 Gb/s"},"precision":"fp8","parallel":{"dp":4,"tp":2,"pp":1,"vpp":null,"cp":2,"sp":true,"zero":"distributed optimizer","mbs":1,"gbs":16,"recompute":"none","overlap":"TP overlap off"},"result":{"iter_s":1.0},"split":"validate","quality":"A","task":"pretrain"})",
      R"({"id":"c","source":{"name":"llm-foundry"},"family":"mosaic","model":{"name":"m","layers":4,"hidden":512,"heads":8,"ffn":2048,"vocab":1000,"seq":256},"hw":{"gpu":"H100-80GB-SXM","n_gpus":8,"gpus_per_node":8},"precision":"bf16","parallel":{"dp":8,"tp":1,"pp":1,"zero":"FSDP FULL_SHARD","mbs":2,"gbs":16,"recompute":"full","mp_mode":"DEFAULT"},"result":{"iter_s":1.0},"split":"validate"})"};
  std::mt19937 random(20240611);
  Compiler compiler;
  Program program;
  int mapped = 0, refused = 0;
  for (const char* text : rows) {
    const Json original = parse_json(text, "row");
    const auto all = places(original);
    for (int round = 0; round < 400; ++round) {
      Json row = original;
      const std::size_t changes = 1 + random() % 3;
      for (std::size_t i = 0; i < changes; ++i)
        put(row, all[random() % all.size()], nonsense()[random() % nonsense().size()]);
      SCOPED_TRACE(row.dump(false));
      const MappedRun m =
          map_run(read_run(row), stacks, [&](std::string_view name) { return find_cluster(library, name); });
      ASSERT_NE(m.scenario.has_value(), !m.reason.empty());
      if (!m.scenario) {
        ++refused;
        continue;
      }
      ++mapped;
      const RunScenario& s = *m.scenario;
      ASSERT_FALSE(violation(s.model, s.cluster, s.training, s.plan));
      if (micro_batches(s.training, s.plan) <= 64)
        compiler.run(s.model, s.cluster, s.training, s.plan, Ranks::folded, program);
    }
  }
  EXPECT_GT(mapped, 100);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace orrery
