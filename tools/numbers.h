// Lists of counts on the command line: "1,2,4".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

// Throws UsageError, naming `flag`, unless all are whole numbers from 1 to 1,000,000. Empty: `otherwise`.
std::vector<std::int64_t> read_counts(std::string_view flag, const std::string& text,
                                      std::vector<std::int64_t> otherwise);

}  // namespace orrery
