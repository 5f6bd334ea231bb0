#include "runtime/comm/board.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace orrery::comm {
namespace {

constexpr std::size_t words = sizeof(Waiting) / 8;
static_assert(sizeof(Waiting) % 8 == 0);
constexpr std::size_t reason_bytes = 2000;

}  // namespace

// A rank writes only its own, so one that is killed as it writes holds up no other. `waiting` is a sequence
// lock (Boehm, 2012): a reader retries while the version is odd or has changed, and gives up when the writer
// may have died in between.
struct Board::Entry {
  alignas(64) std::atomic<Life> life;
  std::atomic<std::int32_t> process;
  std::atomic<std::uint64_t> heart;
  std::atomic<std::uint32_t> version;
  std::atomic<std::uint64_t> waiting[words];
  std::atomic<bool> has_reason;
  char reason[reason_bytes];
};

struct Board::Shared {
  alignas(64) std::atomic<std::uint32_t> stopped_by;  // 1 + the rank whose reason stands; 0: none
  std::atomic<bool> asked_to_end;
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

void Board::abort(std::uint32_t rank, std::string_view reason) {
  Entry& e = entry(rank);
  if (!e.has_reason.exchange(true)) {
    std::copy_n(reason.data(), std::min(reason.size(), reason_bytes - 1), e.reason);
    std::uint32_t nobody = 0;
    shared_->stopped_by.compare_exchange_strong(nobody, rank + 1);
  }
  for (Bell& bell : bells_) bell.ring();
}

void Board::ask_to_end() { shared_->asked_to_end.store(true); }
bool Board::asked_to_end() const { return shared_->asked_to_end.load(); }

bool Board::aborted() const { return shared_->stopped_by.load() != 0; }

std::string Board::reason() const {
  const std::uint32_t by = shared_->stopped_by.load();
  return by == 0 ? "" : entry(by - 1).reason;
}

}  // namespace orrery::comm
