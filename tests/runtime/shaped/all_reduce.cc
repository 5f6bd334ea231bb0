// An all-reduce over MPI on a shaped cluster, as one rank of it sees it. Rank 0 prints the shortest time of
// several, and 2 (n-1)/n S/B: a ring over all ranks crosses each link once.
//   tools/shaped-cluster run ... -- mpirun -n RANKS all_reduce PLUGIN RANKS_PER_HOST BYTES BITS_PER_SECOND
// Exits 1 if a sum is wrong, or if it was faster than the links allow: then they are not shaped.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/comm/mpi.h"
#include "tests/runtime/comm/ranks.h"

namespace orrery::comm {
namespace {

constexpr int rounds = 12;
constexpr double of_tcp = 0.944;  // of a link's bits, what a stream of full Ethernet frames carries
constexpr double burst = 1.05;    // what a shaper lets through at once makes short transfers faster

int run(const char* plug_in, std::uint32_t ranks_per_host, std::int64_t bytes, double bits) {
  const auto connection = connect_by_mpi(plug_in, {test_arena, ranks_per_host});
  const auto channel = connection->channel();
  Rank rank(connection->region(), connection->rank(), connection->local_rank(), *channel, {});
  const std::int64_t count = bytes / 4;
  float* const x = rank.allocate<float>(count);
  const Transfer t{x, x, count};
  double least = 1e30;
  bool right = true;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    std::fill_n(x, count, static_cast<float>(rank.rank + 1));
    rank.barrier();
    const std::int64_t start = now_ns();
    rank.engine.run({Kind::all_reduce, rank.world, i, DType::fp32, Reduction::sum, 0, {&t, 1}, "x"},
                    Stream::data);
    least = std::min(least, static_cast<double>(now_ns() - start) * 1e-9);
    const auto sum = static_cast<float>(rank.size() * (rank.size() + 1) / 2);
    right = right && std::all_of(x, x + count, [sum](float v) { return v == sum; });
  }
  rank.barrier();
  const double n = rank.size(), links = 2 * (n - 1) / n * static_cast<double>(bytes) * 8 / bits;
  if (rank.rank == 0)
    std::printf("%u ranks on %u hosts, all_reduce of %lld bytes: %.1f ms, of links alone %.1f ms, %+.1f %%\n",
                rank.size(), rank.size() / ranks_per_host, static_cast<long long>(bytes), least * 1e3,
                links / of_tcp * 1e3, 100 * (least * of_tcp / links - 1));
  return right && least * burst >= links ? 0 : 1;
}

}  // namespace
}  // namespace orrery::comm

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  return orrery::comm::run(argv[1], static_cast<std::uint32_t>(std::atoi(argv[2])), std::atoll(argv[3]),
                           std::atof(argv[4]));
}
