#include "tests/fuzz/targets.h"

#include "profiler/gzip.h"
#include "profiler/import/calibrate.h"
#include "profiler/import/import.h"
#include "profiler/import/run.h"
#include "profiler/points.h"
#include "profiler/runs.h"
#include "profiler/runs_stacks.h"
#include "sim/base/units.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "sim/scenario.h"
#include "tests/fuzz/state.h"
#include "tests/fuzz/step.h"
#include "tests/scenario/world.h"

namespace orrery::fuzz {
namespace {

// Runs `code`; whether it was not refused.
template <class Code>
bool accepted(Code code) {
  try {
    code();
    return true;
  } catch (const InputError&) {
    return false;
  }
}

// What `read` makes of a text, if anything, must be what it makes of `write`'s text for it.
template <class Read, class Write>
void round_trip(std::string_view text, Read read, Write write) {
  decltype(read(Json())) value;
  if (!accepted([&] { value = read(parse_json(text, "input")); })) return;
  ORRERY_CHECK(read(parse_json(write(value).dump(), "written")) == value);
}

void json(std::string_view bytes) {
  Json value;
  if (!accepted([&] { value = parse_json(bytes, "input"); })) return;
  const std::string written = value.dump();
  ORRERY_CHECK(parse_json(written, "written").dump() == written);
  ORRERY_CHECK(parse_json(value.dump(false), "written").dump() == written);
}

template <class Q>
void reads_back(std::optional<Q> q, std::optional<Q> (*parse)(std::string_view)) {
  if (!q) return;
  ORRERY_CHECK(!text(*q).empty());
  ORRERY_CHECK(parse(exact(*q)) == q);
}

void units(std::string_view bytes) {
  reads_back(parse_duration(bytes), parse_duration);
  reads_back(parse_bytes(bytes), parse_bytes);
  reads_back(parse_bandwidth(bytes), parse_bandwidth);
  reads_back(parse_flop_rate(bytes), parse_flop_rate);
  if (const auto count = parse_count(bytes)) ORRERY_CHECK(*count >= 0 && !text_count(*count).empty());
  if (const auto percent = parse_percent(bytes)) ORRERY_CHECK(*percent >= 0);
  if (const auto price = parse_price(bytes, "h")) ORRERY_CHECK(*price >= 0);
  const std::string names[] = {"micro_batch", "global_batch", "tp",
                               std::string(bytes.substr(0, bytes.size() / 2))};
  if (const auto name = nearest(bytes, names)) ORRERY_CHECK(!name->empty() || bytes.size() < 4);
}

void scenario(std::string_view bytes) {
  MemoryFiles files = world::with(bytes);
  const Library library(files, {"p"});
  Scenario s;
  if (!accepted([&] { s = read_scenario("w/s.json", library); })) return;
  if (s.plan) violation(s.model, s.cluster, s.training, *s.plan);
  files.content["w/s.json"] = write_scenario(s).set("calibration", "soft").dump();
  Scenario again = read_scenario("w/s.json", library);
  again.inputs = s.inputs;
  again.calibration = s.calibration;
  ORRERY_CHECK(again == s);
}

void plan(std::string_view bytes) {
  round_trip(
      bytes, [](const Json& j) { return read_plan(Reader(j, "plan")); }, write_plan);
}

void model(std::string_view bytes) {
  round_trip(
      bytes, [](const Json& j) { return read_model(Reader(j, "model")); }, write_model);
}

void device(std::string_view bytes) {
  round_trip(
      bytes, [](const Json& j) { return read_device(Reader(j, "device")); }, write_device);
}

void cluster(std::string_view bytes) {
  MemoryFiles files = world::with("");
  Library library(files, {"p"});
  const FindDevice find = [&library](std::string_view name, const Where& by) {
    return library.open(library.locate(Library::Kind::device, name, by), Library::Kind::device, by,
                        [](const Reader& r) { return read_device(r); });
  };
  round_trip(
      bytes, [&find](const Json& j) { return read_cluster(Reader(j, "cluster"), find); }, write_cluster);
}

void calibration(std::string_view bytes) {
  MemoryFiles files{{"k.json", std::string(bytes)}};
  Calibration c;
  if (!accepted([&] { c = read_calibration(files, "k.json"); })) return;
  files.content["k.json"] = write_calibration(c).dump();
  ORRERY_CHECK(read_calibration(files, "k.json") == c);
}

void runs(std::string_view bytes) {
  accepted([&] { read_runs(bytes, "runs"); });
}

void stacks(std::string_view bytes) {
  accepted([&] { read_stacks(bytes, "stacks"); });
}

void points(std::string_view bytes) {
  accepted([&] { read_matmuls(bytes, "points", "bf16xbf16->bf16"); });
  accepted([&] { read_collectives(bytes, "points", "sm_90"); });
}

// What is imported reads back from its document, and neither a fit nor a measured run of it is beyond us.
void imported(std::string_view bytes) {
  std::vector<Source> sources;
  if (!accepted([&] { sources = import_sources(std::string(bytes), "input", 1); })) return;
  const Json written = write_profile(sources);
  const std::vector<Source> again = read_profile(parse_json(written.dump(), "written"), "written");
  ORRERY_CHECK(write_profile(again).dump() == written.dump());
  Cluster cluster;
  cluster.groups.resize(1);
  NodeGroup& group = cluster.groups.front();
  group.nodes = 2;
  group.node.intra.bandwidth = {450e9};
  group.node.nics.bandwidth = {50e9};
  group.node.nics.count = 8;
  group.node.device.bf16 = {989e12};
  group.node.device.memory_bandwidth = {3.35e12};
  group.node.device.multiprocessors = 132;
  Calibration calibration;
  calibrate_import(calibration, again, {group.node.device, cluster});
  accepted([&] { measured_runs(again); });
}

void gzip(std::string_view bytes) {
  accepted([&] { gunzip(bytes, "packed"); });
}

constexpr Target all[] = {{"json", json},
                          {"units", units},
                          {"scenario", scenario},
                          {"plan", plan},
                          {"model", model},
                          {"device", device},
                          {"cluster", cluster},
                          {"calibration", calibration},
                          {"runs", runs},
                          {"stacks", stacks},
                          {"points", points},
                          {"gzip", gzip},
                          {"import", imported},
                          {"step", step},
                          {"safetensors", safetensors},
                          {"tokens", tokens},
                          {"checkpoint", checkpoint}};

}  // namespace

std::span<const Target> targets() { return all; }

}  // namespace orrery::fuzz
