// Every kind of communication, in the world and in parts of it, and messages in both directions at once.
#include <algorithm>

#include "tests/runtime/comm/collective_checks.h"
#include "tests/runtime/conformance/conformance.h"

namespace orrery::testing {
namespace {

struct Seat {
  std::uint32_t group = 0, members = 1, me = 0;
};

// Fills the pieces from the host, communicates and looks at what came, all on one stream.
class Meeting {
 public:
  Meeting(Backend& backend, const comm::Case& c, const Seat& seat, Slab& device, Slab& host)
      : backend_(backend), case_(c), seat_(seat), element_{c.dtype} {
    device.reset();
    host.reset();
    for (std::size_t p = 0; p < c.counts.size(); ++p) {
      Piece piece;
      piece.from_count = comm::from_count(c, seat.members, c.counts[p]);
      piece.to_count = comm::to_count(c, seat.members, c.counts[p]);
      piece.from_host = host.take(bytes(piece.from_count));
      piece.to_host = host.take(bytes(piece.to_count));
      place(piece, c.counts[p], device);
      for (std::int64_t i = 0; i < piece.from_count; ++i)
        element_.put(piece.from_host, i, comm::value(seat.me, p, i));
      pieces_.push_back(piece);
      transfers_.push_back({piece.from, piece.to, c.counts[p]});
    }
  }

  void run(std::uint32_t sequence, Stream stream) {
    for (const Piece& p : pieces_) copy(p.from, p.from_host, p.from_count, stream);
    backend_.communicate(
        {case_.kind, seat_.group, sequence, case_.dtype, case_.reduction, 0, transfers_, "a case"}, stream);
    for (const Piece& p : pieces_) copy(p.to_host, p.to, p.to_count, stream);
    backend_.synchronize();
    if (backend_.properties().computes) compare();
  }

 private:
  struct Piece {
    std::int64_t from_count = 0, to_count = 0;
    void *from = nullptr, *to = nullptr, *from_host = nullptr, *to_host = nullptr;
  };
  std::size_t bytes(std::int64_t count) const {
    return static_cast<std::size_t>(count * size_of(case_.dtype));
  }

  void place(Piece& p, std::int64_t count, Slab& device) {
    const auto part = [&](void* whole) { return static_cast<std::byte*>(whole) + bytes(seat_.me * count); };
    if (case_.in_place && case_.kind == Kind::all_gather) {
      p.to = device.take(bytes(p.to_count));
      p.from = part(p.to);
      return;
    }
    p.from = device.take(bytes(p.from_count));
    p.to = case_.kind == Kind::all_reduce || case_.kind == Kind::broadcast ? p.from
           : case_.in_place                                                ? part(p.from)
                                                                           : device.take(bytes(p.to_count));
  }
  void copy(void* to, const void* from, std::int64_t count, Stream stream) {
    if (count > 0) backend_.copy(to, from, {static_cast<std::int64_t>(bytes(count))}, stream);
  }
  void compare() const {
    for (std::size_t p = 0; p < pieces_.size(); ++p)
      for (std::int64_t i = 0; i < pieces_[p].to_count; ++i)
        ASSERT_EQ(element_.get(pieces_[p].to_host, i), comm::expected(case_, seat_.members, seat_.me, p, i))
            << name(case_.kind) << " of " << seat_.members << ", member " << seat_.me << ", piece " << p
            << ", element " << i;
  }

