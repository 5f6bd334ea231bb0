// orrery list: what is shipped, with the figures that people choose by.
#include "sim/base/units.h"
#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/model/params.h"
#include "sim/plan/read.h"
#include "sim/scenario.h"
#include "tools/session.h"
#include "tools/table.h"

namespace orrery {
namespace {

using Kind = Library::Kind;

std::string rate(FlopsPerSecond r) { return r.v > 0 ? text(r) : "-"; }

Table gpus(Library& library) {
  Table table({"gpu", "architecture", ">memory", ">memory rate", ">BF16 dense", ">FP8 dense", ">NVLinks"});
  for (const std::string& name : library.presets(Kind::device)) {
    const Device d = library.open(library.preset(Kind::device, name, {}), Kind::device, {},
                                  [](const Reader& r) { return read_device(r); });
    table.row({name, d.architecture, text(d.memory), text(d.memory_bandwidth), rate(d.bf16), rate(d.fp8),
               d.nvlinks > 0 ? std::to_string(d.nvlinks) : "-"});
  }
  return table;
}

Table models(Library& library) {
  Table table({"model", "family", ">parameters", ">layers", ">hidden", ">heads", ">kv heads", ">vocabulary", "plans"});
  for (const std::string& name : library.presets(Kind::model)) {
    const Model m = find_model(library, name);
    const Attention& a = m.layer(m.depth() - 1).attention;
    table.row({name, m.family, text_count(static_cast<double>(parameters(m))), std::to_string(m.depth()),
               std::to_string(m.hidden), std::to_string(a.heads), std::to_string(a.kv_heads), std::to_string(m.vocab),
               m.unpriced.empty() ? "yes" : "not yet: " + m.unpriced.front()});
  }
  return table;
}

Table clusters(Library& library) {
  Table table({"cluster", "gpu", ">GPUs a node", ">node link", ">NICs", ">NIC rate"});
  for (const std::string& name : library.presets(Kind::cluster)) {
    const Cluster c = find_cluster(library, name);
    const Node& n = c.groups.front().node;
    table.row({name, n.device.name, std::to_string(n.gpus), text(n.intra.bandwidth), std::to_string(n.nics.count),
               n.nics.count > 0 ? text(n.nics.bandwidth) : "-"});
  }
  return table;
}

Table calibrations(Session& session) {
  Table table({"calibration", "gpu", "stack", ">NCCL"});
  for (const std::string& name : session.library().presets(Kind::calibration)) {
    const Calibration c =
        read_calibration(session.files(), session.library().preset(Kind::calibration, name, {}));
    table.row({name, c.device, c.stack, c.nccl});
  }
  return table;
}

Table schedules(Session&) {
  constexpr std::string_view what[] = {"all forward passes, then all backward passes; a stash for each micro-batch",
                                       "one forward, one backward (PipeDream flush); at most pp - i stashes on stage i",
                                       "1F1B over several virtual stages a rank (Megatron); bubble divided by their number"};
  Table table({"schedule", "what it is"});
  for (std::size_t i = 0; i < schedule_words.size(); ++i) table.row({std::string(schedule_words[i]), std::string(what[i])});
  return table;
}

class List : public Command {
 public:
  std::string_view name() const override { return "list"; }
  std::string_view summary() const override { return "List shipped GPUs, models, clusters, calibrations or schedules"; }
  std::string_view example() const override { return "orrery list models"; }
  unsigned outputs() const override { return writes_csv | writes_markdown; }
  std::vector<Flag> flags() override {
    return {{"WHAT", "", "what to list", &what_, true, {"gpus", "models", "clusters", "calibrations", "schedules"}}};
  }
  int run(Session& session) override {
    const Table table = what_ == "gpus"       ? gpus(session.library())
                        : what_ == "models"   ? models(session.library())
                        : what_ == "clusters" ? clusters(session.library())
                        : what_ == "schedules" ? schedules(session)
                                               : calibrations(session);
    session.print(table.text());
    session.write(session.globals().csv, table.csv());
    session.write(session.globals().markdown, table.markdown());
    return 0;
  }

 private:
  std::string what_;
};

}  // namespace

std::unique_ptr<Command> list_command() { return std::make_unique<List>(); }

}  // namespace orrery
