#include "runtime/comm/call.h"

#include <algorithm>

namespace orrery::comm {

std::byte* Scratch::at_least(std::size_t bytes) {
  if (bytes > size_) {
    size_ = std::max(bytes, 2 * size_);
    memory_ = arena_->allocate(size_);
  }
  return memory_;
}

void Call::send(std::uint32_t member, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  const std::uint32_t peer = group_.members[member];
  send_to_ = static_cast<std::int32_t>(peer);
  channel_.send({peer, lane_, from, bytes, signature_, &sends_});
}

void Call::receive(std::uint32_t member, std::byte* to, std::size_t bytes) {
  if (bytes == 0) return;
  const std::uint32_t peer = group_.members[member];
  receive_from_ = static_cast<std::int32_t>(peer);
  channel_.receive({peer, lane_, to, nullptr, bytes, Apply::copy, signature_, &receives_});
}

void Call::reduce(std::uint32_t member, std::byte* to, const std::byte* with, std::size_t bytes) {
  if (bytes == 0) return;
  const std::uint32_t peer = group_.members[member];
  receive_from_ = static_cast<std::int32_t>(peer);
  channel_.receive({peer, lane_, to, with, bytes, signature_.apply, signature_, &receives_});
}

}  // namespace orrery::comm
