#include "profiler/measure/plug_in_device.h"

#include <memory>

#include "profiler/measure/cpu_device.h"
#include "runtime/launch/plug_in.h"

namespace orrery {
namespace {

constexpr Bytes beside{std::int64_t{1} << 20};  // of the host, for what ranks say to each other

}  // namespace

WithDevice plug_in_device(const std::string& plug_in) {
  return [plug_in](Bytes, const std::function<void(Backend&)>& call) { call(*load_backend(plug_in, {})); };
}

WithRanks plug_in_ranks(const std::string& plug_in) {
  return [plug_in](std::uint32_t ranks, Bytes, const RankMeasures& call) {
    std::vector<std::vector<double>> out(ranks);
    with_engines(ranks, beside, [&](comm::Engine& engine, comm::Region& region, std::uint32_t rank) {
      World world(engine, rank, ranks);
      BoardLink job(world, region.board());
      {
        const std::unique_ptr<Backend> backend = load_backend(plug_in, {rank, ranks, rank, &job});
        out[rank] = call(*backend, rank);
      }
      world.barrier();
    });
    return out;
  };
}

}  // namespace orrery
