// Open MPI's own collectives, for comm_bench: a line "operation bytes microseconds" a case.
#include <mpi.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/bench/comm_cases.h"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, n = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n);
  const auto most = static_cast<std::size_t>(orrery::bench::sizes.back());
  std::vector<float> from(most / 4, 0.5F), to(most / 4, 0.5F);
  for (const std::string operation : orrery::bench::operations) {
    for (const std::int64_t bytes : orrery::bench::sizes) {
      const int count = static_cast<int>(bytes / 4), each = count / n;
      const auto run = [&] {
        if (operation == "all_reduce") {
          MPI_Allreduce(MPI_IN_PLACE, to.data(), count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        } else if (operation == "reduce_scatter") {
          MPI_Reduce_scatter_block(from.data(), to.data(), each, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        } else if (operation == "all_gather") {
          MPI_Allgather(MPI_IN_PLACE, each, MPI_FLOAT, to.data(), each, MPI_FLOAT, MPI_COMM_WORLD);
        } else {
          MPI_Sendrecv(from.data(), count, MPI_FLOAT, (rank + 1) % n, 0, to.data(), count, MPI_FLOAT,
                       (rank + n - 1) % n, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        }
      };
      const double least = orrery::bench::least_microseconds(
          bytes, run, [] { MPI_Barrier(MPI_COMM_WORLD); }, MPI_Wtime);
      if (rank == 0) std::printf("%s %lld %.3f\n", operation.c_str(), static_cast<long long>(bytes), least);
    }
  }
  MPI_Finalize();
}
