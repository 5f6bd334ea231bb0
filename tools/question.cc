#include "tools/question.h"

#include <cstdio>

#include "sim/cost/read.h"
#include "sim/plan/read.h"
#include "tools/errors.h"
#include "tools/version.h"

namespace orrery {
namespace {

// Reads through the Library, so that the files of a calibration are among the inputs too.
class NotedFiles : public Files {
 public:
  explicit NotedFiles(Library& library) : library_(library) {}
  std::string text(std::string_view name) override { return library_.text(std::string(name)); }
  bool exists(std::string_view name) override { return library_.exists(std::string(name)); }

 private:
  Library& library_;
};

// Presets by their name: where they lie differs between machines, and results must not.
std::string shown_path(const Library& library, const std::string& path) {
  for (const std::string& directory : library.directories())
    if (path.starts_with(directory + "/")) return "presets:" + path.substr(directory.size() + 1);
  return path;
}

std::string hex(std::uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

// The rest of a question whose scenario has been read through `library`.
Question complete(Library& library, Scenario scenario) {
  Question q;
  q.scenario = std::move(scenario);
  NotedFiles files(library);
  q.calibration = read_calibration(files, q.scenario.calibration);
  q.topology = std::make_unique<const Topology>(q.scenario.cluster);
  q.origin.scenario = q.scenario.name;
  q.origin.version = std::string(version);
  q.origin.seed = q.scenario.seed;
  for (const std::vector<Library::Input>& inputs : {q.scenario.inputs, library.inputs()})
    for (const Library::Input& input : inputs)
      q.origin.inputs.emplace_back(shown_path(library, input.path), hex(input.digest));
  return q;
}

void replace_parts(Library& library, Scenario& s, const std::string& plan, const std::string& calibration) {
  if (!plan.empty()) s.plan = find_plan(library, plan, {"--plan", "", 0});
  if (!calibration.empty()) s.calibration = find_calibration(library, calibration, {"--calibration", "", 0});
}

}  // namespace

std::vector<Flag> QuestionFlags::flags() {
  return {{"SCENARIO", "", "a scenario file; - for standard input", &file_},
          {"--model", "NAME|FILE", "without a scenario: a model preset, model file or Hugging Face config.json", &model_},
          {"--cluster", "NAME|FILE", "without a scenario: a cluster preset or file", &cluster_},
          {"--nodes", "N", "nodes of the cluster", &nodes_},
          {"--seq-len", "N", "tokens of a sequence", &sequence_},
          {"--global-batch", "N", "sequences a step", &global_batch_},
          {"--tokens", "COUNT", "of the whole run, such as \"2 T\", for days and dollars", &tokens_},
          {"--precision", "TYPE", "that computes (default bf16)", &precision_, false, {"bf16", "fp16", "fp8", "fp32"}},
          {"--plan", "FILE", "a plan file in place of the scenario's plan", &plan_},
          {"--calibration", "NAME|FILE", "in place of the scenario's or the cluster's own", &calibration_}};
}

Question read_question(Session& session, const std::string& file, const std::string& plan,
                       const std::string& calibration) {
  Library library = session.library().fresh();
  Scenario scenario = read_scenario(file, library);
  replace_parts(library, scenario, plan, calibration);
  return complete(library, std::move(scenario));
}

Question QuestionFlags::read(Session& session) const {
  const bool described = !model_.empty() || !cluster_.empty() || nodes_ || sequence_ || global_batch_ ||
                         !tokens_.empty() || !precision_.empty();
  if (!file_.empty()) {
    if (described) throw UsageError("either a scenario file or --model, --cluster ... in its place, not both");
    return read_question(session, file_, plan_, calibration_);
  }
  Library library = session.library().fresh();
  Scenario scenario = from_flags(library);
  replace_parts(library, scenario, plan_, calibration_);
  return complete(library, std::move(scenario));
}

Scenario QuestionFlags::from_flags(Library& library) const {
  if (model_.empty() && cluster_.empty())
    throw UsageError("a scenario file is missing, or --model, --cluster, --seq-len and --global-batch in its place");
  for (const auto& [flag, missing] : {std::pair("--model", model_.empty()), std::pair("--cluster", cluster_.empty()),
                                      std::pair("--seq-len", sequence_ == 0), std::pair("--global-batch", global_batch_ == 0)})
    if (missing) throw UsageError(std::string(flag) + " is missing");
  if (nodes_ < 0 || nodes_ > 1'000'000) throw UsageError("--nodes takes 1 to 1,000,000, not " + std::to_string(nodes_));
  Scenario s;
  s.model = find_model(library, model_, {"--model", "", 0});
  s.cluster = find_cluster(library, cluster_, static_cast<int>(nodes_), {"--cluster", "", 0});
  s.name = s.model.name + " on " + std::to_string(s.cluster.ranks()) + " GPUs of " + s.cluster.name;
  Json training = Json::object({{"seq_len", sequence_}, {"global_batch", global_batch_}});
  if (!tokens_.empty()) training.set("tokens", tokens_);
  if (!precision_.empty()) training.set("precision", precision_);
  s.training = read_training(Reader(training, "command line"));
  s.calibration = default_calibration(library, s.cluster, {"--cluster", "", 0});
  return s;
}

void compile_plan(const Question& q, const std::string& file, Evaluator& evaluator, Ranks ranks) {
  const Where where{file.empty() ? "command line" : file, "/plan", 0};
  if (!q.scenario.plan) fail({where.file, "", 0}, "there is no plan to simulate: give one as \"plan\" or --plan, or use orrery plan");
  if (const auto broken = evaluator.compile(q.problem(), *q.scenario.plan, ranks))
    fail({where.file, where.pointer + broken->pointer, 0}, broken->message);
}

}  // namespace orrery
