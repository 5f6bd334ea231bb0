// Network interfaces as sources print them: "8x 200 Gb/s HDR InfiniBand per node (1600 Gb/s), fat tree",
// "800 Gb/s per node (4x HDR IB)", "400 Gb/s per GPU", "Compute: 8x ConnectX-7 IB NDR 400Gb/s, Management:
// …".
#pragma once
#include <optional>
#include <string_view>

#include "sim/cluster/cluster.h"

namespace orrery {

// The NICs of a node for its training traffic; nothing if no rate is printed. `usual` is how many NICs to
// assume where only a node's total is printed.
std::optional<Nics> printed_network(std::string_view text, int gpus_per_node, int usual);

}  // namespace orrery
