#include "runtime/play/communicate.h"

#include "sim/base/error.h"

namespace orrery {
namespace {

TensorRef part(const TensorRef& whole, std::int64_t count, std::uint32_t member) {
  auto* data = static_cast<std::byte*>(whole.data) + member * count * size_of(whole.dtype);
  return {data, whole.dtype, count, 1};
}

Kernel prepare(KernelName name, const TensorRef& from, const TensorRef& to, std::uint32_t cost_class) {
  Kernel k;
  k.name = name;
  k.cost_class = cost_class;
  k.in[0] = from;
  k.out[0] = to;
  return k;
}

void scatter(const InGroup& g, const TensorRef& whole, const Bound& to, std::uint32_t cost_class,
             std::vector<Transfer>& pieces, std::vector<Kernel>& before) {
  const std::int64_t count = whole.elements() / g.members;
  const TensorRef mine = part(whole, count, g.me);
  const bool in_place = to.tensor.elements() == whole.elements();
  if (to.add) before.push_back(prepare(KernelName::add, to.tensor, mine, cost_class));
  pieces.push_back({whole.data, in_place ? mine.data : to.tensor.data, count});
}

void gather(const InGroup& g, const Operands& o, std::size_t i, std::uint32_t cost_class,
            std::vector<Transfer>& pieces, std::vector<Kernel>& before) {
  const TensorRef& whole = o.write(i);
  const std::int64_t count = o.reads.empty() ? whole.elements() / g.members : o.read(i).elements();
  const TensorRef mine = part(whole, count, g.me);
  const bool converts = !o.reads.empty() && o.read(i).dtype != whole.dtype;
  if (converts) before.push_back(prepare(KernelName::convert, o.read(i), mine, cost_class));
  pieces.push_back({o.reads.empty() || converts ? mine.data : o.read(i).data, whole.data, count});
}

}  // namespace

void bind_pieces(Kind kind, const InGroup& g, const Operands& o, std::uint32_t cost_class,
                 std::vector<Transfer>& pieces, std::vector<Kernel>& before) {
  if (kind == Kind::send) {
    for (const Bound& b : o.reads) pieces.push_back({b.tensor.data, nullptr, b.tensor.elements()});
    return;
  }
  for (std::size_t i = 0; i < o.writes.size(); ++i) {
    const TensorRef& to = o.write(i);
    switch (kind) {
      case Kind::all_reduce:
      case Kind::broadcast:
        ORRERY_CHECK(o.reads.empty() || o.read(i).data == to.data);  // in place
        if (to.elements() > 0) pieces.push_back({to.data, to.data, to.elements()});
        break;
      case Kind::reduce_scatter:
        scatter(g, o.reads.empty() ? to : o.read(i), o.writes[i], cost_class, pieces, before);
        break;
      case Kind::all_gather:
        gather(g, o, i, cost_class, pieces, before);
        break;
      case Kind::receive:
        pieces.push_back({nullptr, to.data, to.elements()});
        break;
      case Kind::exchange:
        pieces.push_back({o.read(i).data, to.data, to.elements()});
        break;
      default:
        ORRERY_CHECK(false);
    }
  }
}

}  // namespace orrery