  Backend& backend_;
  const comm::Case& case_;
  const Seat seat_;
  const comm::Element element_;
  std::vector<Piece> pieces_;
  std::vector<Transfer> transfers_;
};

std::vector<comm::Case> cases() {
  std::vector<comm::Case> out = comm::cases();
  std::erase_if(out, [](const comm::Case& c) { return c.dtype == DType::int64; });
  return out;
}

// The world; its even and its odd ranks.
std::vector<Seat> open_world_and_halves(Backend& backend, std::uint32_t rank, std::uint32_t ranks) {
  GroupMembers groups[2] = {{{}, Role::world}, {{}, Role::tensor}};
  for (std::uint32_t r = 0; r < ranks; ++r) {
    groups[0].members.push_back(r);
    if (r % 2 == rank % 2) groups[1].members.push_back(r);
  }
  const std::uint32_t ids[2] = {0, 1 + rank % 2};
  backend.open_groups(groups, ids);
  return {{0, ranks, rank}, {1, static_cast<std::uint32_t>(groups[1].members.size()), rank / 2}};
}

TEST_P(Conformance, EveryCommunicationInTheWorldAndInHalves) {
  for (const std::uint32_t ranks : {1U, 2U, 3U, 5U, 8U}) {
    if (ranks > world_->most_ranks()) continue;
    play(ranks, [&](Backend& backend, std::uint32_t rank) {
      Slab device(backend, Memory::device, 8 << 20), host(backend, Memory::host, 8 << 20);
      const std::vector<Seat> seats = open_world_and_halves(backend, rank, ranks);
      std::uint32_t sequence = 0;
      for (const comm::Case& c : cases()) {
        Meeting(backend, c, seats[0], device, host).run(sequence, Stream::data);
        Meeting(backend, c, seats[1], device, host).run(sequence, Stream::tensor);
        ++sequence;
      }
    });
  }
}

// A ring in which every rank sends and receives in both directions at once, several times.
void exchange_messages(Backend& backend, std::uint32_t rank, std::uint32_t ranks) {
  constexpr std::size_t count = 30'000, rounds = 4;
  Slab device(backend, Memory::device, 4 << 20), host(backend, Memory::host, 4 << 20);
  const std::uint32_t next = (rank + 1) % ranks, previous = (rank + ranks - 1) % ranks;
  struct Way {
    Kind kind;
    Stream stream;
    std::uint32_t id, from, to;
    Role role;
  };
  // Groups 2 r and 2 r + 1: from rank r to the next one, and to the previous one.
  std::vector<Way> ways{
      {Kind::send, Stream::send_next, 2 * rank, rank, next, Role::to_next},
      {Kind::send, Stream::send_previous, 2 * rank + 1, rank, previous, Role::to_previous},
      {Kind::receive, Stream::receive_previous, 2 * previous, previous, rank, Role::from_previous},
      {Kind::receive, Stream::receive_next, 2 * next + 1, next, rank, Role::from_next}};
  std::sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.id < b.id; });
  std::vector<GroupMembers> groups;
  std::vector<std::uint32_t> ids;
  for (const Way& w : ways) {
    groups.push_back({{w.from, w.to}, w.role});
    ids.push_back(w.id);
  }
  backend.open_groups(groups, ids);
  std::vector<float*> buffers, outside;
  std::vector<std::vector<Transfer>> pieces;
  for (const Way& w : ways) {
    float *const b = device.floats(2 * count), *const o = host.floats(2 * count);
    for (std::size_t i = 0; i < 2 * count; ++i) o[i] = static_cast<float>(w.id * 1000 + i % 997);
    if (w.kind == Kind::send) backend.copy(b, o, bytes_of(2 * count), w.stream);
    buffers.push_back(b);
    outside.push_back(o);
    pieces.push_back({{b, b, count - 7}, {b + count - 7, b + count - 7, count + 7}});
  }
  for (std::uint32_t round = 0; round < rounds; ++round)
    for (std::uint32_t g = 0; g < ways.size(); ++g)
      backend.communicate({ways[g].kind, g, round, DType::fp32, Reduction::sum, 0, pieces[g], "a message"},
                          ways[g].stream);
  backend.synchronize();
  for (std::size_t g = 0; g < ways.size(); ++g) {
    if (ways[g].kind == Kind::send) continue;
    const std::vector<float> wanted(outside[g], outside[g] + 2 * count);
    std::fill(outside[g], outside[g] + 2 * count, -1.0F);
    backend.copy(outside[g], buffers[g], bytes_of(2 * count), ways[g].stream);
    backend.synchronize();
    if (backend.properties().computes) {
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), outside[g])) << "group " << ways[g].id;
    }
  }
}

TEST_P(Conformance, MessagesPassInBothDirectionsAtOnce) {
  for (const std::uint32_t ranks : {2U, 3U, 4U})
    if (ranks <= world_->most_ranks())
      play(ranks, [&](Backend& backend, std::uint32_t rank) { exchange_messages(backend, rank, ranks); });
}

TEST_P(Conformance, MembersThatDisagreeOnTheSequenceFail) {
  if (world_->most_ranks() < 2) GTEST_SKIP() << "one rank";
  const std::vector<std::string> errors = world_->play(2, [](Backend& backend, std::uint32_t rank) {
    Slab device(backend, Memory::device, 1 << 20);
    const GroupMembers world{{0, 1}, Role::world};
    const std::uint32_t id = 0;
    backend.open_groups({&world, 1}, {&id, 1});
    float* const x = device.floats(100);
    const Transfer t{x, x, 100};
    backend.communicate({Kind::all_reduce, 0, rank, DType::fp32, Reduction::sum, 0, {&t, 1}, "out of step"},
                        Stream::data);
    backend.synchronize();
  });
  EXPECT_FALSE(errors[0].empty() && errors[1].empty());
}

}  // namespace
}  // namespace orrery::testing
