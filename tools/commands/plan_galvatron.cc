#include "tools/commands/plan_galvatron.h"

#include "planner/galvatron/strategy_file.h"
#include "sim/base/units.h"
#include "tools/errors.h"
#include "tools/galvatron_text.h"
#include "tools/given_flags.h"

namespace orrery {
namespace {

const std::vector<std::string> models{"galvatron"}, cut_words{"even", "any"};

// --rejected always has a value.
constexpr std::string_view known_flags[] = {
    "--cost-model",    "--profiles", "--memory",  "--gpus-per-node", "--layer-count",  "--cuts",
    "--whole-batches", "--model",    "--nodes",   "--seq-len",       "--global-batch", "--plan",
    "--save",          "--budget",   "--rejected"};

std::int64_t megabytes(const std::string& memory) {
  const auto bytes = memory.empty() ? std::nullopt : parse_bytes(memory);
  if (!bytes || bytes->v < (1 << 20) || bytes->v > (std::int64_t{1} << 50))
    throw UsageError("--memory takes the memory of a GPU, such as '36 GiB'" +
                     (memory.empty() ? std::string() : ", not " + memory));
  return bytes->v >> 20;
}

std::int64_t at_most_a_million(std::string_view name, std::int64_t n) {
  if (n < 0 || n > 1'000'000)
    throw UsageError(std::string(name) + " takes 1 to 1,000,000, not " + std::to_string(n));
  return n;
}

}  // namespace

std::vector<Flag> GalvatronPlan::flags() {
  return {{"--cost-model", "NAME",
           "search under another's prices: galvatron, from its profile files; --plan and --save are its "
           "strategy files",
           &cost_model_, false, models},
          {"--profiles", "DIR", "with it: folders of Galvatron's profiles, searched with what is below",
           &profiles_},
          {"--memory", "SIZE", "with it: of a GPU, such as '36 GiB'", &memory_},
          {"--gpus-per-node", "N", "with it: of the cluster that was profiled, where there are several",
           &gpus_per_node_},
          {"--layer-count", "N", "with it: of the model, if no preset is named like its profile", &layers_},
          {"--cuts", "KIND", "with it: even as Galvatron cuts, or any, and every stage may be the slowest",
           &cuts_, false, cut_words},
          {"--whole-batches", "", "with it: only degrees of data parallelism that divide the micro-batch",
           &whole_batches_}};
}

bool GalvatronPlan::asked() const {
  if (!cost_model_.empty()) return true;
  if (!profiles_.empty() || !memory_.empty() || gpus_per_node_ || layers_ || whole_batches_ ||
      cuts_ != "even")
    throw UsageError(
        "--profiles, --memory, --gpus-per-node, --layer-count, --cuts and --whole-batches go with "
        "--cost-model "
        "galvatron");
  return false;
}

int GalvatronPlan::run(Session& session, std::span<const Flag> shared) const {
  const GivenFlags line(shared);
  line.refuse_others(known_flags, "--cost-model galvatron, whose question is its profiles");
  if (!session.globals().csv.empty() || !session.globals().markdown.empty())
    throw UsageError("--cost-model galvatron writes --json, not --csv or --md");
  if (profiles_.empty()) throw UsageError("--profiles is missing: folders of Galvatron's profile files");
  GalvatronAnswer answer{
      find_profile(session, {profiles_, at_most_a_million("--nodes", line.value<std::int64_t>("--nodes")),
                             at_most_a_million("--gpus-per-node", gpus_per_node_),
                             at_most_a_million("--layer-count", layers_),
                             at_most_a_million("--seq-len", line.value<std::int64_t>("--seq-len")),
                             line.value<std::string>("--model")}),
      {},
      {},
      {},
      {}};
  answer.batch = at_most_a_million("--global-batch", line.value<std::int64_t>("--global-batch"));
  if (answer.batch == 0) throw UsageError("--global-batch is missing");
  answer.options = {.memory = megabytes(memory_),
                    .cuts = cuts_ == "any" ? galvatron::Cuts::any : galvatron::Cuts::even,
                    .whole_batches = whole_batches_};
  const galvatron::CostModel model(answer.found.profile);
  if (const std::string& file = line.value<std::string>("--plan"); !file.empty()) {
    const Json document = parse_json(session.files().text(file), file);
    const galvatron::Plan plan = galvatron::read_strategy(document, file, model, answer.batch);
    answer.given.emplace(plan, galvatron::price(model, plan));
  }
  session.watch().set_budget(line.value<double>("--budget"));
  answer.result = galvatron::search(model, answer.batch, answer.options, session.watch());
  session.print(galvatron_text(answer));
  if (!session.globals().json.empty()) session.write_json(galvatron_json(answer));
  const auto& best = answer.result.best;
  if (const std::string& save = line.value<std::string>("--save"); best && !save.empty())
    write_file(save, galvatron::write_strategy(*best, answer.found.profile.gpus()).dump() + "\n");
  return best ? exit_ok : exit_no;
}

}  // namespace orrery
