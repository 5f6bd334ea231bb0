#include <algorithm>
#include <array>

#include "sim/base/units.h"
#include "sim/report/format.h"
#include "sim/report/rank_view.h"
#include "sim/report/svg.h"
#include "sim/report/svg_writer.h"
#include "sim/report/tables.h"

namespace orrery {
namespace {

using namespace report;

// What a column of a row shows. Micro-batches alternate between two shades.
enum class Paint : std::uint8_t {
  idle,
  forward,
  forward_odd,
  backward,
  backward_odd,
  recompute,
  update,
  some_communication,
  communication
};
constexpr std::size_t paint_count = 9;
constexpr std::array<std::string_view, paint_count> fills{
    "#ececec",         "#0072b2", "#2b8cc4", "url(#backward)",     "url(#backward_odd)",
    "url(#recompute)", "#009e73", "#e3a9a2", "url(#communication)"};

Paint paint(const Row& row, std::uint32_t micro_batch) {
  if (row.stream != Stream::compute) return Paint::communication;
  if (row.pass == Pass::update) return Paint::update;
  if (row.pass == Pass::recompute) return Paint::recompute;
  const bool odd = micro_batch % 2 != 0;
  if (row.pass == Pass::forward) return odd ? Paint::forward_odd : Paint::forward;
  return odd ? Paint::backward_odd : Paint::backward;
}

// A row of pixel columns; each adds up what its time goes to.
class Columns {
 public:
  Columns(std::size_t count, Tick makespan) : spent_(count), makespan_(makespan) {}

  void add(Paint what, Tick start, Tick end) {
    for (std::size_t c = column(start); c < spent_.size() && edge(c) < end.v; ++c) {
      const std::int64_t part = std::min(end.v, edge(c + 1)) - std::max(start.v, edge(c));
      if (part > 0) spent_[c][static_cast<std::size_t>(what)] += part;
    }
  }

  // The columns as one path a paint: runs of equal columns.
  void draw(SvgWriter& out, double x, double y, double width, double height) const {
    std::array<std::string, paint_count> paths;
    const double step = width / static_cast<double>(spent_.size());
    for (std::size_t c = 0; c < spent_.size();) {
      const std::size_t first = c, what = most(c);
      while (c < spent_.size() && most(c) == what) ++c;
      if (what == static_cast<std::size_t>(Paint::idle)) continue;
      paths[what] += "M" + SvgWriter::number(x + step * static_cast<double>(first)) + " " +
                     SvgWriter::number(y) + "h" + SvgWriter::number(step * static_cast<double>(c - first)) +
                     "v" + SvgWriter::number(height) + "h-" +
                     SvgWriter::number(step * static_cast<double>(c - first)) + "z";
    }
    out.rect(x, y, width, height, fills[0]);
    for (std::size_t i = 1; i < paint_count; ++i)
      if (!paths[i].empty()) out.path(paths[i], fills[i]);
  }

 private:
  std::int64_t edge(std::size_t c) const {  // without overflow for a step of days
    const auto n = static_cast<std::int64_t>(spent_.size()), i = static_cast<std::int64_t>(c);
    return makespan_.v / n * i + makespan_.v % n * i / n;
  }
  std::size_t column(Tick t) const {
    const double at =
        static_cast<double>(t.v) / static_cast<double>(makespan_.v) * static_cast<double>(spent_.size());
    auto c = std::min(static_cast<std::size_t>(at), spent_.size() - 1);
    while (c > 0 && edge(c) > t.v) --c;
    return c;
  }
  std::size_t most(std::size_t c) const {
    std::array<std::int64_t, paint_count> spent = spent_[c];
    std::int64_t used = 0;
    for (std::size_t i = 1; i < paint_count; ++i) used += spent[i];
    const std::int64_t all = edge(c + 1) - edge(c);
    spent[0] = std::max<std::int64_t>(all - used, 0);
    // Communication that takes a lesser part of a column still shows, faintly, from 3 % on.
    constexpr auto communicating = static_cast<std::size_t>(Paint::communication);
    if (spent[communicating] > 0 && used == spent[communicating] && 2 * used < all)
      return 100 * used >= 3 * all ? static_cast<std::size_t>(Paint::some_communication) : 0;
    return static_cast<std::size_t>(std::max_element(spent.begin(), spent.end()) - spent.begin());
  }
  std::vector<std::array<std::int64_t, paint_count>> spent_;
  Tick makespan_;
};

struct Swatch {
  std::string_view fill, label;
};

class Picture {
 public:
  Picture(const Program& p, const Timeline& t, const Report& r, const PictureOptions& o)
      : p_(p),
        t_(t),
        r_(r),
        width_(o.width),
        row_(r.stages.size() > 32   ? 14
             : r.stages.size() > 12 ? 20
                                    : 30),
        out_(width_, top + row_ * 1.8 * static_cast<double>(r.stages.size()) + 106, title(), description()) {}

  std::string draw() {
    out_.pattern("backward", "#d98200", '/');
    out_.pattern("backward_odd", "#f0a830", '/');
    out_.pattern("recompute", "#7a4fa3", '\\');
    out_.pattern("communication", "#c0392b", '.');
    out_.text(16, 26, title(), 16, Anchor::start, ink, true);
    out_.text(16, 46,
              r_.plan + "; step " + orrery::text(to_seconds(r_.step)) + ", " +
                  fixed(100 * r_.bubble_fraction, 1) + " % bubble",
              12);
    std::vector<Swatch> entries{{fills[1], "forward"},   {fills[3], "backward"},
                                {fills[6], "optimizer"}, {fills[8], "communication (lower strip)"},
                                {fills[7], "some"},      {fills[0], "idle"}};
    if (r_.where.recompute.v > 0) entries.insert(entries.begin() + 2, {fills[5], "recomputation"});
    double y = legend(entries, 58);
    y = pipeline(y + 14);
    y = time_axis(y);
    memory(y + 34);
    return out_.take();
  }

