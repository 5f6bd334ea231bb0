// Operations whose time was measured: an exact match goes before the formulas. They are of one model's kernels on
// one device (an Op does not say which norm or positions its model has), so a calibration holds those of one model.
#pragma once
#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/model/ops.h"

namespace orrery {

struct MeasuredOp {
  Op op;
  Seconds time{};      // all kernels of the instruction, gaps among them
  double spread = 0;   // half the distance of the quartiles, over the time
  std::string source;
  bool operator==(const MeasuredOp&) const = default;
};

// Sorted by op, each op once. Recompute counts as forward.
class MeasuredOps {
 public:
  // Replaces what is known of the op.
  void set(MeasuredOp);
  // nullptr: not measured.
  const MeasuredOp* find(const Op&) const;
  const std::vector<MeasuredOp>& all() const { return ops_; }
  bool operator==(const MeasuredOps&) const = default;

 private:
  std::vector<MeasuredOp> ops_;
};

}  // namespace orrery
