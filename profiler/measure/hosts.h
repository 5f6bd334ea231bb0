// Ranks that an MPI launcher has started, on one host or several, as ranks to measure on. Every rank of the
// job makes the same calls in the same order, whether or not it plays.
#pragma once
#include <memory>

#include "profiler/measure/device.h"
#include "runtime/comm/connection.h"
#include "runtime/comm/engine.h"
#include "runtime/train/world.h"
#include "sim/base/interfaces.h"

namespace orrery {

// What of the job the description of a cluster needs: ranks are numbered host by host, equally many on each.
struct HostShape {
  int hosts = 1, per_host = 1;
};
// Throws a DeviceError where hosts have unequally many, or are not numbered so.
HostShape host_shape(const std::vector<std::vector<std::uint32_t>>& machines);

class Hosts {
 public:
  // Device memory of a rank, of which each call of ranks() takes as much as it needs.
  Hosts(comm::Connection&, Bytes memory);

  HostShape shape() const { return shape_; }
  World& world() { return world_; }
  // On CPUs. All ranks of the job get what those that played have returned.
  WithRanks ranks();

 private:
  std::vector<std::vector<double>> play(std::uint32_t ranks, Bytes memory, const RankMeasures&);

  HostShape shape_;
  Bytes memory_;
  std::unique_ptr<comm::Channel> channel_;
  comm::Engine engine_;
  World world_;
  std::byte* base_;  // of memory_, where the rank's peers may read
};

// Stops all ranks of a job where one is to stop, and shows what rank 0 does. stop() is collective.
class SharedWatch final : public Watch {
 public:
  SharedWatch(World& world, Watch& own) : world_(world), own_(own) {}
  bool stop() override { return world_.sum(own_.stop() ? 1 : 0) > 0; }
  void progress(std::size_t done, std::size_t total, std::string_view what) override {
    if (world_.rank() == 0) own_.progress(done, total, what);
  }

 private:
  World& world_;
  Watch& own_;
};

}  // namespace orrery
