// The control channel of a region: what each rank of the world is doing, as far as its watchdog must know,
// and the reason why all stop, once there is one. In shared memory; ranks of other machines are mirrored into
// it.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/comm/bell.h"

namespace orrery::comm {

// What a rank's oldest communication waits for.
struct Waiting {
  std::int64_t since = 0;                        // now_ns() of the rank; 0: nothing waits
  std::int32_t receive_from = -1, send_to = -1;  // world ranks
  char operation[112] = {};                      // "all_reduce 17 of group 3 ...", cut
};

enum class Life : std::uint32_t { absent, running, finished };

class Board {
 public:
  static std::size_t bytes(std::uint32_t world);
  // Over zeroed memory of bytes(world); `bells` are of this machine's ranks.
  Board(std::byte* memory, std::uint32_t world, std::span<Bell> bells);

  std::uint32_t world() const { return world_; }

  void enter(std::uint32_t rank);  // this process plays `rank`
  void leave(std::uint32_t rank);
  void beat(std::uint32_t rank);
  Life life(std::uint32_t rank) const;
  std::int32_t process(std::uint32_t rank) const;  // its id; 0: on another machine
  std::uint64_t heart(std::uint32_t rank) const;

  // What another machine's board says of a rank there.
  void mirror(std::uint32_t rank, Life, std::uint64_t heart, const Waiting&);

  void set_waiting(std::uint32_t rank, const Waiting&);
  Waiting waiting(std::uint32_t rank) const;

  // `rank`, of this process, stops all. The first reason stands. Wakes every rank of this machine.
  void abort(std::uint32_t rank, std::string_view reason);
  bool aborted() const;
  std::string reason() const;

  // A wish, not a failure: that ranks of this machine end at the next good moment.
  void ask_to_end();
  bool asked_to_end() const;

 private:
  struct Entry;
  struct Shared;
  Entry& entry(std::uint32_t rank) const;

  Shared* shared_;
  std::uint32_t world_;
  std::span<Bell> bells_;
};

}  // namespace orrery::comm
