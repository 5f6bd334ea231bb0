// The groups of a rank as NCCL communicators, opened in one order on all ranks, and what is said when one
// fails. One host thread communicates; another may abort().
#pragma once
#include <nccl.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "runtime/cuda/device.h"

namespace orrery::cuda {

class Communicators {
 public:
  Communicators(std::uint32_t rank, std::uint32_t world, JobLink* job)
      : rank_(rank), world_(world), job_(job) {}
  ~Communicators();
  Communicators(const Communicators&) = delete;
  Communicators& operator=(const Communicators&) = delete;

  void open(std::span<const GroupMembers>, std::span<const std::uint32_t> ids);
  // Queues a meeting. Throws if its sequence number is not the group's next one.
  void run(const Communication&, cudaStream_t);
  // What NCCL expects each collective of group 0 to take; 0: it does not say. On a communicator of its own:
  // where calls do not block, as on the others, NCCL would carry out what it is to estimate.
  std::vector<Seconds> estimates(std::span<const Communication>, cudaStream_t);
  // Sequences may begin again at 0.
  void step_ended();
  // All streams are idle, so communicators may be closed in peace.
  void idle(bool yes) { idle_ = yes; }

  // Ends every communication that is under way or yet to come. By any thread.
  void abort();
  // What NCCL found wrong on its own, say a peer that is gone; empty: nothing. By any thread.
  std::string error();

  // "all_reduce 17 of group 3 (all_reduce of gradients ...)".
  std::string describe(const Communication&) const;
  // World ranks that this member waits for: to receive from, to send to, or -1.
  std::int32_t awaited(const Communication&) const;
  std::int32_t send_to(const Communication&) const;

 private:
  struct Group {
    std::uint32_t id = 0;
    std::vector<std::uint32_t> members;
    std::uint32_t me = 0, next = 0;
    bool may_restart = true;    // nothing was queued in this step
    ncclComm_t comm = nullptr;  // null: of one member
  };
  const Group& group(const Communication& c) const { return groups_.at(c.group); }
  std::vector<ncclUniqueId> gather_ids() const;
  void connect(Group&, const ncclUniqueId&);
  void settle(const Group&, ncclResult_t, const std::string& what);
  void take_turn(Group&, const Communication&);
  void queue(const Group&, const Communication&, const Transfer&, cudaStream_t) const;
  Seconds estimate(const Group&, const Communication&, cudaStream_t) const;
  void queue_messages(const Group&, const Communication&, const Transfer&, cudaStream_t) const;
  [[noreturn]] void fail(ncclResult_t, ncclComm_t, const std::string& what) const;

  std::uint32_t rank_, world_;
  JobLink* job_;
  std::vector<Group> groups_;
  std::mutex mutex_;  // of every use of a communicator
  bool aborted_ = false, idle_ = true;
};

}  // namespace orrery::cuda
