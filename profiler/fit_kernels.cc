#include "profiler/fit_kernels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "sim/cost/collective.h"
#include "sim/cost/matmul.h"

namespace orrery {
namespace {

constexpr std::size_t fewest_points = 6;

struct MatmulModel {
  MatmulConstants constants;
  double launch;
  explicit MatmulModel(std::span<const double> v) : constants{v[0], {v[1]}, v[2], v[3]}, launch(v[4]) {}
};

double curve_seconds(std::span<const double> v, const CollectivePoint& p) {
  const double x = bus_factor(p.kind, static_cast<std::uint32_t>(p.ranks)) * static_cast<double>(p.bytes.v) / v[1];
  return v[0] + x + std::sqrt(v[2] * x);
}

CurveFit fit_curve(std::span<const CollectivePoint> points) {
  std::vector<double> measured;
  double rate = 0;                    // of the bus, at best
  double least = points.front().seconds;
  for (const CollectivePoint& p : points) {
    measured.push_back(p.seconds);
    least = std::min(least, p.seconds);
    rate = std::max(rate, bus_factor(p.kind, static_cast<std::uint32_t>(p.ranks)) * static_cast<double>(p.bytes.v) / p.seconds);
  }
  const Parameter parameters[] = {{"latency", least / 2, 1e-7, 1e-2},
                                  {"bandwidth", rate, rate / 2, rate * 2},
                                  {"ramp", 5e-6, 1e-8, 1e-3}};
  const Fit found = fit(parameters, measured, [&](std::span<const double> v, std::span<double> predicted) {
    for (std::size_t i = 0; i < points.size(); ++i) predicted[i] = curve_seconds(v, points[i]);
  });
  const auto& v = found.values;
  return {{points.front().kind, points.front().ranks, {v[0]}, {v[1]}, {v[2]}}, found.after};
}

}  // namespace

MatmulFit fit_matmul(std::span<const MatmulPoint> points, const Device& device, bool fp8, const MatmulConstants& start) {
  const MatmulMachine machine{fp8 ? device.fp8 : device.bf16, device.memory_bandwidth, device.multiprocessors};
  std::vector<double> measured;
  for (const MatmulPoint& p : points) measured.push_back(p.seconds);
  const Parameter parameters[] = {{"efficiency", start.efficiency, 0.3, 1.0},
                                  {"epilogue", start.epilogue.v, 1e-8, 2e-5},
                                  {"tile_exponent", start.tile_exponent, 0.01, 1.0},
                                  {"memory_efficiency", start.memory_efficiency, 0.3, 1.0},
                                  {"launch", 4e-6, 1e-7, 3e-5}};
  const Fit found = fit(parameters, measured, [&](std::span<const double> v, std::span<double> predicted) {
    const MatmulModel model(v);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const MatmulPoint& p = points[i];
      const MatmulShape shape{p.batch, p.m, p.n, p.k, fp8 ? 1.0 : 2.0, 2.0};
      predicted[i] = model.launch + matmul_time(shape, machine, model.constants).v;
    }
  });
  const MatmulModel model(found.values);
  return {model.constants, {model.launch}, found.before, found.after};
}

std::vector<CurveFit> fit_curves(std::span<const CollectivePoint> points, Bytes smallest) {
  std::map<std::pair<Kind, int>, std::vector<CollectivePoint>> groups;
  for (const CollectivePoint& p : points)
    if (p.bytes >= smallest) groups[{p.kind, p.ranks}].push_back(p);
  std::vector<CurveFit> fits;
  for (const auto& [key, group] : groups)
    if (group.size() >= fewest_points) fits.push_back(fit_curve(group));
  return fits;
}

}  // namespace orrery
