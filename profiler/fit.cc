#include "profiler/fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr double smooth = 0.005;

class Fitter {
 public:
  Fitter(std::span<const Parameter> parameters, std::span<const double> measured, const Predict& predict,
         const FitOptions& options)
      : parameters_(parameters), measured_(measured), predict_(predict), options_(options), predicted_(measured.size()) {}

  std::vector<double> start() const {
    std::vector<double> x;
    for (const Parameter& p : parameters_) x.push_back(p.start);
    return x;
  }

  // ln(predicted / measured) of every point.
  Eigen::VectorXd residuals(const std::vector<double>& x) {
    ++evaluations;
    predict_(x, predicted_);
    Eigen::VectorXd r(static_cast<Eigen::Index>(measured_.size()));
    for (std::size_t i = 0; i < measured_.size(); ++i)
      r(static_cast<Eigen::Index>(i)) = std::log(predicted_[i] / measured_[i]);
    return r;
  }

  double loss(const Eigen::VectorXd& r, const std::vector<double>& x) const {
    double sum = 0;
    for (const double v : r) sum += std::sqrt(v * v + smooth * smooth) - smooth;
    for (std::size_t j = 0; j < x.size(); ++j) {
      const double away = std::log(x[j] / parameters_[j].start);
      sum += options_.prior * away * away;
    }
    return sum / static_cast<double>(r.size());
  }

  double loss(const std::vector<double>& x) { return loss(residuals(x), x); }

  std::vector<double> within(std::vector<double> x) const {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = std::clamp(x[j], parameters_[j].low, parameters_[j].high);
    return x;
  }

  // Iteratively reweighted least squares in ln x, with a damping that grows until the loss falls.
  std::vector<double> descend(std::vector<double> x) {
    double damping = 1e-3;
    Eigen::VectorXd r = residuals(x);
    double best = loss(r, x);
    for (int step = 0; step < options_.steps; ++step) {
      const Eigen::MatrixXd jacobian = derivatives(x, r);
      const Eigen::VectorXd weights = (r.array().square() + smooth * smooth).sqrt().inverse();
      Eigen::MatrixXd normal = jacobian.transpose() * weights.asDiagonal() * jacobian;
      const Eigen::VectorXd gradient = jacobian.transpose() * weights.asDiagonal() * r;
      bool better = false;
      for (int tries = 0; tries < 6 && !better; ++tries, damping *= 8) {
        Eigen::MatrixXd damped = normal;
        damped.diagonal() += damping * (normal.diagonal().array() + 1e-9).matrix();
        const Eigen::VectorXd move = -damped.ldlt().solve(gradient);
        std::vector<double> next = x;
        for (std::size_t j = 0; j < x.size(); ++j)
          next[j] *= std::exp(std::clamp(move(static_cast<Eigen::Index>(j)), -0.5, 0.5));
        next = within(std::move(next));
        const Eigen::VectorXd at = residuals(next);
        const double now = loss(at, next);
        if (now < best) {
          better = best - now > 1e-9;
          x = std::move(next), r = at, best = now;
          break;
        }
      }
      damping = std::max(damping / 64, 1e-6);
      if (!better) break;
    }
    return x;
  }

  // Moves one parameter at a time by a factor that shrinks when nothing helps.
  std::vector<double> polish(std::vector<double> x) {
    double best = loss(x), factor = 1.08;
    for (int round = 0; round < options_.rounds && factor - 1 > options_.tolerance; ++round) {
      bool moved = false;
      for (std::size_t j = 0; j < x.size(); ++j) {
        for (const double by : {factor, 1 / factor}) {
          std::vector<double> next = x;
          next[j] *= by;
          next = within(std::move(next));
          if (next[j] == x[j]) continue;
          const double now = loss(next);
          if (now >= best) continue;
          x = std::move(next), best = now, moved = true;
          break;
        }
      }
      if (!moved) factor = 1 + (factor - 1) / 2;
    }
    return x;
  }

  Errors errors_at(const std::vector<double>& x) {
    residuals(x);
    return errors(predicted_, measured_);
  }

  int evaluations = 0;

 private:
  Eigen::MatrixXd derivatives(const std::vector<double>& x, const Eigen::VectorXd& r) {
    constexpr double step = 0.02;      // wide enough to see past the steps of wave counts
    Eigen::MatrixXd jacobian(r.size(), static_cast<Eigen::Index>(x.size()));
    for (std::size_t j = 0; j < x.size(); ++j) {
      std::vector<double> moved = x;
      moved[j] *= x[j] * (1 + step) <= parameters_[j].high ? 1 + step : 1 / (1 + step);
      jacobian.col(static_cast<Eigen::Index>(j)) = (residuals(moved) - r) / std::log(moved[j] / x[j]);
    }
    return jacobian;
  }

  std::span<const Parameter> parameters_;
  std::span<const double> measured_;
  const Predict& predict_;
  FitOptions options_;
  std::vector<double> predicted_;
};

}  // namespace

Errors errors(std::span<const double> predicted, std::span<const double> measured) {
  Errors e;
  e.points = measured.size();
  if (measured.empty()) return e;
  std::vector<double> absolute;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double error = predicted[i] / measured[i] - 1;
    absolute.push_back(std::abs(error));
    e.mape += std::abs(error);
    e.bias += error;
    if (std::abs(error) > std::abs(e.worst)) e.worst = error;
  }
  const auto n = static_cast<double>(measured.size());
  e.mape /= n;
  e.bias /= n;
  std::sort(absolute.begin(), absolute.end());
  e.median = (absolute[absolute.size() / 2] + absolute[(absolute.size() - 1) / 2]) / 2;
  return e;
}

double rounded(double v) {
  if (v == 0) return 0;
  const double scale = std::pow(10.0, 3 - std::floor(std::log10(std::abs(v))));
  return std::round(v * scale) / scale;
}

Fit fit(std::span<const Parameter> parameters, std::span<const double> measured, const Predict& predict,
        const FitOptions& options) {
  for (const Parameter& p : parameters) ORRERY_CHECK(p.low > 0 && p.low <= p.start && p.start <= p.high);
  Fitter fitter(parameters, measured, predict, options);
  Fit out;
  out.values = fitter.start();
  out.before = fitter.errors_at(out.values);
  if (!measured.empty() && !parameters.empty()) out.values = fitter.polish(fitter.descend(out.values));
  out.after = fitter.errors_at(out.values);
  out.evaluations = fitter.evaluations;
  return out;
}

}  // namespace orrery
