#include "profiler/measure/ops.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "profiler/measure/samples.h"
#include "runtime/play/bind.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/program/compile.h"

namespace orrery {
namespace {

constexpr Bytes block{std::int64_t{1} << 20};

// Ratios of a core, to order ops by before anything is known of the device.
double estimate(const Op& op) {
  return static_cast<double>(flops(op).v) / 1e11 + static_cast<double>(op.elements) * 12 / 1e10 + 1e-6;
}

// The ops of one rank that are missing, with how often a step has them.
struct Job {
  std::size_t which = 0;  // of the cases
  std::uint32_t rank = 0;
  MeasuredOps ops;  // `time`: estimated, of all in a step

  double left(const MeasuredOps& known) const {
    double out = 0;
    for (const MeasuredOp& m : ops.all())
      if (!known.find(m.op)) out += m.time.v;
    return out;
  }
};

std::vector<Job> jobs(const Model& model, std::span<const OpCase> cases, const MeasuredOps& known) {
  std::vector<Job> out;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const int ranks = cases[i].plan.ranks();
    const Program program = compile(model, one_node(ranks), cases[i].training, cases[i].plan, Ranks::all);
    std::vector<Job> of_rank(static_cast<std::size_t>(ranks));
    for_each_instruction(program, [&](const Instruction& x) {
      if (x.kind != Kind::compute) return;
      const Op& op = program.classes[x.cost_class].op;
      if (known.find(op)) return;
      MeasuredOps& ops = of_rank[x.rank.i].ops;
      const MeasuredOp* old = ops.find(op);
      ops.set({op, {(old ? old->time.v : 0) + estimate(op)}, 0, {}});
    });
    for (std::uint32_t r = 0; r < of_rank.size(); ++r) {
      if (of_rank[r].ops.all().empty()) continue;
      of_rank[r].which = i;
      of_rank[r].rank = r;
      out.push_back(std::move(of_rank[r]));
    }
  }
  return out;
}

// A compute instruction of the step, and its time in each round.
struct Played {
  std::uint32_t issue = 0;
  std::vector<double> seconds;
};

// One rank's instructions, bound to memory of a device.
class Bench {
 public:
  Bench(const Setup& setup, const Program& program, std::uint32_t rank, const Arena& arena, Backend& backend)
      : program_(program), backend_(backend), at_(coordinates(setup.plan, rank)), size_(arena.size()) {
    arguments_.learning_rate = 1e-6F;
    base_ = static_cast<std::byte*>(backend.allocate(size_, Memory::device));
    const RankMemory memory{program, arena, base_};
    holdings_ = list_holdings(memory, at_);
    make_contents();
    make_tokens(setup.model.vocab);
    binding_ = std::make_unique<Binding>(setup, memory, rank, holdings_, arguments_, tokens_);
  }

  // Plays the ops of `wanted` round by round and puts the times of those that have settled, or had their
  // rounds, into `into`.
  void measure(const MeasuredOps& wanted, const OpOptions& options, const std::string& source,
               MeasuredOps& into, Watch& watch) {
    choose(wanted, options.instances);
    backend_.create_events(static_cast<std::uint32_t>(2 * played_.size()));
    for (std::size_t round = 0; round < options.warmups + options.most; ++round) {
      play(round >= options.warmups);
      const std::size_t counted = round < options.warmups ? 0 : round - options.warmups + 1;
      if (counted >= options.least && (settled(options.settled) || watch.stop())) break;
    }
    const std::vector<std::size_t> rounds = middle_half();
    for (const auto& [op, at] : chosen_) into.set(time_of(*op, at, rounds, source));
    if (options.trace && backend_.trace_kernels()) trace(*options.trace);
  }

 private:
  // Of a step more, whose times set no price: tracing takes time itself.
  void trace(StepTrace& into) {
    play(true);
    into.kernels = backend_.traced_kernels();
    into.by_events = {};
    for (const Played& p : played_) into.by_events.v += p.seconds.back();
  }

  const Issues& issues() const { return binding_->issues(); }

