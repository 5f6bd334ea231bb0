// Fits of positive parameters to measured times: damped Gauss-Newton steps in the logarithms of the parameters on
// robust relative errors, then a pattern search along each parameter, since waves and choices make predictions
// piecewise. Minimises the mean of sqrt(r^2 + e^2) - e over points, r = ln(predicted / measured), e = 0.005: close to
// the mean absolute relative error, so that outliers do not pull. Deterministic; needs no derivatives.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace orrery {

// How far predictions are from measurements, as fractions of the measured.
struct Errors {
  std::size_t points = 0;
  double mape = 0, median = 0, worst = 0;  // of absolute errors; worst keeps its sign
  double bias = 0;                         // mean
};
Errors errors(std::span<const double> predicted, std::span<const double> measured);

struct Parameter {
  std::string name;
  double start = 0, low = 0, high = 0;     // 0 < low <= start <= high
};

struct FitOptions {
  double prior = 0;            // weight of staying at the start: of (ln value/start)^2 a point, against the loss
  int steps = 12;              // Gauss-Newton
  int rounds = 24;             // pattern search
  double tolerance = 1e-3;     // smallest relative move of the pattern search
};

struct Fit {
  std::vector<double> values;  // by parameter
  Errors before, after;
  int evaluations = 0;
};

// Fills one predicted time a measured one.
using Predict = std::function<void(std::span<const double> values, std::span<double> predicted)>;

// v to four significant digits, as files show constants.
double rounded(double v);

Fit fit(std::span<const Parameter>, std::span<const double> measured, const Predict&, const FitOptions& = {});

}  // namespace orrery
