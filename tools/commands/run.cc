// orrery run: the plan, for real. Forks a rank a device of the plan (or is one, under mpirun or srun),
// trains, and holds the measured step to its prediction.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "runtime/launch/cpu_rank.h"
#include "runtime/launch/launch.h"
#include "runtime/state/hf_weights.h"
#include "runtime/state/initial.h"
#include "runtime/train/trainer.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "sim/report/trace.h"
#include "tools/backends.h"
#include "tools/disk.h"
#include "tools/errors.h"
#include "tools/measured.h"
#include "tools/question.h"
#include "tools/shared_doubles.h"
#include "tools/terminal.h"

namespace orrery {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

class Run : public Command {
 public:
  std::string_view name() const override { return "run"; }
  std::string_view summary() const override {
    return "Train a model under its plan on this machine, and hold the prediction to it";
  }
  std::string_view example() const override {
    return "orrery run scenarios/gpt-small-2xcpu.json --data book.txt --steps 200 --checkpoints run1";
  }
  unsigned outputs() const override { return writes_json | writes_trace; }
  std::vector<Flag> flags() override;
  int run(Session&) override;

 private:
  void check_flags() const;
  TrainOptions options() const;
  void prepare_outputs(const Model&) const;
  std::string newest_checkpoint(bool say) const;
  void export_weights(const Model&) const;
  void train(const Question&, const Evaluator&, const std::optional<Timeline>& predicted, const comm::Board&,
             Backend&, World&, Session&, double& error);
  void start(Trainer&, const Setup&, World&);
  void progress(const StepReport&, const Training&) const;
  void report(const Question&, const Evaluator&, const std::optional<Timeline>& predicted, Trainer&, World&,
              Session&, double& error);
  void write_traces(const Program&, const Timeline& predicted, const Timeline& measured, Session&) const;

