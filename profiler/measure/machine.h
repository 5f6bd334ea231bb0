// What was measured of a machine, or of several and the links between them, as a cluster and a calibration of
// it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "profiler/calibrate.h"
#include "profiler/measure/links.h"
#include "profiler/points.h"
#include "sim/cluster/cluster.h"
#include "sim/cost/calibration.h"

namespace orrery {

struct HardwareProfile {
  std::string name, backend;  // "this-machine", "cpu"
  int devices = 1;            // ranks that the machine is used by
  int hosts = 1;              // machines, all like the one that was measured
  Bytes memory{};             // of one
  double cores = 0;           // Node::cores
  // What the backend says of a device; empty: the name of the machine, and of the backend.
  std::string device{}, vendor{}, architecture{};
  int multiprocessors = 1;
  DType dtype = DType::fp32;                   // of the products that constants are fitted to
  BytesPerSecond host_rate{};                  // 0: the device's memory is the host's
  std::map<std::string, std::string> facts{};  // Calibration::facts
  std::vector<MatmulPoint> fp32, bf16;         // bf16: none where not measured
  BytesPerSecond memory_rate{};
  Seconds launch{};
  std::vector<CollectivePoint> links;      // of one machine
  std::vector<CollectivePoint> far_links;  // between machines
  Overlap overlap, far_overlap;
};

// A device's peaks are the best rates that were measured, its link that of messages. Machines have one NIC:
// what messages between them reached, or collectives where they were a tenth faster, as one rank's messages
// may not fill it.
Cluster describe_cluster(const HardwareProfile&);

struct HardwareFit {
  Calibration calibration;
  std::vector<FitLine> lines;  // residuals
};
// Lays what was measured over `base`.
HardwareFit fit_hardware(const HardwareProfile&, const Cluster&, const Calibration& base);

// The bytes that memory-bound ops move for each element, from measured ops, for shapes that were not
// measured.
void fit_bytes(Calibration&, const Device&);

// The rates of fused attention in 16 bits from measured ops, a row for each head dimension and mask of which
// both passes are measured, for shapes that were not measured. Sequences between those measured take the
// nearest one's.
void fit_attention(Calibration&);

}  // namespace orrery
