// A Scenario: one question to Orrery. What is trained (model, training), on what (cluster), cut and scheduled how
// (plan, or the ranges of a search and what is best), at which prices (calibration). Files are orrery.scenario/1;
// docs/formats.md lists every member. Nothing here opens a file: the Library asks the caller's Files.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/base/library.h"
#include "sim/cluster/cluster.h"
#include "sim/model/model.h"
#include "sim/plan/plan.h"

namespace orrery {

// The values that a search may choose from; an empty list leaves the choice to the planner ("auto").
struct Search {
  std::vector<std::int64_t> tp, cp, pp, dp, virtual_stages, micro_batch;
  std::vector<Zero> zero;
  std::vector<Recompute> recompute;
  std::vector<Schedule> schedules;
  std::vector<bool> sequence_parallel;
  bool each_layer = false;            // also a strategy for each layer, and uneven stages
  int top = 10;                       // plans in the answer
  Seconds budget{};                   // 0: until done
  bool operator==(const Search&) const = default;
};

enum class Metric : std::uint8_t { step_time, days, cost, cost_per_token, memory };

// What is best, and what a plan must keep to besides fitting.
struct Objective {
  Metric minimize = Metric::step_time;
  double memory_at_most = 1;          // share of a device's memory
  Seconds step_time_at_most{}, run_at_most{};  // of one step, of the whole run; 0: no limit
  Dollars cost_at_most{}, cost_per_token_at_most{};  // of the whole run, of a token of it; 0: no limit
  bool operator==(const Objective&) const = default;
};

struct Scenario {
  std::string name;
  Model model;
  Cluster cluster;
  Training training;
  std::optional<Plan> plan;
  Search search;
  Objective objective;
  std::string calibration;            // path of its file
  std::uint64_t seed = 1;
  std::vector<Library::Input> inputs; // the files that were read, in order of opening
  bool operator==(const Scenario&) const = default;
};

// Ends in fail() on anything that is wrong in the file or in one that it refers to. The plan is not yet checked
// against model and cluster: violation() does.
Scenario read_scenario(const std::string& path, const Library&);
// The same of a document that stands, or would stand, in `file`: what is varied is a document, not a text.
Scenario read_scenario(const Json& document, const std::string& file, const Library&);

// The parts, as the command line or another file names them: a preset, or a path (with a slash or ending in .json)
// relative to `by.file`. A model may be a config.json of Hugging Face.
Model find_model(Library&, std::string_view name_or_path, const Where& by = {});
Cluster find_cluster(Library&, std::string_view name_or_path, int nodes = 0, const Where& by = {});
Plan find_plan(Library&, std::string_view name_or_path, const Where& by = {});
// The file of a calibration, and the one for a cluster where none is named: by its first device from defaults.json
// of the first directory of presets that lists it ("schema": "orrery.defaults/1", "calibrations": {DEVICE: NAME}).
std::string find_calibration(const Library&, std::string_view name_or_path, const Where& by = {});
std::string default_calibration(Library&, const Cluster&, const Where& by = {});

// Whole, with every reference resolved, but for the calibration's path.
Json write_scenario(const Scenario&);

}  // namespace orrery