  // Positive numbers between 0.03 and 0.12, as fp32 and as bf16: no kernel meets zeros or denormals.
  void make_contents() {
    auto* const made = static_cast<std::uint32_t*>(backend_.allocate(block, Memory::host));
    std::uint64_t seed = 1;
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(block.v / 4); ++i) {
      seed = mix(seed + i);
      made[i] = 0x3d003d00U | (static_cast<std::uint32_t>(seed >> 32) & 0x80ff80ffU);
    }
    contents_ = backend_.allocate(block, Memory::device);
    backend_.copy(contents_, made, block, Stream::compute);
    backend_.synchronize();
  }

  void make_tokens(std::int64_t vocab) {
    for (const Persistent& p : program_.persistents)
      if (p.home == home::tokens && program_.stages[p.virtual_stage].team == at_.stage)
        tokens_size_ = program_.buffers[p.buffer].bytes();
    if (tokens_size_.v == 0) return;
    tokens_ = static_cast<std::int64_t*>(backend_.allocate(tokens_size_, Memory::host));
    for (std::int64_t i = 0; i < tokens_size_.v / size_of(DType::int64); ++i) tokens_[i] = i * 7919 % vocab;
  }

  // Before each round, and before its update: what adds to its output would grow beyond all bounds, and the
  // update of a gradient that is not finite does nothing.
  void fill() {
    for (std::int64_t at = 0; at < size_.v; at += block.v)
      backend_.copy(base_ + at, contents_, {std::min(block.v, size_.v - at)}, Stream::compute);
    if (tokens_) backend_.copy(issues().tokens.to, tokens_, tokens_size_, Stream::compute);
  }

  // All of the step's instructions are played; of each wanted op, so many instances spread over them count.
  void choose(const MeasuredOps& wanted, std::size_t instances) {
    std::map<const MeasuredOp*, std::vector<std::uint32_t>> all;
    for (std::uint32_t i = 0; i < issues().list.size(); ++i) {
      const Issue& issue = issues().list[i];
      if (issue.kind != Kind::compute) continue;
      if (const MeasuredOp* m = wanted.find(program_.classes[issue.cost_class].op))
        all[m].push_back(static_cast<std::uint32_t>(played_.size()));
      played_.push_back({i, {}});
    }
    for (const auto& [m, places] : all) {
      const std::size_t count = std::min(instances, places.size());
      for (std::size_t k = 0; k < count; ++k) {
        chosen_[&m->op].push_back(places[(2 * k + 1) * places.size() / (2 * count)]);
      }
    }
  }

  void play(bool counted) {
    bool updating = false;
    for (std::uint32_t i = 0; i < played_.size(); ++i) {
      const Issue& issue = issues().list[played_[i].issue];
      const bool update = program_.classes[issue.cost_class].op.pass == Pass::update;
      if (i == 0 || (update && !updating)) fill();
      updating = update;
      backend_.record(2 * i, Stream::compute);
      for (std::uint32_t k = 0; k < issue.kernels; ++k)
        backend_.launch(issues().kernels[issue.first_kernel + k], Stream::compute);
      backend_.record(2 * i + 1, Stream::compute);
    }
    backend_.synchronize();
    if (!counted) return;
    for (std::uint32_t i = 0; i < played_.size(); ++i)
      played_[i].seconds.push_back(to_seconds(backend_.time_of(2 * i + 1) - backend_.time_of(2 * i)).v);
  }

  // Rounds of middling length: what now and then holds up an instruction holds up a median step too, so their
  // mean tells of it, where each instruction's median would not.
  std::vector<std::size_t> middle_half() const {
    std::vector<std::pair<double, std::size_t>> rounds(played_.front().seconds.size());
    for (std::size_t r = 0; r < rounds.size(); ++r) {
      rounds[r] = {0, r};
      for (const Played& p : played_) rounds[r].first += p.seconds[r];
    }
    std::sort(rounds.begin(), rounds.end());
    std::vector<std::size_t> out;
    for (std::size_t i = rounds.size() / 4; i < rounds.size() - rounds.size() / 4; ++i)
      out.push_back(rounds[i].second);
    return out;
  }

