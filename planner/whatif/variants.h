// The scenarios of a grid: one document, some of whose members take several values.
//
// A path is the names of members with dots between ("cluster.groups.main.nodes"), or a JSON pointer (RFC
// 6901). An item of a list is given by its index or by its "name"; groups[0] may be written for groups.0.
// Where the scenario's file holds the path, it is set there, and so are "preset", "file" and "nodes" of a
// reference; else in the scenario with all references resolved. So "cluster.preset" swaps one cluster for
// another, and "cluster.groups.main.node.nics.bandwidth" changes a figure that stands in the preset.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/base/library.h"
#include "sim/scenario.h"

namespace orrery {

// One --set PATH=VALUES.
struct Axis {
  std::string path;
  std::vector<Json> values;
};
Axis parse_axis(std::string_view text);

// Points in row-major order: the last axis varies fastest. No axes: one point.
class Grid {
 public:
  explicit Grid(std::vector<Axis> axes);
  const std::vector<Axis>& axes() const { return axes_; }
  std::size_t size() const { return size_; }
  const Json& value(std::size_t point, std::size_t axis) const;

 private:
  std::vector<Axis> axes_;
  std::vector<std::size_t> stride_;
  std::size_t size_ = 1;
};
inline constexpr std::size_t most_points = 1'000'000;

// Immutable after construction.
class Variants {
 public:
  // `document` stands in `file`. Ends in fail() if it can't be read.
  Variants(Json document, std::string file, const Library&, Grid);

  const Grid& grid() const { return grid_; }
  const Json& document() const { return document_; }
  const Scenario& base() const { return base_; }
  // The scenario of a point. Ends in fail() where a path leads nowhere or a value does not do.
  Scenario at(std::size_t point, const Library&) const;
  // The base with one value of one axis.
  Scenario with(std::size_t axis, std::size_t value, const Library&) const;
  // For an axis whose path the base does not hold: the path with its first unknown name replaced by the
  // nearest one.
  std::optional<std::string> nearest_path(std::size_t axis) const;

 private:
  struct Setting {
    std::size_t axis;
    const Json* value;
  };
  Scenario read(const std::vector<Setting>&, const Library&) const;

  Json document_, resolved_;
  std::string file_, resolved_file_;
  Scenario base_;
  Grid grid_;
  std::vector<std::vector<std::string>> paths_;  // by axis
  std::vector<bool> in_file_;                    // by axis: set in the document as it stands
};

}  // namespace orrery
