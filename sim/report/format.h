// Numbers and plain tables as text. Internal to sim/report.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace orrery::report {

std::string fixed(double v, int digits);            // "17.16": correctly rounded; "-" if not finite
std::string grouped(std::int64_t v);                // "1,024"
std::string tenths(int tenths_of_percent);          // 601 -> "60.1 %"
std::string percent(double share, int digits = 1);  // 0.44 -> "44.0 %"
std::string gibibytes(std::int64_t bytes, int digits = 1);
std::string dollars(double usd);  // "$1.56 M", "$12,300", "$4.20"

// A bar of `width` cells for `share` of 1, in eighths of a cell; the rest is `empty`, if given.
std::string bar(double share, int width, std::string_view empty = {});

std::size_t cells(std::string_view utf8);                // terminal cells, one a code point
std::string left(std::string_view, std::size_t width);   // padded on the right
std::string right(std::string_view, std::size_t width);  // padded on the left

// Rows of cells, padded to columns two spaces apart; columns flush left where `text_columns` has their index.
std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<std::size_t>& text_columns, std::string_view indent = " ");

// Text for XML and HTML, attribute values included.
std::string escaped_xml(std::string_view);

}  // namespace orrery::report
