#include "sim/cost/measured.h"

#include <algorithm>
#include <tuple>

namespace orrery {
namespace {

Pass counted(Pass p) { return p == Pass::recompute ? Pass::forward : p; }

bool before(const Op& a, const Op& b) {
  const auto key = [](const Op& o) {
    return std::make_tuple(o.name, counted(o.pass), o.kind, o.dtype, o.causal, o.gated, o.accumulate, o.batch, o.m,
                           o.n, o.k, o.elements);
  };
  return key(a) < key(b);
}

template <class Ops>
auto place(Ops& ops, const Op& op) {
  return std::lower_bound(ops.begin(), ops.end(), op, [](const MeasuredOp& x, const Op& o) { return before(x.op, o); });
}

}  // namespace

void MeasuredOps::set(MeasuredOp m) {
  m.op.pass = counted(m.op.pass);
  const auto at = place(ops_, m.op);
  if (at != ops_.end() && !before(m.op, at->op)) *at = std::move(m);
  else ops_.insert(at, std::move(m));
}

const MeasuredOp* MeasuredOps::find(const Op& op) const {
  const auto at = place(ops_, op);
  return at != ops_.end() && !before(op, at->op) ? &*at : nullptr;
}

}  // namespace orrery
