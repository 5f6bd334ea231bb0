#include "profiler/import/calibrate.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "profiler/fit.h"
#include "sim/base/units.h"
#include "sim/cluster/groups.h"
#include "sim/cost/collective.h"

namespace orrery {
namespace {

constexpr std::size_t fewest_shapes = 8, fewest_sizes = 4;
constexpr std::int64_t smallest_bytes = 100'000;  // smaller buffers go by other protocols, see fit_kernels.h
constexpr double most_efficiency = 1.05;  // measurements of a full link scatter about its rate

std::optional<Kind> kind_of(std::string_view collective) {
  for (const Kind k :
       {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all, Kind::broadcast})
    if (name(k) == collective) return k;
  return {};
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * share);
  return text;
}

// The files that samples came from, and then how well a fit meets them.
class Origin {
 public:
  void add(const Source& s) {
    char digest[17];
    std::snprintf(digest, sizeof digest, "%016llx", static_cast<unsigned long long>(s.digest));
    const std::string text = s.file + " (" + s.format + ", digest " + digest + ")";
    if (std::find(files_.begin(), files_.end(), text) == files_.end()) files_.push_back(text);
  }
  std::string text(const Errors& e) const {
    std::string out;
    for (const std::string& file : files_) out += (out.empty() ? "" : "; ") + file;
    out += ": " + std::to_string(e.points) + (e.points == 1 ? " point" : " points");
    if (e.points > 1) out += ", mean error " + percent(e.mape) + ", worst " + percent(e.worst);
    return out;
  }

 private:
  std::vector<std::string> files_;
};

// Samples of one kind, with where they came from.
template <class Point>
struct Points {
  std::vector<Point> points;
  Origin origin;
  void add(Point p, const Source& s) {
    points.push_back(std::move(p));
    origin.add(s);
  }
};

struct FarPoint {
  CollectivePoint collective;
  GroupSignature group;
};

// A rate beside the one that a link has.
struct Share {
  double measured = 0, full = 0;
};

class Importer {
 public:
  Importer(Calibration& c, std::span<const Source> sources, const ImportTargets& to)
      : c_(c), sources_(sources), to_(to) {}

  ImportFit run() {
    for (const Source& s : sources_)
      for (const Measurement& m : s.measurements) take(m, s);
    fit_curves();
    fit_network();
    fit_share("message_efficiency", near_messages_);
    if (far_collectives_.points.size() < fewest_sizes)
      fit_share("network_efficiency", far_rates_.points.empty() ? far_messages_ : far_rates_);
    fit_overlap();
    fit_matmuls(products16_, false);
    fit_matmuls(products8_, true);
    return std::move(out_);
  }

 private:
  const Node* node() const { return to_.cluster ? &to_.cluster->groups.front().node : nullptr; }

  // Nodes that a group is on; nothing where neither the file nor the cluster tells.
  std::optional<std::int64_t> nodes_of(const Measurement& m) const {
    if (m.nodes) return *m.nodes;
    if (!m.ranks || !node() || !m.detail.starts_with("adjacent")) return {};
    return (*m.ranks + node()->gpus - 1) / node()->gpus;
  }

  void take(const Measurement& m, const Source& s) {
    if (m.what == What::collective) take_collective(m, s);
    if (m.what == What::bus_bandwidth && m.name == "all_reduce") take_bus_rate(m, s);
    if (m.what == What::message_bandwidth) take_message(m, s);
    if (m.what == What::overlap_slowdown) overlap_.add(m.value.median, s);
    if (m.what == What::matmul) take_product(m, s);
  }

