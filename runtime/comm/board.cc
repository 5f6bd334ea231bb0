#include "runtime/comm/board.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace orrery::comm {
namespace {

constexpr std::size_t words = sizeof(Waiting) / 8;
static_assert(sizeof(Waiting) % 8 == 0);
constexpr std::size_t reason_bytes = 4000;

enum AbortState : std::uint32_t { going, being_written, aborting };

}  // namespace

// A rank writes only its own. `waiting` is a sequence lock (Boehm, 2012): a reader retries while the version
// is odd or has changed, and gives up when the writer may have died in between.
struct Board::Entry {
  alignas(64) std::atomic<Life> life;
  std::atomic<std::int32_t> process;
  std::atomic<std::uint64_t> heart;
  std::atomic<std::uint32_t> version;
  std::atomic<std::uint64_t> waiting[words];
};

struct Board::Shared {
  alignas(64) std::atomic<std::uint32_t> state;
  char reason[reason_bytes];
  Entry entries[1];
};

std::size_t Board::bytes(std::uint32_t world) { return sizeof(Shared) + world * sizeof(Entry); }

Board::Board(std::byte* memory, std::uint32_t world, std::span<Bell> bells)
    : shared_(reinterpret_cast<Shared*>(memory)), world_(world), bells_(bells) {}

Board::Entry& Board::entry(std::uint32_t rank) const { return shared_->entries[rank]; }

void Board::enter(std::uint32_t rank) {
  entry(rank).process.store(getpid());
  entry(rank).life.store(Life::running);
}
void Board::leave(std::uint32_t rank) { entry(rank).life.store(Life::finished); }
void Board::beat(std::uint32_t rank) { entry(rank).heart.fetch_add(1); }
Life Board::life(std::uint32_t rank) const { return entry(rank).life.load(); }
std::int32_t Board::process(std::uint32_t rank) const { return entry(rank).process.load(); }
std::uint64_t Board::heart(std::uint32_t rank) const { return entry(rank).heart.load(); }

void Board::mirror(std::uint32_t rank, Life life, std::uint64_t heart, const Waiting& waiting) {
  entry(rank).heart.store(heart);
  set_waiting(rank, waiting);
  entry(rank).life.store(life);
}

void Board::set_waiting(std::uint32_t rank, const Waiting& w) {
  Entry& e = entry(rank);
  std::uint64_t copy[words];
  std::memcpy(copy, &w, sizeof w);
  e.version.fetch_add(1);
  for (std::size_t i = 0; i < words; ++i) e.waiting[i].store(copy[i]);
  e.version.fetch_add(1);
}

Waiting Board::waiting(std::uint32_t rank) const {
  const Entry& e = entry(rank);
  std::uint64_t copy[words];
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::uint32_t before = e.version.load();
    for (std::size_t i = 0; i < words; ++i) copy[i] = e.waiting[i].load();
    if (before % 2 == 0 && e.version.load() == before) return std::bit_cast<Waiting>(copy);
  }
  return {};
}

void Board::abort(std::string_view reason) {
  std::uint32_t expected = going;
  if (shared_->state.compare_exchange_strong(expected, being_written)) {
    std::copy_n(reason.data(), std::min(reason.size(), reason_bytes - 1), shared_->reason);
    shared_->state.store(aborting);
  }
  for (Bell& bell : bells_) bell.ring();
}

bool Board::aborted() const { return shared_->state.load(std::memory_order_acquire) == aborting; }
std::string Board::reason() const { return aborted() ? shared_->reason : ""; }

}  // namespace orrery::comm
