// Calibrations as files, "orrery.calibration/1":
//   {"schema": …, "name": …, "bases": ["parts/h100.json", …], "device": …, "stack": …, "nccl": "2.28", "attention_kernel": "fa2",
//    "held_out": {"runs": 26, "error": "6 %", "source": …},
//    "constants": [{"evidence": "calibrated", "source": …, "values": {"clock16": 1.03, "kernel_gap": "2.5 us", …}}],
//    "attention": [{"evidence", "source", "kernel", "head_dim", "causal", "forward_only", "rates": ["99 TFLOP/s", …]}],
//    "curves":    [{"evidence", "source", "op": "all_reduce", "ranks": 8, "latency", "bandwidth", "ramp"}],
//    "measured":  [{"source", "ops": [{"op": "qkv", "pass": "forward", "dtype": "fp32", "m", "n", "k", …, "time", "spread"}]}]}
// Bases, named relative to this file, are read first, in order; what comes later replaces; held_out is not inherited. Constants: constants.h.
#pragma once
#include <string_view>

#include "sim/base/interfaces.h"
#include "sim/base/json.h"
#include "sim/cost/calibration.h"

namespace orrery {

// Ends in fail() on unknown names, wrong units, a constant given twice in one file, or a chain of more than 8 bases.
Calibration read_calibration(Files&, std::string_view file);

// The whole calibration as one document without a base: reads back equal.
Json write_calibration(const Calibration&);

}  // namespace orrery
