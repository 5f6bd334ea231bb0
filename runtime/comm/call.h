// One communication as its algorithm sees it: the members of a group by index, messages to and from them, and
// memory for partial results. An algorithm posts the messages of a step and then awaits them all:
//   call.send(next, ...); call.receive(previous, ...); co_await call.step();
#pragma once
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/region.h"

namespace orrery::comm {

struct Group {
  std::uint32_t id = 0;                // the world's name
  std::vector<std::uint32_t> members;  // world ranks
  std::uint32_t me = 0;                // index of this rank
};

// Memory of a lane for partial results, in the arena so that peers can read it in place. Grows.
class Scratch {
 public:
  explicit Scratch(Arena& arena) : arena_(&arena) {}
  std::byte* at_least(std::size_t bytes);

 private:
  Arena* arena_;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
};

class Call {
 public:
  Call(Channel& channel, Stream lane, const Group& group, const Signature& signature, Scratch& scratch)
      : channel_(channel), lane_(lane), group_(group), signature_(signature), scratch_(scratch) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(group_.members.size()); }
  std::uint32_t me() const { return group_.me; }
  DType dtype() const { return signature_.dtype; }
  Apply apply() const { return signature_.apply; }
  std::byte* scratch(std::size_t bytes) { return scratch_.at_least(bytes); }

  // Messages of no bytes are none.
  void send(std::uint32_t member, const std::byte* from, std::size_t bytes);
  void receive(std::uint32_t member, std::byte* to, std::size_t bytes);
  // to = with combined with what comes.
  void reduce(std::uint32_t member, std::byte* to, const std::byte* with, std::size_t bytes);

  struct Awaiter {
    Call& call;
    bool await_ready() const noexcept { return call.ready(); }
    void await_suspend(std::coroutine_handle<> h) noexcept { call.resume_ = h; }
    void await_resume() const noexcept {}
  };
  // Awaits all messages posted so far, or those that come in.
  Awaiter step() { return await(true); }
  Awaiter arrivals() { return await(false); }

  // For the engine: what to resume once ready(), and world ranks waited for (-1: none).
  bool ready() const { return receives_.done() && (!all_ || sends_.done()); }
  std::coroutine_handle<> resume() const { return resume_; }
  std::int32_t send_to() const { return sends_.done() ? -1 : send_to_; }
  std::int32_t receive_from() const { return receives_.done() ? -1 : receive_from_; }
  const Signature& signature() const { return signature_; }

 private:
  Awaiter await(bool all) {
    all_ = all;
    return Awaiter{*this};
  }

  Channel& channel_;
  Stream lane_;
  const Group& group_;
  Signature signature_;
  Scratch& scratch_;
  Request sends_, receives_;
  bool all_ = true;  // of what step() or arrivals() await
  std::int32_t send_to_ = -1, receive_from_ = -1;
  std::coroutine_handle<> resume_;
};

}  // namespace orrery::comm