  QuestionFlags question_;
  std::string data_, backend_ = "cpu", checkpoints_, weights_, export_, decay_ = "cosine";
  std::int64_t steps_ = 50, seed_ = 1, checkpoint_every_ = 0, keep_ = 3, evaluate_every_ = 0, warmup_ = 0;
  double rate_ = 1e-3, least_rate_ = -1, weight_decay_ = 0.1, clip_ = 1, held_out_ = 0.05, tolerance_ = 0,
         patience_ = 10;
  bool resume_ = false;
};

std::vector<Flag> Run::flags() {
  std::vector<Flag> out = question_.flags();
  const std::vector<Flag> own{
      {"--data", "FILE", "text, or tokens in Megatron's indexed format", &data_, true},
      {"--steps", "N", "steps of the run, those before a resume among them (default 50)", &steps_},
      {"--backend",
       "NAME",
       "what executes: cpu, or cuda, a GPU a rank (default cpu)",
       &backend_,
       false,
       {"cpu", "cuda"}},
      {"--seed", "N", "of initial weights, order of data and dropout (default 1)", &seed_},
      {"--lr", "X", "peak learning rate (default 0.001)", &rate_},
      {"--min-lr", "X", "what it decays to (default a tenth)", &least_rate_},
      {"--warmup", "N", "steps to the peak (default 0)", &warmup_},
      {"--decay",
       "KIND",
       "of the learning rate (default cosine)",
       &decay_,
       false,
       {"constant", "linear", "cosine"}},
      {"--weight-decay", "X", "of matrices (default 0.1)", &weight_decay_},
      {"--clip", "X", "the gradient norm; 0: not (default 1)", &clip_},
      {"--held-out", "SHARE", "of the data, at its end (default 0.05)", &held_out_},
      {"--evaluate-every", "N", "steps between losses on held-out data (default: at the end)",
       &evaluate_every_},
      {"--weights", "PATH", "start from Hugging Face weights (.safetensors, or their directory)", &weights_},
      {"--export", "DIR", "write the last checkpoint as Hugging Face weights", &export_},
      {"--checkpoints", "DIR", "keep checkpoints there", &checkpoints_},
      {"--checkpoint-every", "N", "steps between them (default: at the end)", &checkpoint_every_},
      {"--keep", "N", "checkpoints (default 3)", &keep_},
      {"--resume", "", "go on from the latest checkpoint, whatever plan wrote it", &resume_},
      {"--patience", "SECONDS", "without a sign of life until a rank counts as hung (default 10)",
       &patience_},
      {"--tolerance", "PERCENT", "exit 1 if the predicted step is further off", &tolerance_}};
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

void Run::check_flags() const {
  const auto least = [](const char* flag, double value, double bound) {
    if (!(value >= bound)) throw UsageError(fmt::format("{} takes at least {}, not {}", flag, bound, value));
  };
  least("--steps", static_cast<double>(steps_), 1);
  least("--keep", static_cast<double>(keep_), 1);
  least("--checkpoint-every", static_cast<double>(checkpoint_every_), 0);
  least("--evaluate-every", static_cast<double>(evaluate_every_), 0);
  least("--warmup", static_cast<double>(warmup_), 0);
  least("--seed", static_cast<double>(seed_), 0);
  least("--lr", rate_, 0);
  least("--clip", clip_, 0);
  least("--patience", patience_, 1);
  least("--held-out", held_out_, 0);
  if (held_out_ >= 1) throw UsageError("--held-out takes a share below 1");
  if (!checkpoints_.empty()) return;
  if (resume_) throw UsageError("--resume needs --checkpoints DIR");
  if (!export_.empty()) throw UsageError("--export needs --checkpoints DIR: it writes the last of them");
}

TrainOptions Run::options() const {
  TrainOptions o;
  o.steps = static_cast<std::uint64_t>(steps_);
  o.seed = static_cast<std::uint64_t>(seed_);
  o.learning_rate = {rate_, least_rate_ >= 0 ? least_rate_ : rate_ / 10, warmup_, steps_,
                     decay_ == "constant" ? Decay::constant
                     : decay_ == "linear" ? Decay::linear
                                          : Decay::cosine};
  o.weight_decay = weight_decay_;
  o.clip = clip_;
  o.checkpoints = checkpoints_;
  o.checkpoint_every = static_cast<std::uint64_t>(checkpoint_every_);
  o.keep = static_cast<std::size_t>(keep_);
  o.evaluate_every = static_cast<std::uint64_t>(evaluate_every_);
  return o;
}

// What would be refused at the end is refused before training.
void Run::prepare_outputs(const Model& model) const {
  Disk disk;
  if (!export_.empty()) {
    hf_config(model, DType::fp32, {export_, "", 0});
    disk.make_directory(export_);
  }
  if (checkpoints_.empty() || resume_) return;
  if (const auto earlier = Checkpoints(disk, checkpoints_).latest())
    throw UsageError(earlier->path +
                     " is of an earlier run: --resume goes on from it; a new run takes another directory");
}

// The newest that is complete; says which, and what is wrong with newer ones.
std::string Run::newest_checkpoint(bool say) const {
  Disk disk;
  const std::vector<Checkpoints::Found> all = Checkpoints(disk, checkpoints_).list();
  for (auto found = all.rbegin(); found != all.rend(); ++found) {
    const bool whole = found->problem.empty();
    if (say)
      std::fprintf(stderr, "%s %s%s%s\n", whole ? "resuming from" : "passing over", found->path.c_str(),
                   whole ? "" : ": ", found->problem.c_str());
    if (whole) return found->path;
  }
  fail({checkpoints_, "", 0}, "a complete checkpoint to resume from", "none");
}

void Run::export_weights(const Model& model) const {
  Disk disk;
  const std::optional<Checkpoints::Found> latest = Checkpoints(disk, checkpoints_).latest();
  ORRERY_CHECK(latest);
  write_hf(disk, export_, model, CheckpointReader(latest->path), DType::fp32);
}

void Run::start(Trainer& trainer, const Setup& setup, World& world) {
  if (resume_) {
    trainer.resume(CheckpointReader(newest_checkpoint(world.rank() == 0)));
  } else if (!weights_.empty()) {
    trainer.start(HfWeights(weights_, setup.model));
  } else {
    trainer.start(InitialWeights(setup.model, static_cast<std::uint64_t>(seed_)));
  }
}

void Run::progress(const StepReport& r, const Training& t) const {
  const bool live = isatty(STDERR_FILENO) != 0;
  const std::uint64_t each = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(steps_) / 10);
  if (!live && !r.held_out_loss && (r.step + 1) % each != 0) return;
  const double tokens = static_cast<double>(t.global_batch) * static_cast<double>(t.sequence);
  std::string line = fmt::format(
      "step {:>5}/{}  loss {:.4f}  norm {:.3f}  lr {:.2e}  {:.1f} ms  {:.1f} k tokens/s", r.step + 1, steps_,
      r.loss, r.gradient_norm, r.learning_rate, r.seconds * 1e3, tokens / r.seconds / 1e3);
  if (r.held_out_loss) line += fmt::format("  held-out {:.4f}", *r.held_out_loss);
  const bool stays = !live || r.held_out_loss || (r.step + 1) % each == 0;
  std::fprintf(stderr, "%s%s%s", live ? "\r" : "", line.c_str(), stays ? "\n" : "\x1b[K");
}

void Run::write_traces(const Program& program, const Timeline& predicted, const Timeline& measured,
                       Session& session) const {
  const std::string& to = session.globals().trace;
  if (to.empty()) return;
  OutputFile file(to);
  const NamedTimeline both[] = {{"predicted", predicted}, {"measured", measured}};
  write_chrome_traces(program, both, TraceOptions{}, [&file](std::string_view piece) { file.append(piece); });
  file.commit();
}

// Collective; rank 0 writes.
void Run::report(const Question& q, const Evaluator& evaluator, const std::optional<Timeline>& predicted,
                 Trainer& trainer, World& world, Session& session, double& error) {
  const Player& player = trainer.player();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double mine[] = {static_cast<double>(player.memory().v), static_cast<double>(usage.ru_maxrss) * 1024};
  const auto memory = world.gather(std::span<const double>(mine));
  const auto timelines = world.gather(pack(player.issues(), trainer.measured().median_step));
  if (world.rank() != 0) return;
  const double seconds = median(trainer.measured().seconds);
  const double tokens = static_cast<double>(q.scenario.training.global_batch) *
                        static_cast<double>(q.scenario.training.sequence);
  const auto& reports = trainer.reports();
  Json out = Json::object();
  out.set("schema", "orrery.run/1")
      .set("scenario", q.scenario.name)
      .set("plan", orrery::summary(evaluator.plan()));
  Json losses = Json::array();
  for (const StepReport& r : reports) losses.push(r.loss);
  out.set("losses", std::move(losses));
  std::string said =
      fmt::format("{}\n{}, {} steps\n", q.scenario.name, orrery::summary(evaluator.plan()), reports.size());
  if (!reports.empty()) {
    said += fmt::format(" loss     {:.4f} to {:.4f}", reports.front().loss, reports.back().loss);
    if (reports.back().held_out_loss) {
      said += fmt::format(", held-out {:.4f}", *reports.back().held_out_loss);
      out.set("held_out_loss", *reports.back().held_out_loss);
    }
    said += "\n";
  }
  double arena = 0, resident = 0;
  for (const auto& m : memory) {
    arena = std::max(arena, m[0]);
    resident = std::max(resident, m[1]);
  }
  if (seconds > 0) {
    said += fmt::format(" measured {:.2f} ms a step (median of {}), {:.1f} k tokens/s\n", seconds * 1e3,
                        trainer.measured().seconds.size(), tokens / seconds / 1e3);
    out.set("measured_seconds", seconds);
  }
  said += fmt::format(" memory   {:.1f} MiB a rank for the plan's tensors; {:.1f} MiB resident at most\n",
                      arena / 1048576, resident / 1048576);
  out.set("arena_bytes", arena).set("resident_bytes", resident);
  if (seconds > 0 && predicted) {
    const Timeline measured = unpack(evaluator.program(), timelines);
    const double step = static_cast<double>(evaluator.simulation().makespan.v) * 1e-12;
    const std::vector<ClassTimes> classes = by_class(evaluator.program(), *predicted, measured);
    said += fmt::format(" predicted {:.2f} ms a step, {:+.1f} %\n\n{}", step * 1e3,
                        (step / seconds - 1) * 100, text(classes, 16));
    error = step / seconds - 1;
    out.set("predicted_seconds", step).set("classes", to_json(classes));
    write_traces(evaluator.program(), *predicted, measured, session);
  }
  session.print(said);
  if (!session.globals().json.empty()) session.write_json(out);
  session.finish();
}

void Run::train(const Question& q, const Evaluator& evaluator, const std::optional<Timeline>& predicted,
                const comm::Board& board, Backend& backend, World& world, Session& session, double& error) {
  const auto mine = static_cast<std::int64_t>(digest(evaluator.program()));
  for (const auto& theirs : world.gather(std::span<const std::int64_t>(&mine, 1)))
    if (theirs[0] != mine)
      throw DeviceError("ranks compiled different Programs: are their files and versions the same?");
  const Setup setup{q.scenario.model, q.scenario.training, evaluator.plan()};
  const TokenSource source(data_, {q.scenario.training.sequence, q.scenario.model.vocab,
                                   static_cast<std::uint64_t>(seed_), held_out_});
  Trainer trainer(setup, evaluator.program(), backend, world, source, options());
  start(trainer, setup, world);
  trainer.run([&](const StepReport& r) { progress(r, setup.training); },
              [&board] { return interrupted() || board.asked_to_end(); }, true);
  if (!export_.empty() && world.rank() == 0) export_weights(setup.model);
  report(q, evaluator, predicted, trainer, world, session, error);
}

int Run::run(Session& session) {
  check_flags();
  const std::string library = backend_library(backend_);
  const Question q = question_.read(session);
  prepare_outputs(q.scenario.model);
  Evaluator evaluator;
  compile_plan(q, question_.file(), evaluator, Ranks::all);
  if (const auto no = not_executable(q.scenario.model, q.scenario.training, evaluator.plan()))
    fail({question_.file(), "", 0}, *no);
  std::optional<Timeline> predicted;
  try {
    evaluator.simulate();
    predicted = evaluator.subject().timeline;
  } catch (const InputError& e) {
    std::fprintf(stderr, "no prediction: %s\n", e.what());
  }
  LaunchOptions launch =
      launch_options(evaluator.program(), static_cast<std::uint32_t>(evaluator.plan().ranks()));
  launch.watchdog.silence_ms = static_cast<std::int64_t>(patience_ * 1e3);
  launch.mpi_plug_in = shipped_library("orrery_mpi.so");
  launch.stop = interrupted;
  if (!library.empty()) use_plug_in(launch);
  const SharedDoubles error(1);  // of the predicted step, relative; 0: not known
  run_ranks(launch, [&](comm::Connection& c) {
    const auto train_on = [&](Backend& backend, World& world) {
      train(q, evaluator, predicted, c.region().board(), backend, world, session, error.values()[0]);
    };
    if (library.empty())
      CpuRank(c).play(train_on);
    else
      PlugInRank(c, library).play(train_on);
  });
  session.be_silent();  // rank 0, a process of its own or this one, has written
  return tolerance_ > 0 && !(100 * std::abs(error.values()[0]) <= tolerance_) ? exit_no : exit_ok;
}

}  // namespace

std::unique_ptr<Command> run_command() { return std::make_unique<Run>(); }

}  // namespace orrery
