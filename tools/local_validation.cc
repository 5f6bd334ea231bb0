#include "tools/local_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "planner/space.h"
#include "runtime/launch/cpu_rank.h"
#include "runtime/launch/launch.h"
#include "runtime/play/player.h"
#include "runtime/state/initial.h"
#include "runtime/train/weights.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/program/ledger.h"
#include "tools/shared_doubles.h"

namespace orrery {
namespace {

constexpr int warmup_steps = 2;

void fill_tokens(std::uint64_t step, std::int64_t vocab, std::span<std::int64_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::int64_t>(mix(step * out.size() + i) % static_cast<std::uint64_t>(vocab));
}

void measure(const Setup& setup, const Program& program, Backend& backend, World& world,
             std::span<double> seconds) {
  Player player(setup, program, world.rank(), backend,
                [&](std::uint64_t step, std::int64_t, std::int64_t, std::span<std::int64_t> out) {
                  fill_tokens(step, setup.model.vocab, out);
                });
  const InitialWeights weights(setup.model, 1);
  load_state(setup, coordinates(setup.plan, world.rank()), player.holdings(), from_weights(weights), backend);
  StepArguments arguments;
  arguments.learning_rate = 1e-4F;
  for (std::size_t s = 0; s < warmup_steps + seconds.size(); ++s, ++arguments.step) {
    world.barrier();
    const auto before = std::chrono::steady_clock::now();
    player.step(arguments);
    world.barrier();
    if (s >= warmup_steps && world.rank() == 0)
      seconds[s - warmup_steps] =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  }
}

// Peaks of the tensors: by the ledger, and as laid out.
void memory(const Program& program, LocalRun& run) {
  for (const Ledger& ledger : ledgers(program))
    run.predicted_memory = std::max(run.predicted_memory, static_cast<double>(ledger.peak.v));
  for (std::uint32_t team = 0; team < program.teams.size(); ++team)
    run.measured_memory = std::max(run.measured_memory, static_cast<double>(lay_out(program, team).size().v));
}

// A plan of the matrix, and what its steps took in all passes.
struct Case {
  Plan plan;
  LocalRun run;
  std::vector<double> seconds;

  void summarize() {
    std::sort(seconds.begin(), seconds.end());
    run.measured = seconds[seconds.size() / 2];
    run.spread = (seconds[seconds.size() * 3 / 4] - seconds[seconds.size() / 4]) / 2;
  }
};

void run_plan(const Problem& problem, const LocalOptions& options, Case& c) {
  Evaluator evaluator;
  const auto broken = evaluator.compile(problem, c.plan, Ranks::all);
  ORRERY_CHECK(!broken);
  if (c.seconds.empty()) {
    c.run.plan = summary(c.plan) + (c.plan.attention == AttentionKernel::unfused ? " unfused" : "");
    c.run.ranks = c.plan.ranks();
    c.run.predicted = static_cast<double>(evaluator.simulate().makespan.v) * 1e-12;
    memory(evaluator.program(), c.run);
  }
  const SharedDoubles results(static_cast<std::size_t>(options.steps));
  const Setup setup{problem.model, problem.training, c.plan};
  LaunchOptions launch = launch_options(evaluator.program(), static_cast<std::uint32_t>(c.plan.ranks()));
  if (!options.plug_in.empty()) use_plug_in(launch);
  run_ranks(launch, [&](comm::Connection& k) {
    const auto measure_on = [&](Backend& backend, World& world) {
      measure(setup, evaluator.program(), backend, world, results.values());
    };
    if (options.plug_in.empty())
      CpuRank(k).play(measure_on);
    else
      PlugInRank(k, options.plug_in).play(measure_on);
  });
  c.seconds.insert(c.seconds.end(), results.values().begin(), results.values().end());
  c.summarize();
}

// Executable plans of the space, `most` of them, spread evenly.
std::vector<Plan> plans_of(const Scenario& scenario, std::size_t most) {
  std::vector<Plan> all;
  for (const Plan& plan : uniform_plans(scenario))
    if (!violation(scenario.model, scenario.cluster, scenario.training, plan) &&
        !not_executable(scenario.model, scenario.training, plan))
      all.push_back(plan);
  std::vector<Plan> out;
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i)
    out.push_back(all[i * all.size() / std::min(most, all.size())]);
  return out;
}

std::optional<double> kendall(const std::vector<LocalRun>& runs) {
  std::int64_t agree = 0, disagree = 0;
  for (std::size_t a = 0; a < runs.size(); ++a)
    for (std::size_t b = a + 1; b < runs.size(); ++b) {
      const double difference = runs[a].measured - runs[b].measured;
      if (std::abs(difference) <= runs[a].spread + runs[b].spread) continue;
      const double predicted = runs[a].predicted - runs[b].predicted;
      (predicted * difference > 0 ? agree : disagree) += 1;
    }
  if (agree + disagree == 0) return {};
  return static_cast<double>(agree - disagree) / static_cast<double>(agree + disagree);
}

}  // namespace

