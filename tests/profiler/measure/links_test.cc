#include "profiler/measure/links.h"

#include <gtest/gtest.h>

#include "profiler/measure/cpu_device.h"
#include "profiler/measure/hardware.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

class Quiet : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

TEST(Links, EveryKindSizeAndGroupIsMeasured) {
  LinkOptions options;
  options.bytes = {1 << 10, 1 << 17};
  options.bytes_each = 1 << 18;
  options.batches = 3;
  const int groups[] = {2, 3};
  Quiet watch;
  const auto points = measure_links(cpu_ranks(), groups, watch, options);
  EXPECT_EQ(points.size(), 2u * 5 * 2 + 2) << "five collectives in two groups, and messages between two";
  for (const CollectivePoint& p : points) {
    EXPECT_GT(p.seconds, 0) << name(p.kind);
    EXPECT_EQ(p.bytes.v % (4 * p.ranks), 0);
  }
}

TEST(Links, OverlapNeverSpeedsUp) {
  const Overlap o = measure_overlap(cpu_ranks());
  EXPECT_GE(o.compute, 1);
  EXPECT_GE(o.communication, 1);
}

TEST(Links, CoresAreAtMostTheRanks) {
  EXPECT_EQ(measure_cores(cpu_ranks(), 1), 1);
  const double cores = measure_cores(cpu_ranks(), 3);
  EXPECT_GT(cores, 0);
  EXPECT_LE(cores, 3);
}

TEST(Links, AFailingRankEndsTheOthers) {
  EXPECT_THROW(cpu_ranks()(2, {1 << 20},
                           [](Backend& b, std::uint32_t rank) -> std::vector<double> {
                             if (rank == 1) throw DeviceError("no more");
                             const GroupMembers world{{0, 1}, Role::world};
                             const std::uint32_t id = 0;
                             b.open_groups({&world, 1}, {&id, 1});
                             Communication c;
                             float value = 0;
                             const Transfer one{&value, &value, 1};
                             c.transfers = {&one, 1};
                             b.communicate(c, Stream::data);
                             b.synchronize();
                             return std::vector<double>();
                           }),
               DeviceError);
}

}  // namespace
}  // namespace orrery
