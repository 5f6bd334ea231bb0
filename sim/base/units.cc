#include "sim/base/units.h"

#include <charconv>
#include <cmath>
#include <span>

namespace orrery {
namespace {

// value = number * up / down, both exact powers, so that the result is the double nearest to what was written
// whenever the number itself is exact.
struct Unit {
  std::string_view name;
  double up = 1, down = 1;
};

constexpr double kibi = 1024, mebi = kibi * 1024, gibi = mebi * 1024, tebi = gibi * 1024;
constexpr double byte = 8;  // bits

constexpr Unit durations[] = {{"ps", 1, 1e12}, {"ns", 1, 1e9}, {"us", 1, 1e6}, {"ms", 1, 1e3},
                              {"s"},           {"min", 60},    {"h", 3600},    {"d", 86400}};
constexpr Unit sizes[] = {{"B"},        {"kB", 1e3},   {"MB", 1e6},   {"GB", 1e9},   {"TB", 1e12},
                          {"PB", 1e15}, {"KiB", kibi}, {"MiB", mebi}, {"GiB", gibi}, {"TiB", tebi}};
constexpr Unit rates[] = {
    {"b/s", 1, byte}, {"kb/s", 1e3, byte}, {"Mb/s", 1e6, byte}, {"Gb/s", 1e9, byte}, {"Tb/s", 1e12, byte},
    {"B/s"},          {"kB/s", 1e3},       {"MB/s", 1e6},       {"GB/s", 1e9},       {"TB/s", 1e12},
    {"KiB/s", kibi},  {"MiB/s", mebi},     {"GiB/s", gibi},     {"TiB/s", tebi}};
constexpr Unit flop_rates[] = {{"FLOP/s"},        {"MFLOP/s", 1e6},  {"GFLOP/s", 1e9},
                               {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}, {"EFLOP/s", 1e18}};
constexpr Unit counts[] = {{""}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1e9}, {"T", 1e12}, {"P", 1e15}};
constexpr Unit powers[] = {{"mW", 1, 1e3}, {"W"}, {"kW", 1e3}, {"MW", 1e6}};

// A number without a sign, a space or none, and one of the units.
std::optional<double> parse(std::string_view text, std::span<const Unit> units) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  if (name.size() > 1 && name[0] == ' ') name.remove_prefix(1);
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double value = number * unit.up / unit.down;
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

template <class Q>
std::optional<Q> as(std::optional<double> value) {
  return value ? std::optional(Q{*value}) : std::nullopt;
}

std::string digits(double v) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, v).ptr};
}

// At most: as many as every double holds.
std::string fifteen_digits(double v) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, v, std::chars_format::general, 15).ptr};
}

// In fixed notation with three significant digits; requires 0 <= v < 10000.
std::string three_digits(double v) {
  const int precision = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, v, std::chars_format::fixed, precision).ptr};
}

// The largest unit of which `v` is at least one, by names in rising order; tiny values in the first.
std::string scaled(double v, std::span<const Unit> units) {
  if (!(v >= 0) || !std::isfinite(v)) return digits(v) + " " + std::string(units.front().name);
  std::size_t at = 0;
  const auto in = [&](std::size_t i) { return v * units[i].down / units[i].up; };
  while (at + 1 < units.size() && in(at + 1) >= 0.9995) ++at;
  const double value = in(at);
  return (value < 9999.5 ? three_digits(value) : digits(value)) + " " + std::string(units[at].name);
}

// The shortest writing that reads back to the same value, in the largest unit of which `v` is at least one.
template <class Parse>
std::string exactly(double v, std::span<const Unit> units, std::string_view base, Parse parse_back) {
  for (std::size_t i = units.size(); i-- > 0;) {
    const double value = v * units[i].down / units[i].up;
    if (value < 1) continue;
    // Scaling rounds: what a person wrote (118.5 MB/s) is among the doubles beside, with fewer digits.
    for (const std::string& number : {fifteen_digits(value), digits(value)}) {
      std::string out = number + " " + std::string(units[i].name);
      if (const auto back = parse_back(out); back && back->v == v && out.size() < 24) return out;
    }
  }
  return digits(v) + " " + std::string(base);
}

