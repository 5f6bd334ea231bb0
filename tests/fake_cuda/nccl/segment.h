// The memory that the ranks of one communicator share, whether they are processes or threads: what each is
// doing, and places to pass data through. One lock and one condition guard all but the data, which has owners
// in turn.
#pragma once
#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace orrery::fake {

inline constexpr std::size_t most_ranks = 64, chunk_bytes = std::size_t{256} << 10;

// What must be equal on all members of a collective.
struct Signature {
  std::int32_t kind = -1, type = 0, reduction = 0, root = -1;
  std::uint64_t count = 0;
  bool operator==(const Signature&) const = default;
};

struct RankSlot {
  bool joined = false;
  std::int32_t device = -1;
  std::uint64_t collectives = 0;  // begun
  std::uint64_t arrivals = 0;     // at the barriers within them
  Signature signature;            // of the last one begun
  char doing[200] = "";           // for reports
};

// A message on its way from one rank to another, a chunk at a time.
struct Mailbox {
  bool full = false;
  std::int32_t type = 0;
  std::uint64_t count = 0;  // elements of the whole message
  std::uint64_t bytes = 0;  // of this chunk
};

class Segment {
 public:
  // Opens or makes the segment `name` for `n` ranks. Throws std::runtime_error.
  Segment(const std::string& name, int n);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  int ranks() const { return ranks_; }
  RankSlot& rank(int r);
  Mailbox& mailbox(int from, int to);
  std::byte* staging(int r) const;                // chunk_bytes
  std::byte* in_mailbox(int from, int to) const;  // chunk_bytes
  void remove_name() const;                       // once all have opened it

  // Under the lock: f(), then wakes all ranks.
  void change(const std::function<void()>& f);
  // Waits until condition(), which is asked under the lock. False if no rank changed anything for so long.
  bool wait(const std::function<bool()>& condition, std::chrono::milliseconds patience);
  // f() under the lock.
  void look(const std::function<void()>& f);
  // The first failure, for all ranks; empty if there is none. Under the lock.
  std::string failure() const;
  void set_failure(const std::string&);

 private:
  struct Header;
  void lock();
  void unlock();
  void initialise();

  std::string name_;
  int ranks_;
  std::size_t bytes_ = 0;
  std::byte* base_ = nullptr;
  Header* header_ = nullptr;
};

}  // namespace orrery::fake
