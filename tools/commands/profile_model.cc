// orrery profile model: the time of every operation that plans of a model are made of, and the cost of its
// layers.
#include <fmt/format.h>

#include <algorithm>

#include "planner/space.h"
#include "profiler/measure/layers.h"
#include "profiler/measure/machine.h"
#include "profiler/measure/ops.h"
#include "runtime/play/compute.h"
#include "sim/base/units.h"
#include "sim/cost/read.h"
#include "tools/backends.h"
#include "tools/errors.h"
#include "tools/numbers.h"
#include "tools/question.h"
#include "tools/table.h"

namespace orrery {
namespace {

class ProfileModel : public Command {
 public:
  std::string_view name() const override { return "profile model"; }
  std::string_view summary() const override {
    return "Measure the operations of a model's plans on this machine, for a calibration";
  }
  std::string_view example() const override {
    return "orrery profile model scenarios/gpt-small-2xcpu.json --tp 1,2 --micro-batch 1,2,4 --out mine.json";
  }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    const std::vector<Flag> own{
        {"--tp", "LIST", "tensor-parallel sizes of the table of layers (default 1)", &tp_},
        {"--micro-batch", "LIST", "sequences of a micro-batch in that table (default the plan's, or 1)",
         &micro_batch_},
        {"--sequences", "LIST", "lengths in that table (default the scenario's)", &sequences_},
        {"--plans", "FILE", "plans whose operations to measure, besides", &plans_},
        {"--ranks", "LIST", "measure for all plans that a search over so many ranks would try", &ranks_},
        {"--backend",
         "NAME",
         "what executes: cpu, or cuda, on one GPU (default cpu)",
         &backend_,
         false,
         {"cpu", "cuda"}},
        {"--budget", "SECONDS", "stop after this long: what takes most of the steps is measured first",
         &budget_},
        {"--out", "FILE", "write the calibration; one that is there is continued", &out_}};
    out.insert(out.end(), own.begin(), own.end());
    return out;
  }

  int run(Session& session) override {
    const Question q = question_.read(session);
    if (!(budget_ >= 0)) throw UsageError("--budget takes seconds");
    session.watch().set_budget(budget_);
    const std::vector<OpCase> layers = layer_cases(q.scenario);
    std::vector<OpCase> cases = layers;
    add_plans(session, q.scenario, cases);
    Calibration c = start(session, q);
    const std::string source = source_of(q.scenario.model);
    const std::size_t before = c.measured.all().size();
    StepTrace trace;
    OpOptions options;
    options.trace = &trace;
    const std::vector<Op> left = measure_ops(
        q.scenario.model, cases, device_of(backend_), source, c.measured, session.watch(),
        [&] { save(c, q); }, options);
    save(c, q);
    session.print(fmt::format("{} on {}: {} operations measured", q.scenario.model.name, backend_,
                              c.measured.all().size() - before));
    if (before > 0) session.print(fmt::format(", {} were known", before));
    if (!left.empty()) session.print(fmt::format(", {} are left: run again to continue", left.size()));
    session.print("\n\n" + table(q.scenario.model, layer_costs(q.scenario.model, layers, c.measured)));
    if (!trace.kernels.empty()) session.print("\n" + kernels(trace));
    return exit_ok;
  }

 private:
  std::string source_of(const Model& model) const {
    return "orrery profile model, " + model.name + " on " + backend_;
  }

  // Of each size, batch and length one plan of one stage and one replica.
  std::vector<OpCase> layer_cases(const Scenario& s) const {
    const Plan standard = s.plan.value_or(Plan{});
    std::vector<OpCase> out;
    for (const std::int64_t tp : read_counts("--tp", tp_, {1}))
      for (const std::int64_t b : read_counts("--micro-batch", micro_batch_, {standard.micro_batch}))
        for (const std::int64_t sequence : read_counts("--sequences", sequences_, {s.training.sequence})) {
          OpCase c{s.training, {}};
          c.plan.tp = static_cast<int>(tp);
          c.plan.sequence_parallel = standard.sequence_parallel && tp > 1;
          c.plan.attention = standard.attention;
          c.plan.micro_batch = b;
          c.training.sequence = sequence;
          c.training.global_batch = 2 * b;  // so that weight gradients are both written and added to
          require(s.model, c, "--tp, --micro-batch, --sequences");
          out.push_back(std::move(c));
        }
    return out;
  }

