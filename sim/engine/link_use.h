// Which links the communications of a Program load, and how much for each byte: the part of SharedInput that
// no price and no bandwidth changes. Found once for many what-ifs. Internal to the engine.
//
// Links that are loaded alike are one column: on a cluster of equal nodes thousands of links are some dozens
// of columns.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/cluster/topology.h"
#include "sim/program/program.h"

namespace orrery::engine {

struct LinkUse {
  struct Load {
    std::uint32_t path = 0;
    double bytes =
        0;  // on the link, for each byte of the buffer, by one of the groups that the path stands for
    bool operator==(const Load&) const = default;
  };
  struct Column {
    std::uint32_t rate = 0;        // of its links, see Topology::rates()
    std::uint32_t first_load = 0;  // into loads; ends where the next column's begin
  };
  struct Peak {
    std::uint32_t rate = 0;
    double bytes = 0;
  };
  struct Path {
    std::uint32_t group = 0, kind = 0;
    std::vector<std::uint32_t> classes;  // that use it
    std::vector<Peak> peaks;             // its own loads, one of each rate: the greatest
    std::uint32_t copies = 0;            // different ones in `placed`; `unknown`: not all were found
  };
  static constexpr std::uint32_t unknown = ~0U;
  // What one copy of a path puts on one link; of copies that put the same on the same columns, the first
  // stands for all.
  struct Placed {
    std::uint32_t path = 0, copy = 0, column = 0;
    double bytes = 0;
  };
  std::vector<Path> paths;        // by group and kind
  std::vector<Load> loads;        // of a column by path, then copy
  std::vector<Column> columns;    // and one more, as the end of the last
  std::vector<Placed> placed;     // by path and copy
  std::uint32_t stage_ranks = 0;  // ranks of a pipeline stage
};

LinkUse link_use(const Program&, const Cluster&, const Topology&);

}  // namespace orrery::engine
