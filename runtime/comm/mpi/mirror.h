// Copies what one machine's board says of its ranks to the boards of the others, through one rank a machine.
// So every watchdog sees all hearts, and a reason to stop reaches every machine.
#pragma once
#include <mpi.h>

#include <cstdint>
#include <vector>

#include "runtime/comm/board.h"

namespace orrery::comm {

class Mirror {
 public:
  static constexpr std::int64_t period_ns = 200'000'000;

  // `machines`: the ranks of each in `world`, by machine; the first of each is its speaker. Of one that is
  // not a speaker, nothing happens. `control` is used by nothing else.
  Mirror(MPI_Comm control, std::uint32_t rank, Board&, std::vector<std::vector<std::uint32_t>> machines);

  void progress();  // at least every period
  void flush();     // tells once more, for instance why all stop
  void close();     // before MPI ends

 private:
  struct Post {  // to and from another speaker
    int peer;
    MPI_Request sending = MPI_REQUEST_NULL, receiving = MPI_REQUEST_NULL;
    std::vector<char> out, in;
  };
  void tell(Post&);
  void listen(Post&);
  void read(const std::vector<char>& packet);

  const MPI_Comm control_;
  Board& board_;
  std::vector<std::uint32_t> local_;
  std::vector<Post> posts_;
  std::int64_t next_ = 0;
};

}  // namespace orrery::comm