  MeasuredOp time_of(const Op& op, const std::vector<std::uint32_t>& at, std::span<const std::size_t> rounds,
                     const std::string& source) const {
    std::vector<double> means;
    for (const std::size_t r : rounds) {
      double sum = 0;
      for (const std::uint32_t i : at) sum += played_[i].seconds[r];
      means.push_back(sum / static_cast<double>(at.size()));
    }
    const double mean = std::accumulate(means.begin(), means.end(), 0.0) / static_cast<double>(means.size());
    return {op, {mean}, summarize(means).spread, source};
  }

  // The standard error of a mean of n is about 1.5 half quartile distances over the root of n (normal
  // samples).
  bool settled(double share) const {
    const std::vector<std::size_t> rounds = middle_half();
    for (const auto& [op, at] : chosen_) {
      const double error = 1.5 * time_of(*op, at, rounds, {}).spread;
      if (error * error > share * share * static_cast<double>(rounds.size())) return false;
    }
    return true;
  }

  const Program& program_;
  Backend& backend_;
  Coordinates at_;
  std::byte* base_ = nullptr;
  Bytes size_, tokens_size_{};
  void* contents_ = nullptr;  // a block, on the device
  std::int64_t* tokens_ = nullptr;
  StepArguments arguments_;
  Holdings holdings_;
  std::unique_ptr<Binding> binding_;
  std::vector<Played> played_;                              // in order of the Program
  std::map<const Op*, std::vector<std::uint32_t>> chosen_;  // into played_
};

std::vector<Op> ordered(const std::vector<Job>& list, const MeasuredOps& known) {
  MeasuredOps all;
  for (const Job& job : list)
    for (const MeasuredOp& m : job.ops.all()) {
      if (known.find(m.op)) continue;
      const MeasuredOp* old = all.find(m.op);
      all.set({m.op, {m.time.v + (old ? old->time.v : 0)}, 0, {}});
    }
  std::vector<MeasuredOp> sorted = all.all();
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MeasuredOp& a, const MeasuredOp& b) { return a.time.v > b.time.v; });
  std::vector<Op> out;
  for (const MeasuredOp& m : sorted) out.push_back(m.op);
  return out;
}

}  // namespace

Cluster one_node(int ranks) {
  Cluster c;
  c.name = "one node";
  c.groups.push_back({"main", 1, {}});
  c.groups.front().node.gpus = ranks;
  return c;
}

std::vector<Op> missing_ops(const Model& model, std::span<const OpCase> cases, const MeasuredOps& known) {
  return ordered(jobs(model, cases, known), known);
}

std::vector<Op> measure_ops(const Model& model, std::span<const OpCase> cases, const WithDevice& with_device,
                            const std::string& source, MeasuredOps& into, Watch& watch,
                            const std::function<void()>& saved, const OpOptions& options) {
  const std::vector<Job> list = jobs(model, cases, into);
  const std::size_t total = ordered(list, into).size();
  for (std::size_t open = total; open > 0 && !watch.stop(); open = ordered(list, into).size()) {
    watch.progress(total - open, total, "operations");
    const Job& job = *std::max_element(
        list.begin(), list.end(), [&](const Job& a, const Job& b) { return a.left(into) < b.left(into); });
    const OpCase& c = cases[job.which];
    const Program program = compile(model, one_node(c.plan.ranks()), c.training, c.plan, Ranks::all);
    const Arena arena = lay_out(program, coordinates(c.plan, job.rank).stage);
    MeasuredOps wanted;
    for (const MeasuredOp& m : job.ops.all())
      if (!into.find(m.op)) wanted.set(m);
    with_device({arena.size().v + (std::int64_t{3} << 20)}, [&](Backend& backend) {
      Bench(Setup{model, c.training, c.plan}, program, job.rank, arena, backend)
          .measure(wanted, options, source, into, watch);
    });
    saved();
  }
  std::vector<Op> left = ordered(list, into);
  watch.progress(total - left.size(), total, "operations");
  return left;
}

}  // namespace orrery
