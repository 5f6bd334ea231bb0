// Under an MPI launcher: the collectives over MPI, alone and with shared memory, and what becomes of faults.
//   mpirun -n RANKS mpi_test PLUGIN RANKS_PER_HOST (collectives | mismatch | stop)
// Exits 0 if all is as it must be.
#include "runtime/comm/mpi.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/runtime/comm/collective_checks.h"

namespace orrery::comm {
namespace {

void play_case(const std::string& what, Rank& rank) {
  if (what == "collectives") {
    check_all(rank, true);
    check_all(rank, false);
    return;
  }
  for (std::uint32_t i = 0;; ++i) {
    const bool last = rank.rank + 1 == rank.size() && i == 5;
    if (last && what == "stop") raise(SIGSTOP);  // until the launcher ends the job
    float* const x = rank.allocate<float>(10'000);
    const Transfer t{x, x, 10'000};
    rank.engine.run({Kind::all_reduce,
                     rank.world,
                     last && what == "mismatch" ? 99 : i,
                     DType::fp32,
                     Reduction::sum,
                     0,
                     {&t, 1},
                     "x"},
                    Stream::data);
  }
}

// The words that the error of every rank must hold.
std::string expected_words(const std::string& what, std::uint32_t world) {
  if (what == "mismatch") return "ranks do not agree";
  if (what == "stop") return "rank " + std::to_string(world - 1) + " does not answer";
  return "";
}

int run(const char* plug_in, std::uint32_t ranks_per_host, const std::string& what) {
  const auto connection = connect_by_mpi(plug_in, {test_arena, ranks_per_host});
  const auto channel = connection->channel();
  std::string error;
  {
    const Watchdog watchdog(connection->rank(), connection->region().board(),
                            {.beat_ms = 50, .silence_ms = 2000, .wait_ms = 60'000});
    try {
      Rank rank(connection->region(), connection->rank(), connection->local_rank(), *channel, {});
      play_case(what, rank);
      rank.barrier();
    } catch (const DeviceError& e) {
      error = e.what();
    }
  }
  const std::string words = expected_words(what, connection->world());
  const bool good = words.empty() ? error.empty() : error.find(words) != std::string::npos;
  if (!good) std::printf("rank %u: '%s'\n", connection->rank(), error.c_str());
  std::printf("rank %u %s\n", connection->rank(), good ? "good" : "bad");
  return good && !testing::Test::HasFailure() ? 0 : 1;
}

}  // namespace
}  // namespace orrery::comm

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 4) return 2;
  return orrery::comm::run(argv[1], static_cast<std::uint32_t>(std::atoi(argv[2])), argv[3]);
}