LocalValidation validate_locally(const Question& q, const LocalOptions& options) {
  if (q.scenario.cluster.groups.size() != 1) fail({"--local", "", 0}, "a cluster of one group of nodes");
  std::vector<std::pair<Scenario, std::vector<Case>>> matrix;
  for (const int ranks : options.ranks) {
    auto& [scenario, cases] = matrix.emplace_back(q.scenario, std::vector<Case>{});
    scenario.cluster.groups[0].nodes = 1;
    scenario.cluster.groups[0].node.gpus = ranks;
    for (const Plan& plan : plans_of(scenario, options.plans)) cases.push_back({plan, {}, {}});
  }
  for (int pass = 0; pass < options.passes; ++pass)
    for (auto& [scenario, cases] : matrix) {
      const Topology topology(scenario.cluster);
      const Problem problem{scenario.model, scenario.cluster, scenario.training, q.calibration, topology};
      for (std::size_t i = 0; i < cases.size(); ++i) {
        run_plan(problem, options, cases[i]);
        const LocalRun& r = cases[i].run;
        std::fprintf(
            stderr, "%s\n",
            fmt::format("pass {} of {}, {} ranks, plan {} of {}: {}: predicted {:.1f} ms, measured {:.1f} ms",
                        pass + 1, options.passes, r.ranks, i + 1, cases.size(), r.plan, r.predicted * 1e3,
                        r.measured * 1e3)
                .c_str());
      }
    }
  LocalValidation out;
  for (const auto& [scenario, cases] : matrix)
    for (const Case& c : cases) out.runs.push_back(c.run);
  for (const LocalRun& r : out.runs) {
    const auto n = static_cast<double>(out.runs.size());
    out.mape += std::abs(r.error()) / n;
    out.worst = std::max(out.worst, std::abs(r.error()));
    out.memory_mape += std::abs(r.predicted_memory / r.measured_memory - 1) / n;
  }
  out.kendall = kendall(out.runs);
  return out;
}

std::string text(const LocalValidation& v) {
  std::string out = fmt::format("{:<52} {:>5} {:>11} {:>11} {:>8} {:>7}\n", "plan", "ranks", "predicted",
                                "measured", "spread", "error");
  for (const LocalRun& r : v.runs)
    out += fmt::format("{:<52} {:>5} {:>8.2f} ms {:>8.2f} ms {:>5.1f} % {:>+5.1f} %\n", r.plan, r.ranks,
                       r.predicted * 1e3, r.measured * 1e3, r.spread / r.measured * 100, r.error() * 100);
  out += fmt::format("\n{} plans: mean absolute error {:.1f} %, worst {:.1f} %; memory {:.1f} %",
                     v.runs.size(), v.mape * 100, v.worst * 100, v.memory_mape * 100);
  if (v.kendall) out += fmt::format("; order of plans that differ: Kendall tau {:.2f}", *v.kendall);
  return out + "\n";
}

Json to_json(const LocalValidation& v) {
  Json runs = Json::array();
  for (const LocalRun& r : v.runs)
    runs.push(Json::object()
                  .set("plan", r.plan)
                  .set("ranks", r.ranks)
                  .set("predicted_seconds", r.predicted)
                  .set("measured_seconds", r.measured)
                  .set("spread_seconds", r.spread)
                  .set("predicted_bytes", r.predicted_memory)
                  .set("measured_bytes", r.measured_memory));
  Json out = Json::object();
  out.set("schema", "orrery.local-validation/1")
      .set("runs", std::move(runs))
      .set("mape", v.mape)
      .set("worst", v.worst);
  if (v.kendall) out.set("kendall_tau", *v.kendall);
  return out.set("memory_mape", v.memory_mape);
}

}  // namespace orrery
