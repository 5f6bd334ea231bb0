// The queue of messages from one rank to another on one lane, in shared memory: one writer, one reader.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/comm/channel.h"

namespace orrery::comm {

inline constexpr std::size_t slot_bytes = 32 << 10;

struct Ring {
  static constexpr std::uint64_t slots = 4;
  struct Head {
    Signature signature;
    std::uint64_t message_bytes;  // of the whole message
    std::uint64_t bytes;          // of this slot
    std::uint64_t offset;         // of a direct one, in the sender's arena
    bool direct;
  };
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> read;
  Head heads[slots];
  alignas(4096) std::byte data[slots][slot_bytes];
};

}  // namespace orrery::comm
