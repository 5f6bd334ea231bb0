// Messages between pairs of ranks, the one thing that collectives are written on. FIFO a lane: the k-th
// receive from a peer on a lane takes the k-th send of that peer on that lane; lanes never hold up each
// other. A send may complete only when its receiver has read (shared memory is read in place): no send may
// rely on buffering. Buffers belong to the channel until
// their request is done.
//
// Thread-compatible: whoever drives the engine calls, one at a time. Faults of the machine, and ends that do
// not agree on what they do, are thrown as DeviceError by progress().
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "runtime/comm/combine.h"
#include "sim/program/program.h"

namespace orrery::comm {

inline constexpr std::uint32_t lane_count = stream_count;  // a lane is a Stream

// What both ends of a message must agree on: the meeting that it belongs to.
struct Signature {
  std::uint64_t bytes = 0;  // of the meeting's buffers as this member gives them
  std::uint32_t group = 0;  // the world's name of it
  std::uint32_t sequence = 0;
  Kind kind = Kind::all_reduce;  // Kind::send at both ends of a message
  DType dtype = DType::fp32;
  Apply apply = Apply::copy;
  bool operator==(const Signature&) const = default;
};
std::string describe(const Signature&);  // "all_reduce 17 of group 3 (sum, fp32, 4096 bytes)"

// Counts the messages that are under way: a channel adds one as it takes a message, and takes it off when the
// message is done.
struct Request {
  std::uint32_t pending = 0;
  bool done() const { return pending == 0; }
};

struct Outgoing {
  std::uint32_t peer = 0;
  Stream lane = Stream::compute;
  const std::byte* from = nullptr;
  std::size_t bytes = 0;  // > 0
  Signature signature;
  Request* request = nullptr;
};

struct Incoming {
  std::uint32_t peer = 0;
  Stream lane = Stream::compute;
  std::byte* to = nullptr;
  const std::byte* with = nullptr;  // of sum and max; see combine()
  std::size_t bytes = 0;            // > 0; those of the message
  Apply apply = Apply::copy;
  Signature signature;
  Request* request = nullptr;
};

// CLOCK_MONOTONIC, nanoseconds.
std::int64_t now_ns();

class Channel {
 public:
  // Values of wake_at().
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t must_poll = 0;

  virtual ~Channel() = default;
  virtual void send(const Outgoing&) = 0;
  virtual void receive(const Incoming&) = 0;
  virtual bool progress() = 0;  // true: something moved
  // When progress() can go on without that the rank's bell rings: never, at a time (now_ns()), or must_poll:
  // nobody will say.
  virtual std::int64_t wake_at() const = 0;
  // progress() wants to be called this often (nanoseconds) even when no message is under way.
  virtual std::int64_t attend_every() const { return never; }
};

// A Channel on top of another one, as which it behaves where a derived class says nothing else.
class ChannelDecorator : public Channel {
 public:
  explicit ChannelDecorator(std::unique_ptr<Channel> under) : under_(std::move(under)) {}
  void send(const Outgoing& m) override { under_->send(m); }
  void receive(const Incoming& m) override { under_->receive(m); }
  bool progress() override { return under_->progress(); }
  std::int64_t wake_at() const override { return under_->wake_at(); }
  std::int64_t attend_every() const override { return under_->attend_every(); }

 private:
  std::unique_ptr<Channel> under_;
};

// Throws DeviceError: the ends of a message name different meetings, or different lengths.
void check_agreement(std::uint32_t me, std::uint32_t peer, const Signature& mine, const Signature& theirs,
                     std::size_t expected, std::size_t sent);

}  // namespace orrery::comm