  static void require(const Model& model, const OpCase& c, const std::string& where) {
    if (const auto no = violation(model, one_node(c.plan.ranks()), c.training, c.plan))
      fail({where, no->pointer, 0}, no->message);
    if (const auto no = not_executable(model, c.training, c.plan)) fail({where, "", 0}, *no);
  }

  void add_plans(Session& session, const Scenario& s, std::vector<OpCase>& cases) const {
    if (s.plan) {
      cases.push_back({s.training, *s.plan});
      require(s.model, cases.back(), question_.file());
    }
    for (const std::string& file : plans_) {
      Library library = session.library().fresh();
      cases.push_back({s.training, find_plan(library, file, {"--plans", "", 0})});
      require(s.model, cases.back(), file);
    }
    for (const std::int64_t n : read_counts("--ranks", ranks_, {})) {
      Scenario of_n = s;
      of_n.cluster = one_node(static_cast<int>(n));
      for (const Plan& plan : uniform_plans(of_n))
        if (!violation(s.model, of_n.cluster, s.training, plan) && !not_executable(s.model, s.training, plan))
          cases.push_back({s.training, plan});
    }
  }

  // The calibration of the question, or what an earlier run has written.
  Calibration start(Session& session, const Question& q) const {
    if (out_.empty() || !session.files().exists(out_)) return q.calibration;
    Calibration c = read_calibration(session.files(), out_);
    for (const MeasuredOp& m : c.measured.all())
      if (m.source != source_of(q.scenario.model))
        fail({out_, "/measured", 0}, "operations of this model, to continue; or another --out", m.source);
    return c;
  }

  void save(Calibration& c, const Question& q) const {
    fit_bytes(c, q.scenario.cluster.groups.front().node.device);
    fit_attention(c);
    c.held_out = {};
    if (!out_.empty()) write_file(out_, write_calibration(c).dump() + "\n");
  }

  static std::string table(const Model& model, const std::vector<LayerCost>& costs) {
    Table out({"layer", ">tp", ">batch", ">sequence", ">forward", ">input gradient", ">weight gradient",
               ">states", ">activations"});
    for (const LayerCost& c : costs)
      out.row({model.kinds.size() == 1 ? "layer" : "kind " + std::to_string(c.kind + 1), std::to_string(c.tp),
               std::to_string(c.micro_batch), std::to_string(c.sequence), text(c.forward),
               text(c.input_gradient), text(c.weight_gradient), text(c.states), text(c.activations)});
    return out.text();
  }

  // Where the GPU itself says that a step's time goes.
  static std::string kernels(const StepTrace& trace) {
    constexpr std::size_t rows = 12, longest = 72;
    double all = 0;
    for (const TracedKernel& k : trace.kernels) all += k.total.v;
    std::string out = fmt::format("kernels take {} of the {} that a step's operations take: {:.1f} %\n",
                                  text(Seconds{all}), text(trace.by_events), 100 * all / trace.by_events.v);
    Table list({"kernel", ">count", ">time", ">share"});
    for (std::size_t i = 0; i < std::min(rows, trace.kernels.size()); ++i) {
      const TracedKernel& k = trace.kernels[i];
      list.row({k.name.substr(0, longest), std::to_string(k.count), text(k.total),
                fmt::format("{:.1f} %", 100 * k.total.v / all)});
    }
    return out + list.text();
  }

  QuestionFlags question_;
  std::string tp_, micro_batch_, sequences_, ranks_, backend_ = "cpu", out_;
  std::vector<std::string> plans_;
  double budget_ = 0;
};

}  // namespace

std::unique_ptr<Command> profile_model_command() { return std::make_unique<ProfileModel>(); }

}  // namespace orrery