  void take_collective(const Measurement& m, const Source& s) {
    const std::optional<Kind> kind = kind_of(m.name);
    if (!kind || !m.bytes || *m.bytes < 1 || !m.ranks || *m.ranks < 2 || *m.ranks > (1 << 20) ||
        m.in_place == 1)
      return;
    // In a trace the time holds what a rank waited for the others: least where it waited least.
    const double seconds = s.format == "Kineto trace" ? m.value.least : m.value.median;
    if (seconds <= 0) return;
    const CollectivePoint point{*kind, static_cast<int>(*m.ranks), {*m.bytes}, seconds};
    const std::optional<std::int64_t> nodes = nodes_of(m);
    if (!nodes)
      return leave_out("collectives of " + std::to_string(*m.ranks) +
                       " ranks: whether they are on one node is not in the file: --cluster says it");
    if (*nodes <= 1) return near_collectives_[{*kind, point.ranks}].add(point, s);
    if (!node())
      return leave_out("collectives over nodes: the rate of the NICs is not in the file: --cluster says it");
    if (*m.bytes < smallest_bytes) return;
    const std::int64_t per_node = (*m.ranks + *nodes - 1) / *nodes;
    if (per_node > node()->gpus)
      return leave_out(std::to_string(per_node) + " ranks a node, but the cluster has " +
                       std::to_string(node()->gpus));
    far_collectives_.add({point,
                          {static_cast<std::uint32_t>(*m.ranks), static_cast<std::uint32_t>(*nodes),
                           static_cast<std::uint32_t>(per_node)}},
                         s);
  }

  void take_bus_rate(const Measurement& m, const Source& s) {
    const std::optional<std::int64_t> nodes = nodes_of(m);
    if (!nodes || *nodes < 2 || !node() || *m.ranks > (1 << 20)) return;
    const std::int64_t per_node = std::min<std::int64_t>(*m.ranks, node()->gpus);
    const GroupSignature g{static_cast<std::uint32_t>(*m.ranks), static_cast<std::uint32_t>(*nodes),
                           static_cast<std::uint32_t>(per_node)};
    far_rates_.add({m.value.median, nic_share(g, *node()) * node()->nics.bandwidth.v}, s);
  }

  // Galvatron sends between ranks as far apart as the job allows: over nodes if it has more than one.
  void take_message(const Measurement& m, const Source& s) {
    if (!node() || !m.ranks)
      return leave_out("message bandwidth: the rate of the links is not in the file: --cluster says it");
    std::int64_t world = 0;
    for (const Measurement& other : s.measurements) world = std::max(world, other.ranks.value_or(0));
    const double nics = std::min(1.0, static_cast<double>(node()->nics.count) / node()->gpus);
    if (world <= node()->gpus)
      near_messages_.add({m.value.median, node()->intra.bandwidth.v}, s);
    else
      far_messages_.add({m.value.median, nics * node()->nics.bandwidth.v}, s);
  }

  void take_product(const Measurement& m, const Source& s) {
    if (!m.m || !m.n || !m.k || m.value.median <= 0) return;
    const MatmulPoint point{m.batch.value_or(1), *m.m, *m.n, *m.k, m.value.median};
    if (m.type.find("BFloat16") != std::string::npos || m.type.find("Half") != std::string::npos)
      products16_.add(point, s);
    else if (m.type.find("Float8") != std::string::npos)
      products8_.add(point, s);
    else
      leave_out("matrix products of " + (m.type.empty() ? "unstated elements" : m.type) +
                ": calibrations have 16-bit and FP8 ones");
  }

  void leave_out(const std::string& why) {
    if (std::find(out_.left_out.begin(), out_.left_out.end(), why) == out_.left_out.end())
      out_.left_out.push_back(why);
  }

  void record(const std::string& constant, Evidence evidence, const std::string& source) {
    c_.provenance[constant] = {evidence, source};
  }

  void fit_curves() {
    for (const auto& [key, group] : near_collectives_) {
      KernelPoints kernels;
      kernels.collectives = group.points;
      const std::vector<FitLine> lines = calibrate_kernels(c_, {}, kernels);
      if (lines.empty())
        leave_out(std::string(name(key.first)) + " of " + std::to_string(key.second) +
                  " ranks: a curve takes 6 sizes of 100 kB or more");
      for (const FitLine& line : lines) {
        record(line.what, Evidence::measured, group.origin.text(line.errors));
        out_.lines.push_back(line);
      }
    }
  }

