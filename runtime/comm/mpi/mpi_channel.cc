#include "runtime/comm/mpi/mpi_channel.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "sim/base/error.h"

namespace orrery::comm {
namespace {

// Measured over TCP at 1 Gbit/s: a small message behind a bulk one is 3.6 ms late; with four pieces of 512
// KiB, 28 ms. Pieces must be eager (connect.cc).
constexpr std::size_t piece_bytes = 128 << 10;
constexpr std::uint32_t window = 2;
constexpr std::size_t small_message = 4 << 10;  // travels in its head

}  // namespace

void require_mpi(int result, const char* call) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw DeviceError(std::string(call) + ": " + text);
}

struct MpiChannel::Head {
  Signature signature;
  std::uint64_t bytes;
};

struct MpiChannel::Message {
  std::byte* data;  // of a send, not written
  const std::byte* with;
  std::size_t bytes;
  Apply apply;
  Signature signature;
  Request* request;
  std::size_t posted = 0;
  std::uint32_t flying = 0;
  bool head_posted = false;

  bool small() const { return bytes <= small_message; }
  bool all_posted() const { return head_posted && posted == bytes; }
};

struct MpiChannel::Flow {
  std::uint32_t peer;
  int tag;
  bool outgoing;
  std::deque<Message> messages;
  std::uint32_t flying = 0;  // pieces
};

struct MpiChannel::Flight {
  Flow* flow;
  Message* message;
  std::byte* at;  // of a piece, within the message's buffer
  std::size_t bytes;
  Buffer staging;
  bool head;
};

MpiChannel::MpiChannel(MPI_Comm world) : world_(world) {
  int rank = 0, size = 0;
  require_mpi(MPI_Comm_rank(world_, &rank), "MPI_Comm_rank");
  require_mpi(MPI_Comm_size(world_, &size), "MPI_Comm_size");
  rank_ = static_cast<std::uint32_t>(rank);
  flows_.resize(static_cast<std::size_t>(size) * lane_count * 2);
}

MpiChannel::~MpiChannel() = default;

MpiChannel::Flow& MpiChannel::flow(std::uint32_t peer, Stream lane, bool outgoing) {
  auto& f =
      flows_[(std::size_t{peer} * lane_count + static_cast<std::size_t>(lane)) * 2 + (outgoing ? 1 : 0)];
  if (!f) f = std::make_unique<Flow>(Flow{peer, static_cast<int>(lane), outgoing, {}, 0});
  return *f;
}

void MpiChannel::send(const Outgoing& m) {
  Flow& f = flow(m.peer, m.lane, true);
  ++m.request->pending;
  f.messages.push_back(
      {const_cast<std::byte*>(m.from), nullptr, m.bytes, Apply::copy, m.signature, m.request, 0, 0, false});
  pump(f);
}

void MpiChannel::receive(const Incoming& m) {
  Flow& f = flow(m.peer, m.lane, false);
  ++m.request->pending;
  f.messages.push_back({m.to, m.with, m.bytes, m.apply, m.signature, m.request, 0, 0, false});
  pump(f);
}

// Posts in order; a message begins when all of those before it are posted.
void MpiChannel::pump(Flow& f) {
  for (Message& m : f.messages) {
    if (!m.head_posted) post_head(f, m);
    while (m.posted < m.bytes && f.flying < window) post_piece(f, m);
    if (!m.all_posted()) return;
  }
}

MpiChannel::Buffer MpiChannel::staging() {
  if (pool_.empty()) return Buffer(new std::byte[piece_bytes]());  // touched
  Buffer buffer = std::move(pool_.back());
  pool_.pop_back();
  return buffer;
}

void MpiChannel::post_head(Flow& f, Message& m) {
  Buffer buffer = staging();
  std::size_t bytes = sizeof(Head) + (m.small() ? m.bytes : 0);
  if (f.outgoing) {
    const Head head{m.signature, m.bytes};
    std::memcpy(buffer.get(), &head, sizeof head);
    if (m.small()) std::memcpy(buffer.get() + sizeof head, m.data, m.bytes);
  } else {
    bytes = sizeof(Head) + small_message;  // whatever comes
  }
  std::byte* const at = buffer.get();
  m.head_posted = true;
  if (m.small()) m.posted = m.bytes;
  post(f, m, at, bytes, std::move(buffer), true);
}

void MpiChannel::post_piece(Flow& f, Message& m) {
  const std::size_t bytes = std::min(piece_bytes, m.bytes - m.posted);
  Buffer buffer = f.outgoing || m.apply == Apply::copy ? nullptr : staging();
  std::byte* const at = m.data + m.posted;
  m.posted += bytes;
  ++f.flying;
  post(f, m, at, bytes, std::move(buffer), false);
}

void MpiChannel::post(Flow& f, Message& m, std::byte* at, std::size_t bytes, Buffer buffer, bool head) {
  MPI_Request request = MPI_REQUEST_NULL;
  void* const data = buffer ? buffer.get() : at;
  const int count = static_cast<int>(bytes), peer = static_cast<int>(f.peer);
  if (f.outgoing) {
    require_mpi(MPI_Isend(data, count, MPI_BYTE, peer, f.tag, world_, &request), "MPI_Isend");
  } else {
    require_mpi(MPI_Irecv(data, count, MPI_BYTE, peer, f.tag, world_, &request), "MPI_Irecv");
  }
  ++m.flying;
  requests_.push_back(request);
  flights_.push_back({&f, &m, at, bytes, std::move(buffer), head});
}

bool MpiChannel::progress() {
  if (requests_.empty()) return false;
  completed_.resize(requests_.size());
  int n = 0;
  const int result = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &n, completed_.data(),
                                  MPI_STATUSES_IGNORE);
  if (n == MPI_UNDEFINED || (result == MPI_SUCCESS && n == 0)) return false;
  completed_.resize(static_cast<std::size_t>(n));
  std::sort(completed_.begin(), completed_.end());  // heads before their pieces
  std::vector<Flow*> touched;
  for (const int i : completed_) {
    Flight& flight = flights_[static_cast<std::size_t>(i)];
    touched.push_back(flight.flow);
    land(flight);
  }
  require_mpi(result, "MPI_Testsome");
  for (auto i = completed_.rbegin(); i != completed_.rend(); ++i) {
    requests_.erase(requests_.begin() + *i);
    flights_.erase(flights_.begin() + *i);
  }
  for (Flow* f : touched) {
    retire(*f);
    pump(*f);
  }
  return true;
}

void MpiChannel::land(Flight& flight) {
  Message& m = *flight.message;
  --m.flying;
  if (!flight.head) --flight.flow->flying;
  if (!flight.flow->outgoing && flight.head) {
    Head head;
    std::memcpy(&head, flight.staging.get(), sizeof head);
    check_agreement(rank_, flight.flow->peer, m.signature, head.signature, m.bytes, head.bytes);
    if (m.small())
      combine(m.apply, m.signature.dtype, m.data, m.with, flight.staging.get() + sizeof head, m.bytes);
  } else if (!flight.flow->outgoing && flight.staging) {
    const std::byte* const with = m.with + (flight.at - m.data);
    combine(m.apply, m.signature.dtype, flight.at, with, flight.staging.get(), flight.bytes);
  }
  if (flight.staging) pool_.push_back(std::move(flight.staging));
}

void MpiChannel::retire(Flow& f) {
  while (!f.messages.empty() && f.messages.front().all_posted() && f.messages.front().flying == 0) {
    --f.messages.front().request->pending;
    f.messages.pop_front();
  }
}

}  // namespace orrery::comm
