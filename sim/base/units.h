// Quantities in files are strings with units: "400 Gb/s", "80 GiB", "2.5 us", "2 T". Bare numbers are counts.
// SI prefixes are powers of 1000 (k, M, G, T, P), binary ones of 1024 (Ki, Mi, Gi, Ti); b is bits, B bytes.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "sim/base/quantity.h"

namespace orrery {

// Nothing if the text is not a number, a space or none, and a unit of the kind asked for.
std::optional<Seconds> parse_duration(std::string_view);          // ps ns us ms s min h d
std::optional<Bytes> parse_bytes(std::string_view);               // B kB MB GB TB KiB MiB GiB TiB
std::optional<BytesPerSecond> parse_bandwidth(std::string_view);  // Gb/s GB/s Mb/s TB/s GiB/s ...
std::optional<FlopsPerSecond> parse_flop_rate(std::string_view);  // GFLOP/s TFLOP/s PFLOP/s
std::optional<double> parse_count(std::string_view);              // "300 G", "2 T", "15e12", "1.4 M"
std::optional<double> parse_percent(std::string_view);            // "92 %" -> 0.92
std::optional<Watts> parse_power(std::string_view);               // W kW MW
std::optional<Dollars> parse_dollars(std::string_view);           // USD kUSD MUSD
std::optional<double> parse_price(std::string_view, std::string_view per);  // "2.50 USD/h" with per = "h"

// Texts for people: three significant digits and the unit that fits ("1.42 s", "53.3 GiB", "488 k").
std::string text(Seconds);
std::string text(Bytes);            // binary units
std::string text(BytesPerSecond);   // GB/s
std::string text(FlopsPerSecond);
std::string text_count(double);     // 1,024 below 10,000; k, M, G, T above

// Texts for files: read back by the parsers above to the same value.
std::string exact(Seconds);
std::string exact(Bytes);
std::string exact(BytesPerSecond);
std::string exact(FlopsPerSecond);

}  // namespace orrery
