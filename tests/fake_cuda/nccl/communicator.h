// One rank's end of a communicator, and how its operations run: strictly. A collective ends nowhere before
// all members have come with equal signatures; a send ends only when it has been received. Sums are taken in
// order of ranks.
#pragma once
#include <nccl.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/fake_cuda/nccl/segment.h"

namespace orrery::fake {

enum class CallKind : std::uint8_t { all_reduce, all_gather, reduce_scatter, broadcast, send, receive };
inline bool is_message(CallKind k) { return k == CallKind::send || k == CallKind::receive; }

// One call of the program; addresses are of this process. `peer`: the root of a broadcast, or the other end.
struct Call {
  CallKind kind = CallKind::all_reduce;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  std::size_t count = 0;  // as the caller gave it
  ncclDataType_t type = ncclFloat32;
  ncclRedOp_t reduction = ncclSum;
  int peer = -1;
};
std::string text_of(const Call&);  // "AllReduce of 16 fp32"

class Communicator {
 public:
  Communicator(const std::string& name, int ranks, int rank, int device);

  int ranks() const { return segment_.ranks(); }
  int rank() const { return rank_; }
  int device() const { return device_; }
  // Takes the rank's place; says what is wrong with that, if anything.
  std::string join();
  // ncclInProgress until all ranks have joined, then ncclSuccess, unless something failed.
  ncclResult_t state();
  void wait_for_all();
  std::string failure();

  // One group's calls, in the stream's thread: collectives one after the other, then all messages at once. On
  // failure the device fails, too.
  void run(const std::vector<Call>& calls);
  void abort();  // ends what runs, on this rank

 private:
  struct Message {
    Call call;
    std::size_t done = 0;  // bytes put into the mailbox, or taken out of it
    bool begun = false, ended = false;
  };
  bool stopped();  // under the segment's lock
  bool wait(const std::function<bool()>& condition,
            const std::string& what);  // false: stopped, or reports a stall
  void fail(const std::string& what);
  void set_doing(const std::string&);
  bool collective(const Call&);
  bool meet(const Call&);
  bool barrier();
  void reduce_part(const Call&, std::size_t first, std::size_t count);
  void copy_part(const Call&, std::size_t first, std::size_t count);
  bool messages(const std::vector<Call>&);
  bool may_act(const std::vector<Message>&, std::size_t i);
  bool act(Message&);
  std::string missing(const std::function<bool(const RankSlot&)>& is_missing);

  Segment segment_;
  std::string name_;
  int rank_, device_;
  std::atomic<bool> aborted_{false};
  std::string doing_;
  std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
};

// What NCCL hands out.
struct Handle {
  std::shared_ptr<Communicator> communicator;
  cudaStream_t stream = nullptr;  // that all of its operations must be in
  bool used = false;
  bool blocking = true;
};

}  // namespace orrery::fake
