// What imported measurements tell about a calibration's constants. A constant is set only where the files and
// the targets determine it: each gets its source (file, digest, points, residuals); the others stay as they
// were.
//
//   collectives of a group inside one node, 6 sizes or more   curves (see fit_kernels.h)
//   collectives over nodes, 4 sizes of 100 kB or more         network_efficiency, network_base
//   bus bandwidth over nodes                                  network_efficiency, as its median share of the
//   NICs' rate message bandwidth                                         message_efficiency, or over nodes
//   network_efficiency overlap slow-down                                         slowdown_nvlink matrix
//   products of 8 shapes or more                       matmul16, matmul8
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "profiler/calibrate.h"
#include "profiler/import/profile.h"
#include "sim/cluster/cluster.h"

namespace orrery {

struct ImportTargets {
  std::optional<Device> device;    // that ran the matrix products
  std::optional<Cluster> cluster;  // whose links carried the messages: its first group of nodes
};

struct ImportFit {
  std::vector<FitLine> lines;         // what was fitted
  std::vector<std::string> left_out;  // what was not, and why
};

ImportFit calibrate_import(Calibration&, std::span<const Source>, const ImportTargets&);

}  // namespace orrery