constexpr Unit exact_durations[] = {{"ps", 1, 1e12}, {"ns", 1, 1e9}, {"us", 1, 1e6},
                                    {"ms", 1, 1e3},  {"s"},          {"h", 3600}};
constexpr Unit exact_rates[] = {{"B/s"}, {"MB/s", 1e6}, {"GB/s", 1e9}};
constexpr Unit binary_sizes[] = {{"B"}, {"KiB", kibi}, {"MiB", mebi}, {"GiB", gibi}, {"TiB", tebi}};

}  // namespace

std::optional<Seconds> parse_duration(std::string_view s) { return as<Seconds>(parse(s, durations)); }

std::optional<Bytes> parse_bytes(std::string_view s) {
  std::int64_t whole = 0;  // plain bytes may need more digits than a double has
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), whole);
  if (error == std::errc() && whole >= 0 && s.substr(static_cast<std::size_t>(end - s.data())) == " B")
    return Bytes{whole};
  const std::optional<double> value = parse(s, sizes);
  if (!value || *value >= 9.2e18) return std::nullopt;
  return Bytes{static_cast<std::int64_t>(*value + 0.5)};
}

std::optional<BytesPerSecond> parse_bandwidth(std::string_view s) {
  return as<BytesPerSecond>(parse(s, rates));
}
std::optional<FlopsPerSecond> parse_flop_rate(std::string_view s) {
  return as<FlopsPerSecond>(parse(s, flop_rates));
}
std::optional<double> parse_count(std::string_view s) { return parse(s, counts); }

std::optional<double> parse_percent(std::string_view s) {
  static constexpr Unit percent[] = {{"%", 1, 100}};
  return parse(s, percent);
}

std::optional<Watts> parse_power(std::string_view s) { return as<Watts>(parse(s, powers)); }

std::optional<Dollars> parse_dollars(std::string_view s) {
  static constexpr Unit dollars[] = {{"USD"}, {"kUSD", 1e3}, {"MUSD", 1e6}};
  return as<Dollars>(parse(s, dollars));
}

std::optional<double> parse_price(std::string_view s, std::string_view per) {
  const std::string name = "USD/" + std::string(per);
  const Unit price[] = {{name}};
  return parse(s, price);
}

std::string text(Seconds t) {
  if (t.v == 0) return "0 s";
  if (t.v >= 2 * 86400.0) return scaled(t.v, std::span(durations).last(1));
  if (t.v >= 2 * 3600.0) return scaled(t.v, std::span(durations).subspan(6, 1));
  return scaled(t.v, std::span(durations).first(5));
}
std::string text(Bytes b) {
  return b.v < 1024 ? std::to_string(b.v) + " B" : scaled(static_cast<double>(b.v), binary_sizes);
}
std::string text(BytesPerSecond r) { return scaled(r.v, std::span(rates).subspan(5, 5)); }
std::string text(FlopsPerSecond r) { return scaled(r.v, flop_rates); }

std::string text_count(double v) {
  static constexpr Unit large[] = {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};
  if (v >= 9999.5) return scaled(v, large);
  if (v < 1000) return v == std::floor(v) ? digits(v) : three_digits(v);
  const std::string whole = std::to_string(static_cast<int>(v + 0.5));
  return whole.substr(0, 1) + "," + whole.substr(1);
}

std::string exact(Seconds t) { return exactly(t.v, exact_durations, "s", parse_duration); }
std::string exact(Bytes b) {
  static constexpr Unit units[] = {{"TiB", tebi}, {"GiB", gibi}, {"MiB", mebi}, {"TB", 1e12},
                                   {"GB", 1e9},   {"MB", 1e6},   {"KiB", kibi}, {"kB", 1e3}};
  for (const Unit& unit : units) {
    const auto size = static_cast<std::int64_t>(unit.up);
    if (b.v != 0 && b.v % size == 0) return std::to_string(b.v / size) + " " + std::string(unit.name);
  }
  return std::to_string(b.v) + " B";
}
std::string exact(BytesPerSecond r) { return exactly(r.v, exact_rates, "B/s", parse_bandwidth); }
std::string exact(FlopsPerSecond r) {
  static constexpr Unit tera[] = {{"FLOP/s"}, {"TFLOP/s", 1e12}};
  return exactly(r.v, tera, "FLOP/s", parse_flop_rate);
}

}  // namespace orrery
