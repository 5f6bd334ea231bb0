#include "sim/cost/constants.h"

#include "sim/base/math.h"

namespace orrery {
namespace {

double as_double(double v) { return v; }
double as_double(Seconds v) { return v.v; }
double as_double(Bytes v) { return static_cast<double>(v.v); }
void assign(double& to, double v) { to = v; }
void assign(Seconds& to, double v) { to.v = v; }
void assign(Bytes& to, double v) { to.v = static_cast<std::int64_t>(v); }

}  // namespace

std::string_view name(Evidence e) {
  switch (e) {
    case Evidence::measured: return "measured";
    case Evidence::calibrated: return "calibrated";
    case Evidence::datasheet: return "datasheet";
    case Evidence::assumed: break;
  }
  return "assumed";
}

std::vector<std::string> constant_names() {
  std::vector<std::string> names;
  Calibration c;
  for_each_constant(c, [&](std::string_view n, auto&) { names.emplace_back(n); });
  return names;
}

bool get_constant(const Calibration& c, std::string_view name, double& value) {
  bool found = false;
  for_each_constant(c, [&](std::string_view n, const auto& v) {
    if (n == name) value = as_double(v), found = true;
  });
  return found;
}

bool set_constant(Calibration& c, std::string_view name, double value) {
  bool found = false;
  for_each_constant(c, [&](std::string_view n, auto& v) {
    if (n == name) assign(v, value), found = true;
  });
  return found;
}

std::string attention_key(const AttentionRates& a) {
  return "attention." + a.kernel + "." + std::to_string(a.head_dim) + (a.causal ? ".causal" : ".full");
}

std::string curve_key(const Curve& c) {
  return "curves." + std::string(name(c.kind)) + "." + std::to_string(c.ranks);
}

const Provenance& provenance(const Calibration& c, std::string_view name) {
  static const Provenance unknown;
  const auto found = c.provenance.find(name);
  return found == c.provenance.end() ? unknown : found->second;
}

double scale_jitter(const Calibration& c, int ranks) {
  const double over = static_cast<double>(ranks) / c.jitter_ranks;
  return over > 1 ? 1 + c.jitter * log2(over) : 1;
}

}  // namespace orrery