 private:
  static constexpr double top = 96, margin_left = 70, margin_right = 90;
  double chart() const { return width_ - margin_left - margin_right; }

  std::string title() const { return r_.origin.scenario.empty() ? headline(r_) : r_.origin.scenario; }
  std::string description() const {
    return "One training step of " + headline(r_) + ". Upper part: what each of " +
           std::to_string(r_.stages.size()) + " pipeline stages computes and communicates over " +
           orrery::text(to_seconds(r_.makespan)) +
           ". Lower part: peak memory of each stage by component against the device's limit; " +
           memory_line(r_) + ".";
  }

  double legend(std::span<const Swatch> entries, double y) {
    double x = margin_left;
    for (const Swatch& s : entries) {
      out_.rect(x, y, 14, 12, s.fill);
      out_.text(x + 19, y + 10, s.label, 11);
      x += 34 + 6.2 * static_cast<double>(s.label.size());
    }
    return y + 14;
  }

  double pipeline(double y) {
    const auto columns = static_cast<std::size_t>(chart());
    for (std::size_t s = 0; s < r_.stages.size() && r_.makespan.v > 0; ++s, y += row_) {
      Columns compute(columns, r_.makespan), communication(columns, r_.makespan);
      const RankView view(p_, t_, static_cast<std::uint32_t>(s), r_.stages[s].player);
      for (const RankView::Item& i : view.items()) {
        const Row& row = view.row(i);
        if (row.stream == Stream::compute)
          compute.add(paint(row, p_.calls[i.call].micro_batch), view.start(i), view.end(i));
        else if (is_meeting(row.kind))
          communication.add(Paint::communication, view.begin(i), view.end(i));
      }
      const double strip = row_ * 0.2;
      compute.draw(out_, margin_left, y, chart(), row_ * 0.66);
      communication.draw(out_, margin_left, y + row_ * 0.68, chart(), strip);
      out_.text(margin_left - 8, y + row_ * 0.5 + 3, "stage " + std::to_string(s), std::min(11.0, row_ * 0.7),
                Anchor::end);
      out_.text(width_ - margin_right + 8, y + row_ * 0.5 + 3,
                percent(r_.stages[s].time.busy / r_.makespan, 0) + " busy", std::min(11.0, row_ * 0.7));
    }
    return y;
  }

  double time_axis(double y) {
    for (int i = 0; i <= 4; ++i) {
      const double x = margin_left + chart() * i / 4;
      out_.line(x, y, x, y + 5, faint);
      out_.text(x, y + 18, orrery::text(to_seconds(r_.makespan) * (i / 4.0)), 11, Anchor::middle);
    }
    return y + 18;
  }

  void memory(double y) {
    static constexpr std::array<Swatch, 6> parts{{{"#0072b2", "weights"},
                                                  {"#56b4e9", "gradients"},
                                                  {"#009e73", "optimizer"},
                                                  {"#e69f00", "activations"},
                                                  {"#cc79a7", "buffers"},
                                                  {"#7a7a7a", "fixed"}}};
    out_.text(margin_left, y, "Peak memory by stage", 13, Anchor::start, ink, true);
    y = legend(parts, y + 8) + 8;
    Bytes most{};
    for (const StageReport& s : r_.stages) most = std::max({most, s.memory.peak, s.memory.limit});
    const double scale = most.v > 0 ? chart() / static_cast<double>(most.v) : 0, first = y;
    for (std::size_t s = 0; s < r_.stages.size(); ++s, y += row_ * 0.8) {
      const StageMemory& m = r_.stages[s].memory;
      double x = margin_left;
      out_.rect(x, y, chart(), row_ * 0.6, fills[0]);
      const std::array<std::int64_t, 6> bytes = split(m);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const double w = scale * static_cast<double>(bytes[i]);
        if (w > 0)
          out_.rect(x, y, w, row_ * 0.6, parts[i].fill,
                    std::string(parts[i].label) + " " + gibibytes(bytes[i]) + " GiB");
        x += w;
      }
      out_.text(margin_left - 8, y + row_ * 0.45, "stage " + std::to_string(s), std::min(11.0, row_ * 0.6),
                Anchor::end);
      out_.text(width_ - margin_right + 8, y + row_ * 0.45, gibibytes(m.peak.v) + " GiB",
                std::min(11.0, row_ * 0.6));
      const double limit = margin_left + scale * static_cast<double>(m.limit.v);
      out_.line(limit, y - row_ * 0.1, limit, y + row_ * 0.7, ink, 1.5);
    }
    if (!r_.stages.empty())
      out_.text(margin_left + scale * static_cast<double>(r_.stages[0].memory.limit.v), first - 6,
                "limit " + gibibytes(r_.stages[0].memory.limit.v) + " GiB", 11, Anchor::end);
  }

  static std::array<std::int64_t, 6> split(const StageMemory& m) {
    std::array<std::int64_t, 6> out{};
    for (std::size_t c = 0; c < component_count; ++c) out[std::min<std::size_t>(c, 4)] += m.at_peak[c].v;
    out[5] = m.constants.v;
    return out;
  }

  const Program& p_;
  const Timeline& t_;
  const Report& r_;
  double width_, row_;
  SvgWriter out_;
};

}  // namespace

std::string timeline_svg(const Program& p, const Timeline& t, const Report& r,
                         const PictureOptions& options) {
  return Picture(p, t, r, options).draw();
}

}  // namespace orrery