  void fit_network() {
    const auto& points = far_collectives_.points;
    if (points.empty()) return;
    if (points.size() < fewest_sizes) return leave_out("collectives over nodes: a fit takes 4 sizes of 100 kB or more");
    std::vector<double> measured;
    for (const FarPoint& p : points) measured.push_back(p.collective.seconds);
    const Parameter parameters[] = {
        {"network_efficiency", std::clamp(c_.network_efficiency, 0.05, most_efficiency), 0.05,
         most_efficiency},
        {"network_base", std::clamp(c_.network_base.v, 1e-7, 1e-2), 1e-7, 1e-2}};
    Calibration trial = c_;
    const Fit found = fit(parameters, measured, [&](std::span<const double> v, std::span<double> predicted) {
      trial.network_efficiency = v[0];
      trial.network_base = {v[1]};
      for (std::size_t i = 0; i < points.size(); ++i)
        predicted[i] = transfer_time(points[i].collective.kind, points[i].collective.bytes, points[i].group,
                                     trial, *node())
                           .total()
                           .v;
    });
    c_.network_efficiency = rounded(found.values[0]);
    c_.network_base = {rounded(found.values[1])};
    for (const char* constant : {"network_efficiency", "network_base"})
      record(constant, Evidence::calibrated, far_collectives_.origin.text(found.after));
    out_.lines.push_back({"network_efficiency, network_base", found.after});
  }

  // A constant that is the share of a link's rate: the median over groups.
  void fit_share(const char* constant, const Points<Share>& shares) {
    if (shares.points.empty()) return;
    std::vector<double> ratios, predicted, measured;
    for (const Share& s : shares.points) ratios.push_back(s.measured / s.full);
    const double share = rounded(spread_of(ratios).median);
    if (share > most_efficiency || share <= 0)
      return leave_out(std::string(constant) + ": " + text(BytesPerSecond{shares.points.front().measured}) +
                       " where the cluster's links have " + text(BytesPerSecond{shares.points.front().full}) +
                       ": another cluster?");
    for (const Share& s : shares.points) {
      predicted.push_back(share * s.full);
      measured.push_back(s.measured);
    }
    (constant == std::string_view("message_efficiency") ? c_.message_efficiency : c_.network_efficiency) =
        share;
    const Errors e = errors(predicted, measured);
    record(constant, Evidence::calibrated, shares.origin.text(e));
    out_.lines.push_back({constant, e});
  }

  void fit_overlap() {
    if (overlap_.points.empty()) return;
    const double slowdown = rounded(spread_of(overlap_.points).median);
    const Errors e = errors(std::vector<double>(overlap_.points.size(), slowdown), overlap_.points);
    c_.slowdown_nvlink = slowdown;
    record("slowdown_nvlink", Evidence::measured,
           overlap_.origin.text(e) + "; the larger of the slow-downs of compute and of communication");
    out_.lines.push_back({"slowdown_nvlink", e});
  }

  void fit_matmuls(const Points<MatmulPoint>& products, bool fp8) {
    if (products.points.empty()) return;
    if (!to_.device) return leave_out("matrix products: the peak rate is not in the file: --device says it");
    if ((fp8 ? to_.device->fp8 : to_.device->bf16).v <= 0)
      return leave_out("matrix products: " + to_.device->name + " has no such peak rate");
    if (products.points.size() < fewest_shapes)
      return leave_out(std::to_string(products.points.size()) + " shapes of matrix products: a fit takes " +
                       std::to_string(fewest_shapes));
    KernelPoints kernels;
    kernels.matmuls = products.points;
    kernels.fp8 = fp8;
    for (const FitLine& line : calibrate_kernels(c_, *to_.device, kernels)) {
      for (const char* part : {".efficiency", ".epilogue", ".tile_exponent", ".memory_efficiency"})
        record(line.what + part, Evidence::calibrated, products.origin.text(line.errors));
      out_.lines.push_back(line);
    }
  }

  Calibration& c_;
  std::span<const Source> sources_;
  const ImportTargets& to_;
  std::map<std::pair<Kind, int>, Points<CollectivePoint>> near_collectives_;
  Points<FarPoint> far_collectives_;
  Points<Share> far_rates_, near_messages_, far_messages_;
  Points<MatmulPoint> products16_, products8_;
  Points<double> overlap_;
  ImportFit out_;
};

}  // namespace

ImportFit calibrate_import(Calibration& c, std::span<const Source> sources, const ImportTargets& to) {
  return Importer(c, sources, to).run();
}

}  // namespace orrery
