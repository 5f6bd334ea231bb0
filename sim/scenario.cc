#include "sim/scenario.h"

#include <limits>

#include "sim/base/utf8.h"
#include "sim/cluster/read.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "sim/search.h"

namespace orrery {
namespace {

using Kind = Library::Kind;

bool is_reference(const Reader& part) { return part.has("preset") || part.has("file"); }

Model read_model_part(Library& library, const Reader& part);

Model read_model_target(Library& library, const Reader& part) {
  if (!part.has("hf")) {
    return library.follow(part, Kind::model, [&library](const Reader& r) {
      return r.has("hf") ? read_model_part(library, r) : read_model(r);
    });
  }
  const Where by = part.where("hf");
  return library.open_foreign(beside(by.file, part.string("hf")), by,
                              [](const Reader& r) { return read_model(r); });
}

Model read_model_part(Library& library, const Reader& part) {
  const bool reference = is_reference(part) || part.has("hf");
  Model model = read_model_target(library, part);
  if (!reference) return model;
  if (const auto changes = part.object_if("override")) {
    model = modified(std::move(model), *changes);
    changes->done();
  }
  part.done();
  return model;
}

Device find_device(Library& library, std::string_view name, const Where& by) {
  return library.open(library.locate(Kind::device, name, by), Kind::device, by,
                      [](const Reader& r) { return read_device(r); });
}

Cluster read_cluster_document(Library& library, const Reader& r, int nodes) {
  const FindDevice find = [&library](std::string_view name, const Where& by) {
    return find_device(library, name, by);
  };
  return read_cluster(r, find, nodes);
}

Cluster read_cluster_part(Library& library, const Reader& part) {
  const bool reference = is_reference(part);
  const int nodes = reference ? static_cast<int>(part.integer_or("nodes", 0, 1, 1'000'000)) : 0;
  Cluster cluster = library.follow(part, Kind::cluster, [&library, nodes](const Reader& r) {
    return read_cluster_document(library, r, nodes);
  });
  if (reference) part.done();
  return cluster;
}

Plan read_plan_part(Library& library, const Reader& part) {
  Plan plan = library.follow(part, Kind::plan, [](const Reader& r) { return read_plan(r); });
  if (is_reference(part)) part.done();
  return plan;
}

std::string stem(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

// A member that is an object: the thing itself or a reference, of which `example` is one.
Reader part(const Reader& r, std::string_view key, std::string_view example) {
  const std::string expected =
      "an object: the " + std::string(key) + " itself or a reference such as " + std::string(example);
  if (!r.has(key) || !r.value().find(key)->is(Json::Kind::object)) r.fail_at(key, expected);
  return r.object(key);
}

Scenario read(Library& library, const Reader& r) {
  Scenario s;
  s.name = r.string_or("name", stem(r.where().file));
  s.model = read_model_part(library, part(r, "model", R"({"preset": "llama3-8b"})"));
  s.cluster = read_cluster_part(library, part(r, "cluster", R"({"preset": "h100-sxm", "nodes": 8})"));
  s.training = read_training(r.object("train"));
  if (r.has("plan")) s.plan = read_plan_part(library, part(r, "plan", R"({"file": "plan.json"})"));
  if (const auto search = r.object_if("search")) s.search = read_search(*search);
  if (const auto objective = r.object_if("objective"))
    s.objective = read_objective(*objective, s.training, s.cluster);
  s.calibration = r.has("calibration")
                      ? find_calibration(library, r.string("calibration"), r.where("calibration"))
                      : default_calibration(library, s.cluster, r.where("cluster"));
  s.seed = static_cast<std::uint64_t>(r.integer_or("seed", 1, 0, std::numeric_limits<std::int64_t>::max()));
  r.done();
  return s;
}

}  // namespace

Scenario read_scenario(const std::string& path, const Library& library) {
  Library own = library.fresh();
  Scenario scenario = own.open(path, Kind::scenario, {}, [&own](const Reader& r) { return read(own, r); });
  scenario.inputs = own.inputs();
  return scenario;
}

Scenario read_scenario(const Json& document, const std::string& file, const Library& library) {
  Library own = library.fresh();
  Reader r(document, file);
  r.schema(Library::schema(Kind::scenario));
  Scenario scenario = read(own, r);
  scenario.inputs = own.inputs();
  return scenario;
}

Model find_model(Library& library, std::string_view name_or_path, const Where& by) {
  const std::string path = library.locate(Kind::model, name_or_path, by);
  return library.open_foreign(path, by, [&library](Reader r) {
    if (r.has("schema")) r.schema(Library::schema(Kind::model));
    return read_model_part(library, r);
  });
}

Cluster find_cluster(Library& library, std::string_view name_or_path, int nodes, const Where& by) {
  return library.open(
      library.locate(Kind::cluster, name_or_path, by), Kind::cluster, by,
      [&library, nodes](const Reader& r) { return read_cluster_document(library, r, nodes); });
}

Plan find_plan(Library& library, std::string_view name_or_path, const Where& by) {
  return library.open(library.locate(Kind::plan, name_or_path, by), Kind::plan, by,
                      [](const Reader& r) { return read_plan(r); });
}

std::string find_calibration(const Library& library, std::string_view name_or_path, const Where& by) {
  const std::string path = library.locate(Kind::calibration, name_or_path, by);
  if (!library.exists(path))
    fail(by, "a calibration: a preset or the path of a file", "no file at " + quoted(path, 200));
  return path;
}

std::string default_calibration(Library& library, const Cluster& cluster, const Where& by) {
  const std::string& device = cluster.groups.front().node.device.name;
  for (const std::string& directory : library.directories()) {
    const std::string path = directory + "/defaults.json";
    if (!library.exists(path)) continue;
    const std::string found = library.open_foreign(path, by, [&](Reader r) {
      r.schema("orrery.defaults/1");
      const Reader calibrations = r.object("calibrations");
      r.done();
      return calibrations.has(device)
                 ? find_calibration(library, calibrations.string(device), calibrations.where(device))
                 : std::string();
    });
    if (!found.empty()) return found;
  }
  fail(by, "a \"calibration\", since there is no default for the device " + quoted(device));
}

}  // namespace orrery
