#include "tools/galvatron_profiles.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>

#include "profiler/import/import.h"
#include "sim/scenario.h"
#include "tools/errors.h"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using galvatron::ProfileFiles;
using galvatron::Shape;

constexpr int most_layers = 10'000;

std::vector<std::string> files_below(const std::vector<std::string>& folders) {
  std::vector<std::string> out;
  for (const std::string& folder : folders) {
    std::error_code error;
    if (fs::is_regular_file(folder, error)) {
      out.push_back(folder);
      continue;
    }
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
    if (error) fail({folder, "", 0}, "a folder of Galvatron's profiles", error.message());
    for (; at != end; at.increment(error)) {
      if (error) fail({folder, "", 0}, "a folder that can be read", error.message());
      if (at->path().extension() == ".json") out.push_back(at->path().string());
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }

template <class Items, class Name>
std::string listed(const Items& items, const Name& name) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + name(item);
  return out;
}

class Finder {
 public:
  Finder(Session& session, const ProfileChoice& choice)
      : choice_(choice), library_(session.library().fresh()), files_(files_below(choice.folders)) {}

  FoundProfile find() {
    const Cluster cluster = find_cluster();
    const ModelFiles model = find_model_files();
    ProfileFiles files{read(cluster.bandwidths),
                       read(cluster.messages),
                       read(only("overlap_coefficient.json")),
                       {},
                       model.computation,
                       model.memory};
    if (const std::string sp = collectives(cluster); !sp.empty()) files.collectives = read(sp);
    const std::vector<Library::Input> inputs = library_.inputs();
    return {model.name, galvatron::make_profile(files, shape_of(cluster, model)), inputs};
  }

 private:
  struct Cluster {
    int nodes, gpus_per_node;
    std::string bandwidths, messages;
    std::string text() const { return std::to_string(nodes) + " x " + std::to_string(gpus_per_node); }
    std::string ending() const {
      return "_" + std::to_string(nodes) + "nodes_" + std::to_string(gpus_per_node) + "gpus_per_node.json";
    }
  };
  struct ModelFiles {
    std::string name;
    Source computation, memory;
  };

  Source read(const std::string& path) {
    const std::string bytes = library_.text(path);
    return import_sources(bytes, path, library_.inputs().back().digest).front();
  }

  // The file of this name; empty if there is none. Copies in other folders are told apart by --profiles.
  std::string named(const std::string& name) const {
    std::vector<std::string> found;
    for (const std::string& path : files_)
      if (name_of(path) == name) found.push_back(path);
    if (found.size() > 1)
      throw UsageError("--profiles: " + name + " is there " + std::to_string(found.size()) + " times (" +
                       found[0] + ", " + found[1] + " ...): give narrower folders");
    return found.empty() ? "" : found.front();
  }

  std::string only(const std::string& name) const {
    const std::string path = named(name);
    if (path.empty()) fail({choice_.folders.front(), "", 0}, "a file " + name + " in it or below", "none");
    return path;
  }

  Cluster find_cluster() const {
    const std::regex pattern(R"(allreduce_bandwidth_(\d{1,4})nodes_(\d{1,4})gpus_per_node\.json)");
    std::vector<Cluster> clusters;
    for (const std::string& path : files_) {
      std::smatch m;
      const std::string name = name_of(path);
      if (!std::regex_match(name, m, pattern)) continue;
      Cluster c{std::stoi(m[1]), std::stoi(m[2]), {}, {}};
      if ((choice_.nodes && c.nodes != choice_.nodes) ||
          (choice_.gpus_per_node && c.gpus_per_node != choice_.gpus_per_node))
        continue;
      if (clusters.empty() || clusters.back().ending() != c.ending()) clusters.push_back(c);
    }
    if (clusters.empty())
      fail({choice_.folders.front(), "", 0}, "a file " + wanted() + " in it or below", "none");
    // The one whose collectives are measured too is what Galvatron itself can search.
    const auto whole = [&](const Cluster& c) { return !named("sp_time" + c.ending()).empty(); };
    if (clusters.size() > 1 && std::count_if(clusters.begin(), clusters.end(), whole) == 1)
      std::erase_if(clusters, [&](const Cluster& c) { return !whole(c); });
    if (clusters.size() > 1)
      throw UsageError("profiles of several clusters (" +
                       listed(clusters, [](const Cluster& c) { return c.text(); }) +
                       "): choose by --nodes and --gpus-per-node");
    Cluster c = clusters.front();
    const int gpus = c.nodes * c.gpus_per_node;
    if (gpus < 1 || (gpus & (gpus - 1)) != 0)
      fail({only("allreduce_bandwidth" + c.ending()), "", 0}, "a number of GPUs that is a power of two",
           std::to_string(gpus));
    c.bandwidths = only("allreduce_bandwidth" + c.ending());
    c.messages = only("p2p_bandwidth" + c.ending());
    return c;
  }

  std::string wanted() const {
    const auto part = [](std::int64_t n, const char* any) {
      return n ? std::to_string(n) : std::string(any);
    };
    return "allreduce_bandwidth_" + part(choice_.nodes, "N") + "nodes_" + part(choice_.gpus_per_node, "G") +
           "gpus_per_node.json";
  }

  // Of the cluster, else of one node like its own: groups of one node take as long there.
  std::string collectives(const Cluster& c) const {
    const std::string own = named("sp_time" + c.ending());
    return own.empty() ? named("sp_time" + Cluster{1, c.gpus_per_node, {}, {}}.ending()) : own;
  }

  ModelFiles find_model_files() {
    const std::regex pattern(R"((computation)_profiling_(bf16|fp16)_(.+?)(_all)?\.json)");
    std::vector<ModelFiles> found;
    std::string incomplete;
    for (const std::string& path : files_) {
      std::smatch m;
      const std::string name = name_of(path);
      if (!std::regex_match(name, m, pattern)) continue;
      const std::string memory =
          (fs::path(path).parent_path() / ("memory" + name.substr(m[1].length()))).string();
      if (!std::binary_search(files_.begin(), files_.end(), memory)) continue;
      ModelFiles files{m[3], read(path), read(memory)};
      const auto whole = [](const Source& s, const char* layer) {
        return std::any_of(s.measurements.begin(), s.measurements.end(),
                           [&](const Measurement& x) { return x.name == layer; });
      };
      if (!whole(files.computation, "layer 0, a sequence"))
        incomplete = path;
      else if (!whole(files.memory, "parameters"))
        incomplete = memory;
      else
        found.push_back(std::move(files));
    }
    if (found.empty() && !incomplete.empty())
      fail({incomplete, "", 0}, "values of one layer, \"layertype_0...\"", "only runs of whole models");
    if (found.empty())
      fail({choice_.folders.front(), "", 0},
           "computation_profiling_bf16_MODEL_all.json and memory_profiling_bf16_MODEL_all.json in one folder "
           "of it or below",
           "none");
    if (found.size() > 1)
      throw UsageError("profiles of several models (" +
                       listed(found, [](const ModelFiles& f) { return f.name; }) +
                       "): give the folder of one by --profiles");
    return found.front();
  }

  // A number that follows `word` in the profile's name: "hidden4096_head32_seqlen2048".
  static std::int64_t in_name(const std::string& name, const std::string& word) {
    std::smatch m;
    return std::regex_search(name, m, std::regex(word + R"((\d{1,7}))")) ? std::stoll(m[1]) : 0;
  }

  Shape shape_of(const Cluster& c, const ModelFiles& files) {
    Shape s{c.nodes, c.gpus_per_node, static_cast<int>(choice_.layers), in_name(files.name, "hidden"),
            choice_.sequence};
    const std::vector<std::string> presets = library_.presets(Library::Kind::model);
    std::string model = choice_.model;
    if (model.empty() && std::find(presets.begin(), presets.end(), files.name) != presets.end())
      model = files.name;
    if (!model.empty()) {
      const Model m = find_model(library_, model, {"--model", "", 0});
      s.hidden = m.hidden;
      if (!s.layers) s.layers = m.depth();
    }
    if (!s.layers || !s.hidden)
      throw UsageError("the profiles of " + files.name +
                       " don't say how many layers the model has: --model NAME|FILE, or --layer-count N" +
                       (s.hidden ? "" : " with a model"));
    if (s.layers < 1 || s.layers > most_layers)
      throw UsageError("--layer-count takes 1 to 10000, not " + std::to_string(s.layers));
    if (!s.sequence) s.sequence = in_name(files.name, "seqlen");
    if (!s.sequence) s.sequence = measured_sequence(files);
    return s;
  }

  static std::int64_t measured_sequence(const ModelFiles& files) {
    std::vector<std::int64_t> lengths;
    for (const Measurement& m : files.computation.measurements)
      if (m.name == "layer 0, a sequence" && m.sequence) lengths.push_back(*m.sequence);
    std::sort(lengths.begin(), lengths.end());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    if (lengths.size() == 1) return lengths.front();
    throw UsageError(lengths.empty()
                         ? "the profiles of " + files.name + " name no sequence length: --seq-len N"
                         : "profiles of several sequence lengths (" + listed(lengths, [](std::int64_t n) {
                             return std::to_string(n);
                           }) + "): choose by --seq-len");
  }

  const ProfileChoice& choice_;
  Library library_;
  std::vector<std::string> files_;
};

}  // namespace

FoundProfile find_profile(Session& session, const ProfileChoice& choice) {
  return Finder(session, choice).find();
}

}  // namespace orrery
