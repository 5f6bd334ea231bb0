#include "runtime/comm/mpi/mirror.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/comm/channel.h"
#include "runtime/comm/mpi/mpi_channel.h"

namespace orrery::comm {
namespace {

constexpr std::size_t reason_bytes = 2000;

// A packet: the reason to stop, or "", and a line a rank.
struct Line {
  std::uint32_t rank;
  Life life;
  std::uint64_t heart;
  Waiting waiting;
};

}  // namespace

Mirror::Mirror(MPI_Comm control, std::uint32_t rank, Board& board,
               std::vector<std::vector<std::uint32_t>> machines)
    : control_(control), board_(board) {
  for (const auto& ranks : machines)
    if (ranks.front() == rank) local_ = ranks;
  if (local_.empty()) return;
  for (const auto& ranks : machines) {
    if (ranks.front() == rank) continue;
    Post post{static_cast<int>(ranks.front()), MPI_REQUEST_NULL, MPI_REQUEST_NULL, {}, {}};
    post.in.resize(reason_bytes + ranks.size() * sizeof(Line));
    post.out.resize(reason_bytes + local_.size() * sizeof(Line));
    posts_.push_back(std::move(post));
    listen(posts_.back());
  }
}

void Mirror::listen(Post& post) {
  require_mpi(MPI_Irecv(post.in.data(), static_cast<int>(post.in.size()), MPI_BYTE, post.peer, 0, control_,
                        &post.receiving),
              "MPI_Irecv");
}

void Mirror::progress() {
  const std::int64_t now = now_ns();
  if (posts_.empty() || now < next_) return;
  next_ = now + period_ns;
  for (Post& post : posts_) {
    int done = 0;
    while (MPI_Test(&post.receiving, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done != 0) {
      read(post.in);
      listen(post);
    }
    require_mpi(MPI_Test(&post.sending, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) tell(post);
  }
}

void Mirror::tell(Post& post) {
  char* at = post.out.data();
  const std::string reason = board_.reason();
  std::memset(at, 0, reason_bytes);
  reason.copy(at, reason_bytes - 1);
  at += reason_bytes;
  for (const std::uint32_t r : local_) {
    const Line line{r, board_.life(r), board_.heart(r), board_.waiting(r)};
    std::memcpy(at, &line, sizeof line);
    at += sizeof line;
  }
  require_mpi(MPI_Isend(post.out.data(), static_cast<int>(post.out.size()), MPI_BYTE, post.peer, 0, control_,
                        &post.sending),
              "MPI_Isend");
}

void Mirror::read(const std::vector<char>& packet) {
  for (std::size_t at = reason_bytes; at < packet.size(); at += sizeof(Line)) {
    Line line;
    std::memcpy(&line, packet.data() + at, sizeof line);
    board_.mirror(line.rank, line.life, line.heart, line.waiting);
  }
  if (packet[0] != '\0') board_.abort(local_.front(), packet.data());
}

void Mirror::flush() {
  next_ = 0;
  progress();
}

void Mirror::close() {
  for (Post& post : posts_) {
    MPI_Wait(&post.sending, MPI_STATUS_IGNORE);
    MPI_Cancel(&post.receiving);
    MPI_Wait(&post.receiving, MPI_STATUS_IGNORE);
  }
}

}  // namespace orrery::comm
