// What arenas reserve above the ledger's peak, over the plans that `orrery validate --local` and the parity
// tests execute and over those of shipped scenarios of GPUs; and how long laying out takes.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "planner/space.h"
#include "runtime/play/compute.h"
#include "sim/base/library.h"
#include "sim/program/arena.h"
#include "sim/program/compile.h"
#include "sim/program/ledger.h"
#include "sim/scenario.h"
#include "tests/profiler/disk.h"
#include "tests/runtime/play/plans.h"

namespace orrery {
namespace {

class Distribution {
 public:
  // On the fullest rank, as a report has it.
  void add(const Model& model, const Cluster& cluster, const Training& training, const Plan& plan) {
    const Program program = compile(model, cluster, training, plan);
    double peak = 0, size = 0;
    for (const Ledger& l : ledgers(program)) peak = std::max(peak, static_cast<double>(l.peak.v));
    for (std::uint32_t team = 0; team < program.teams.size(); ++team) {
      const auto before = std::chrono::steady_clock::now();
      size = std::max(size, static_cast<double>(lay_out(program, team).size().v));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
      seconds_.push_back(took.count());
    }
    excess_.push_back(size / peak - 1);
  }

  void print(const char* plans) {
    std::sort(excess_.begin(), excess_.end());
    std::sort(seconds_.begin(), seconds_.end());
    double mean = 0;
    for (const double e : excess_) mean += e / static_cast<double>(excess_.size());
    const auto percent = [&](std::size_t tenths) { return excess_[excess_.size() * tenths / 10] * 100; };
    std::printf("%-44s %6zu %6.2f %% %6.2f %% %6.2f %% %6.2f %% %9.2f ms %8.0f ms\n", plans, excess_.size(),
                mean * 100, percent(5), percent(9), excess_.back() * 100, seconds_[seconds_.size() / 2] * 1e3,
                seconds_.back() * 1e3);
  }

 private:
  std::vector<double> excess_, seconds_;
};

// Plans of a scenario's space, `most` of them; on one node of `gpus` devices if not 0, executable ones.
void add(Distribution& to, const char* name, int gpus, std::size_t most) {
  Disk disk;
  const std::string directory = std::string(ORRERY_SOURCE_DIR) + "/scenarios";
  Scenario s = read_scenario(directory + "/" + name, Library(disk, {directory}));
  if (gpus > 0) {
    s.cluster.groups[0].nodes = 1;
    s.cluster.groups[0].node.gpus = gpus;
  }
  std::vector<Plan> plans;
  for (const Plan& plan : uniform_plans(s))
    if (!violation(s.model, s.cluster, s.training, plan) &&
        (gpus == 0 || !not_executable(s.model, s.training, plan)))
      plans.push_back(plan);
  most = std::min(most, plans.size());
  for (std::size_t i = 0; i < most; ++i)
    to.add(s.model, s.cluster, s.training, plans[i * plans.size() / most]);
}

void run() {
  std::printf("%-44s %6s %8s %8s %8s %8s %12s %11s\n", "above the ledger's peak", "plans", "mean", "median",
              "90 %", "worst", "a stage", "slowest");
  Distribution sample, all, drawn;
  for (const int ranks : {1, 2}) add(sample, "gpt-small-2xcpu.json", ranks, 20);
  sample.print("validate --local, 20 of 1 and 2 ranks");
  for (const int ranks : {1, 2, 4}) add(all, "gpt-small-2xcpu.json", ranks, 10'000);
  all.print("validate --local, all of 1, 2 and 4 ranks");
  for (const testing::Draw& d : testing::drawn_plans(600))
    drawn.add(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan);
  drawn.print("parity tests");
  for (const char* name : {"llama2-7b-8xa100.json", "llama3-70b-64xh100.json", "gpt3-175b-1024xa100.json"}) {
    Distribution of_gpus;
    add(of_gpus, name, 0, 60);
    of_gpus.print(name);
  }
}

}  // namespace
}  // namespace orrery

int main() { orrery::run(); }
