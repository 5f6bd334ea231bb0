#include "sim/report/text.h"

#include "sim/base/units.h"
#include "sim/report/format.h"
#include "sim/report/tables.h"

namespace orrery {
namespace {

using namespace report;

class Page {
 public:
  explicit Page(const TextOptions& options) : color_(options.color) {}
  void heading(std::string_view s) { out_ += "\n" + painted(s, "1") + "\n"; }
  void line(std::string_view s) { out_.append(s) += "\n"; }
  void cells(const Cells& rows, const std::vector<std::size_t>& text_columns) {
    out_ += table(rows, text_columns, "  ");
  }
  void field(std::string_view label, std::string_view s, bool alarm = false) {
    out_ += " " + left(label, 9);
    out_ += alarm ? painted(s, "1;31") : std::string(s);
    out_ += "\n";
  }
  std::string painted(std::string_view s, std::string_view code) const {
    return color_ ? "\x1b[" + std::string(code) + "m" + std::string(s) + "\x1b[0m" : std::string(s);
  }
  std::string take() { return std::move(out_); }

 private:
  bool color_;
  std::string out_;
};

// Blue for compute, orange for what is lost: told apart without colour by the labels.
std::string_view paint(Category c) {
  return c <= Category::elementwise || c == Category::optimizer ? "34" : "33";
}

void where(const Report& r, Page& page) {
  page.heading("Where one step goes (stage " + std::to_string(r.critical) + " of " +
               std::to_string(r.stages.size()) + (r.stages.size() > 1 ? ", the busiest)" : ")"));
  for (const Part& p : parts(r.where))
    page.line("  " + left(name(p.category), 22) +
              page.painted(left(bar(p.time / r.step, 40), 40), paint(p.category)) + "  " +
              right(orrery::text(to_seconds(p.time)), 8) + "  " + right(tenths(p.tenths), 7));
  if (r.where.recompute.v > 0)
    page.line("  recomputation is " + percent(r.where.recompute / r.step) + " of the step, within the above");
}

void costs(const Report& r, Page& page) {
  std::vector<std::string> lines = cost_lines(r);
  for (std::string& line : goodput_lines(r)) lines.push_back(std::move(line));
  if (lines.empty()) return;
  page.heading("What it costs");
  for (const std::string& line : lines) page.line("  " + line);
}

}  // namespace

std::string text(const Report& r, const TextOptions& options) {
  Page page(options);
  if (!r.origin.scenario.empty()) page.line(page.painted(r.origin.scenario, "1"));
  page.line(headline(r));
  page.field("plan", r.plan);
  page.field("batch", grouped(r.global_batch) + " sequences of " + grouped(r.sequence) + " tokens, " +
                          grouped(r.micro_batches) + " micro-batches a replica");
  page.field("step", speed_line(r));
  page.field("memory", memory_line(r), !r.fits());
  page.field("evidence", evidence_line(r));
  page.field("error", error_line(r));
  page.field("prices", r.calibration + ", " + r.origin.replay + " replay");
  where(r, page);
  if (const Cells cells = communication_table(r); cells.size() > 1) {
    page.heading("Communication of that stage");
    page.cells(cells, {0});
  }
  page.heading("Stages");
  page.cells(stage_table(r), {});
  page.heading("Memory by stage (GiB)");
  page.cells(memory_table(r), {9});
  page.heading("Efficiency (dense " + std::string(name(r.peak_of)) + " peak: " + fixed(r.peak.v / 1e12, 1) +
               " TFLOP/s a GPU)");
  page.cells(efficiency_table(r), {0});
  costs(r, page);
  return page.take();
}

}  // namespace orrery
