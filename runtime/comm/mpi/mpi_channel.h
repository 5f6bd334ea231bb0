// The Channel over MPI's point-to-point messages. A message is a head, which holds what its ends must agree
// on and, if it is small, all of it; else pieces follow, a few at a time under way on each flow (a peer, lane
// and direction), so that a small message on another lane is never far behind. Receives that combine are
// staged.
#pragma once
#include <mpi.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/comm/channel.h"

namespace orrery::comm {

// Throws DeviceError in words of MPI's.
void require_mpi(int result, const char* call);

class MpiChannel : public Channel {
 public:
  // Peers are ranks of `world`, whose tags are all this channel's.
  explicit MpiChannel(MPI_Comm world);
  ~MpiChannel() override;

  void send(const Outgoing&) override;
  void receive(const Incoming&) override;
  bool progress() override;
  std::int64_t wake_at() const override { return requests_.empty() ? never : must_poll; }

 private:
  struct Head;
  struct Message;
  struct Flow;
  struct Flight;
  using Buffer = std::unique_ptr<std::byte[]>;

  Flow& flow(std::uint32_t peer, Stream lane, bool outgoing);
  void pump(Flow&);
  void post_head(Flow&, Message&);
  void post_piece(Flow&, Message&);
  void post(Flow&, Message&, std::byte* at, std::size_t bytes, Buffer staging, bool head);
  void land(Flight&);
  void retire(Flow&);
  Buffer staging();

  const MPI_Comm world_;
  std::uint32_t rank_ = 0;
  std::vector<std::unique_ptr<Flow>> flows_;  // by peer, lane and direction
  std::vector<MPI_Request> requests_;         // under way, and what they are, by the same index
  std::vector<Flight> flights_;
  std::vector<int> completed_;
  std::vector<Buffer> pool_;
};

}  // namespace orrery::comm
