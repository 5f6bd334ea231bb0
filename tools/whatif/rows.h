// Rows of a what-if as lines of a file: JSON (orrery.whatif/1) or CSV. The first line says what the rows
// answer, by a digest of all that they depend on.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "planner/whatif/answer.h"
#include "planner/whatif/variants.h"

namespace orrery {

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  virtual std::string header() const = 0;  // with its end of line, as rows
  virtual std::string row(std::size_t point, const Answer&) const = 0;
  // A row without its end of line; nothing if it is not the row of this point.
  virtual std::optional<Answer> read(std::size_t point, std::string_view line) const = 0;
};

// What the rows are of.
struct SweepName {
  std::string scenario, version, mode;  // "replan", "pinned", "pinned static"
  std::string digest;
};

// By the end of the file's name: .jsonl or .csv; "-" is JSON. `grid` must outlive the format.
std::unique_ptr<RowFormat> row_format(const std::string& file, const Grid& grid, SweepName);

// A value of a grid, for people.
std::string shown(const Json& value);

}  // namespace orrery
