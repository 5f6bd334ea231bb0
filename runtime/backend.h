// One device as one rank sees it, with the semantics of CUDA streams and of NCCL: calls return at once and
// queue work; a stream runs its work in order; streams order each other by events, ranks by communications.
// Implemented by the CPU (runtime/cpu), by plug-ins (CUDA) and by the rehearsal, which waits instead of
// computing. All must pass the conformance suite (tests/runtime/conformance).
//
// Thread-compatible: one host thread calls. Errors of the device or of a peer are thrown as DeviceError by
// the call that meets them, at the latest by synchronize().
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/kernel.h"
#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace orrery {

// Raised with every change of this header or of kernel.h.
inline constexpr std::uint32_t backend_abi = 3;

enum class Memory : std::uint8_t { device, host };  // host: pinned, the source of copies to the device

using EventIndex = std::uint32_t;

// A communicator. Members are world ranks in order; every member opens its groups in the same order.
struct GroupMembers {
  std::vector<std::uint32_t> members;
  Role role = Role::self;
};

enum class Reduction : std::uint8_t { sum, max };

// One piece of a communication; counts are elements.
//   all_reduce:      `count` of `to`, in place (`from` == `to`)
//   reduce_scatter:  n * count of `from`, count of `to`; `to` may be this member's part of `from`
//   all_gather:      count of `from`, n * count of `to`; `from` may be this member's part of `to`
//   broadcast:       `count`, from member 0, in place
//   all_to_all:      n * count each, in order of members
//   exchange:        `count` to the next member from the previous one
//   send, receive:   `count` of `from`, of `to`
struct Transfer {
  const void* from = nullptr;
  void* to = nullptr;
  std::int64_t count = 0;
};

// All pieces are one meeting, as one ncclGroup is.
struct Communication {
  Kind kind = Kind::all_reduce;
  std::uint32_t group = 0;     // in order of opening
  std::uint32_t sequence = 0;  // of the group's meetings since opening; asserted to be equal on all members
  DType dtype = DType::fp32;
  Reduction reduction = Reduction::sum;  // bf16 is summed in fp32 and rounded once a hop
  std::uint32_t cost_class = 0;
  std::span<const Transfer> transfers;  // lives until the communication has ended
  std::string_view label;               // for messages: "all_gather of gathered norm1, layer 3"
};

struct BackendProperties {
  std::string name;            // "cpu", "cuda: NVIDIA H100 80GB HBM3"
  bool computes = true;        // false: kernels have no effect on memory
  bool real_time = true;       // false: time_of() is simulated time
  Bytes memory{};              // of the device
  std::string architecture{};  // "hopper"; empty: the host's processor
  int multiprocessors = 1;
};

// What a device or a library says of itself, for records: {"SM clock", "1980 MHz"}.
struct Fact {
  std::string name, value;
};

// The runs of one kernel as the device's own tracer saw them.
struct TracedKernel {
  std::string name;
  std::uint64_t count = 0;
  Seconds total{};
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual BackendProperties properties() const = 0;

  // Before the first step only. Device memory is 256-byte aligned; freed with the backend.
  virtual void* allocate(Bytes, Memory) = 0;
  // Collective over the world: all ranks call it once, each with the groups it is a member of, in their order
  // of creation. `ids` are the world's names of them, equal on all members.
  virtual void open_groups(std::span<const GroupMembers> groups, std::span<const std::uint32_t> ids) = 0;
  // Events 0 ... n-1, and no others.
  virtual void create_events(std::uint32_t n) = 0;

  virtual void launch(const Kernel&, Stream) = 0;  // copies the Kernel; its segments and step live on
  virtual void communicate(const Communication&, Stream) = 0;  // group: index into open_groups' `groups`
  virtual void copy(void* to, const void* from, Bytes, Stream) = 0;
  // A wait before an event's first record of a step passes at once, as with CUDA; records may be repeated.
  virtual void record(EventIndex, Stream) = 0;
  virtual void wait(EventIndex, Stream) = 0;
  virtual void synchronize() = 0;            // the host waits for all streams
  virtual void synchronize(EventIndex) = 0;  // the host waits for the last record of an event
  // When the last record of an event was reached, on the backend's clock. After synchronize().
  virtual Tick time_of(EventIndex) const = 0;

  // What profiles record and no step needs.
  // What the device is and does at this moment: versions, clocks, power, and what can't be asked.
  virtual std::vector<Fact> facts() const { return {}; }
  // From now on kernels are traced, until traced_kernels(); false: nothing here can.
  virtual bool trace_kernels() { return false; }
  // Those that ran since, most time first. After synchronize().
  virtual std::vector<TracedKernel> traced_kernels() { return {}; }
  // Collective over the world: how long the communication library itself expects each collective of group 0
  // to take, which holds all ranks; 0: it does not say. Nothing is executed. Empty: no such library.
  virtual std::vector<Seconds> estimates(std::span<const Communication>) { return {}; }
};

// The job that a rank of a plug-in is part of: how it reaches the other ranks before its own connections are
// open, what its host knows of them, and who is told when it stalls. Lives longer than the backend.
class JobLink {
 public:
  virtual ~JobLink() = default;
  // Collective: `bytes` of every rank, in order of ranks, into `all`. By the thread that opens groups.
  virtual void gather(const void* mine, std::size_t bytes, void* all) = 0;
  // The rest by any thread. The reason why all ranks stop; empty: they go on.
  virtual std::string stopped() const = 0;
  virtual void stop(std::string_view reason) = 0;
  // What this rank's oldest communication waits for since now: world ranks, -1: none.
  virtual void waits(std::string_view operation, std::int32_t receive_from, std::int32_t send_to) = 0;
  virtual void waits_no_more() = 0;
};

// What a plug-in exports, as C: the factory of its backend. On failure returns null and a sentence in
// `error`.
struct BackendConfig {
  std::uint32_t rank = 0, world = 1, local_rank = 0;
  JobLink* job = nullptr;  // null: a world of one that nobody watches
};
using BackendFactory = Backend* (*)(std::uint32_t abi, const BackendConfig*, char* error,
                                    std::size_t error_size);
inline constexpr const char* backend_factory_symbol = "orrery_backend_create";

}  // namespace orrery
