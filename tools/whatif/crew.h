// Ranks that an MPI launcher started and that share a sweep: piece i is the work of rank i modulo their
// number, and rank 0 is told what the others found. MPI is loaded only under its launcher, as for training
// (runtime/comm/mpi.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/comm/connection.h"
#include "runtime/comm/watchdog.h"
#include "sim/base/interfaces.h"

namespace orrery {

class Crew {
 public:
  // Nothing where no MPI launcher started this process. Collective; throws DeviceError.
  static std::unique_ptr<Crew> join();
  ~Crew();

  std::size_t rank() const { return connection_->rank(); }
  std::size_t size() const { return connection_->world(); }
  // Rank 0's number, on every rank.
  std::uint64_t agree(std::uint64_t number);

  // What a piece came to. On rank 0, `work` keeps it; empty elsewhere: this rank has been stopped.
  using Work = std::function<std::string(std::size_t piece, std::size_t worker)>;
  using Take = std::function<void(std::size_t piece, const std::string&)>;
  // Collective: works on the pieces of this rank, on the executor's threads. On rank 0, `take` gets those of
  // the others, in order of each, on a thread of its own. Throws DeviceError on every rank if one fails.
  void run(std::size_t pieces, Executor&, const Work& work, const Take& take);

  // Why another rank failed, or nothing; and whether rank 0 was told to stop.
  void end_if_failed() const;
  bool asked_to_end() const;
  void ask_to_end() const;
  void fail(const std::string& why) const;

 private:
  explicit Crew(std::unique_ptr<comm::Connection>);
  struct Peer;
  struct Outbox;
  void post(std::uint32_t peer, std::byte* to, std::size_t bytes, std::uint32_t sequence, comm::Request&);
  void await(const comm::Request&);
  void send(std::uint32_t peer, const void* from, std::size_t bytes, std::uint32_t sequence);
  void receive_all(std::size_t pieces, const Take&);
  void send_all(std::size_t pieces, Outbox&);

  std::unique_ptr<comm::Connection> connection_;
  std::unique_ptr<comm::Channel> channel_;
  std::unique_ptr<comm::Watchdog> watchdog_;
};

}  // namespace orrery
