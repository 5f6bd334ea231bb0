#include "tests/fake_cuda/nccl/communicator.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/fake_cuda/cudart/fake.h"
#include "tests/fake_cuda/nccl/reduce.h"

namespace orrery::fake {
namespace {

std::chrono::milliseconds patience() { return std::chrono::milliseconds(orrery_fake_timeout_ms()); }

Signature signature_of(const Call& c) {
  const bool reduces = c.kind == CallKind::all_reduce || c.kind == CallKind::reduce_scatter;
  return {static_cast<std::int32_t>(c.kind), c.type, reduces ? c.reduction : 0, c.peer, c.count};
}

std::string text_of(const Signature& s) {
  Call c;
  c.kind = static_cast<CallKind>(s.kind);
  c.count = s.count;
  c.type = static_cast<ncclDataType_t>(s.type);
  c.reduction = static_cast<ncclRedOp_t>(s.reduction);
  c.peer = s.root;
  return text_of(c);
}

}  // namespace

std::string text_of(const Call& c) {
  static constexpr const char* names[] = {"AllReduce", "AllGather", "ReduceScatter",
                                          "Broadcast", "Send",      "Recv"};
  std::string text = std::string(names[static_cast<std::size_t>(c.kind)]) + " of " + std::to_string(c.count) +
                     " " + name_of(c.type);
  if (c.kind == CallKind::all_reduce || c.kind == CallKind::reduce_scatter)
    text += c.reduction == ncclMax ? ", maximum" : ", sum";
  if (c.kind == CallKind::broadcast) text += " from root " + std::to_string(c.peer);
  if (c.kind == CallKind::send) text += " to rank " + std::to_string(c.peer);
  if (c.kind == CallKind::receive) text += " from rank " + std::to_string(c.peer);
  return text;
}

Communicator::Communicator(const std::string& name, int ranks, int rank, int device)
    : segment_(name, ranks), name_(name), rank_(rank), device_(device) {}

std::string Communicator::join() {
  std::string wrong;
  segment_.change([&] {
    RankSlot& mine = segment_.rank(rank_);
    if (mine.joined) wrong = "rank " + std::to_string(rank_) + " is taken";
    for (int r = 0; r < ranks(); ++r)
      if (segment_.rank(r).joined && segment_.rank(r).device == device_)
        wrong = "ranks " + std::to_string(r) + " and " + std::to_string(rank_) + " are on one GPU, " +
                std::to_string(device_);
    if (!wrong.empty()) return;
    mine.joined = true;
    mine.device = device_;
  });
  return wrong;
}

ncclResult_t Communicator::state() {
  bool failed = false, all = true;
  segment_.look([&] {
    failed = !segment_.failure().empty();
    for (int r = 0; r < ranks(); ++r) all = all && segment_.rank(r).joined;
  });
  if (failed) return ncclRemoteError;
  if (all) {
    segment_.remove_name();
    return ncclSuccess;
  }
  if (std::chrono::steady_clock::now() - made_ < patience()) return ncclInProgress;
  fail("not all ranks called ncclCommInitRank: " + missing([](const RankSlot& s) { return !s.joined; }) +
       " did not");
  segment_.remove_name();
  return ncclRemoteError;
}

void Communicator::wait_for_all() {
  while (state() == ncclInProgress && !aborted_)
    segment_.wait(
        [&] {
          return stopped() || std::all_of(&segment_.rank(0), &segment_.rank(0) + ranks(),
                                          [](const RankSlot& s) { return s.joined; });
        },
        patience());
}

std::string Communicator::failure() {
  std::string text;
  segment_.look([&] { text = segment_.failure(); });
  return text;
}

bool Communicator::stopped() { return aborted_ || !segment_.failure().empty(); }

void Communicator::abort() {
  segment_.change([&] { aborted_ = true; });
}

std::string Communicator::missing(const std::function<bool(const RankSlot&)>& is_missing) {
  std::string text;
  segment_.look([&] {
    for (int r = 0; r < ranks(); ++r)
      if (is_missing(segment_.rank(r))) text += (text.empty() ? "rank " : ", ") + std::to_string(r);
  });
  return text;
}

// Reports what every rank does, once a communicator; every rank then says what its streams hold.
void Communicator::fail(const std::string& what) {
  bool first = false;
  std::string report =
      "fake nccl: communicator " + name_ + ": rank " + std::to_string(rank_) + ": " + what + "\n";
  segment_.change([&] {
    first = segment_.failure().empty();
    segment_.set_failure("rank " + std::to_string(rank_) + ": " + what);
    for (int r = 0; r < ranks(); ++r)
      report += "  rank " + std::to_string(r) + ", device " + std::to_string(segment_.rank(r).device) + ": " +
                segment_.rank(r).doing + "\n";
  });
  if (first) std::fputs(report.c_str(), stderr);
}

void Communicator::set_doing(const std::string& what) {
  doing_ = what;
  RankSlot& mine = segment_.rank(rank_);
  std::strncpy(mine.doing, what.c_str(), sizeof mine.doing - 1);
}

bool Communicator::wait(const std::function<bool()>& condition, const std::string& what) {
  bool stop = false;
  const bool met = segment_.wait(
      [&] {
        stop = stopped();
        return stop || condition();
      },
      patience());
  if (!met) fail("no progress for " + std::to_string(patience().count()) + " ms in " + what);
  return met && !stop;
}

void Communicator::run(const std::vector<Call>& calls) {
  if (aborted_) return;  // others learn nothing of what was queued behind
  std::vector<Call> sent;
  bool well = true;
  for (const Call& c : calls) {
    if (is_message(c.kind)) {
      sent.push_back(c);
    } else {
      well = well && collective(c);
    }
  }
  well = well && (sent.empty() || messages(sent));
  if (well) {
    segment_.change([&] { set_doing("idle, after " + doing_); });
  } else if (!aborted_) {
    char streams[2000] = "";
    orrery_fake_stuck_streams(device_, streams, sizeof streams);
    orrery_fake_fail(device_, cudaErrorLaunchFailure,
                     ("NCCL, rank " + std::to_string(rank_) + ", in " + doing_ + ": " + failure() +
                      "; its streams:\n" + streams)
                         .c_str());
  }
}

// --- collectives

bool Communicator::collective(const Call& c) {
  if (!meet(c)) return false;
  const std::size_t per_chunk = chunk_bytes / size_of(c.type), bytes = size_of(c.type);
  // Of a scatter each rank's part in turn; all pass through the staging areas chunk by chunk.
  const int parts = c.kind == CallKind::reduce_scatter ? ranks() : 1;
  for (int part = 0; part < parts; ++part)
    for (std::size_t first = 0; first < c.count; first += per_chunk) {
      const std::size_t count = std::min(per_chunk, c.count - first);
      const std::byte* from =
          c.from == nullptr ? nullptr : c.from + (static_cast<std::size_t>(part) * c.count + first) * bytes;
      if (c.kind != CallKind::broadcast || rank_ == c.peer)
        std::memcpy(segment_.staging(rank_), from, count * bytes);
      if (!barrier()) return false;
      const bool reduces = c.kind == CallKind::all_reduce || c.kind == CallKind::reduce_scatter;
      if (reduces && (c.kind == CallKind::all_reduce || part == rank_)) reduce_part(c, first, count);
      if (!reduces) copy_part(c, first, count);
      if (!barrier()) return false;
    }
  return barrier();
}

// All members come, with equal signatures.
bool Communicator::meet(const Call& c) {
  std::uint64_t number = 0;
  segment_.change([&] {
    RankSlot& mine = segment_.rank(rank_);
    number = ++mine.collectives;
    mine.signature = signature_of(c);
    set_doing(text_of(c) + ", its collective " + std::to_string(number));
  });
  const auto late = [&](const RankSlot& s) { return s.collectives < number; };
  const bool all = wait(
      [&] {
        for (int r = 0; r < ranks(); ++r)
          if (late(segment_.rank(r))) return false;
        return true;
      },
      doing_ + ", waiting for others to come");
  if (!all) return false;
  std::string differs;
  segment_.look([&] {
    for (int r = 0; r < ranks() && differs.empty(); ++r)
      if (const Signature other = segment_.rank(r).signature; !(other == signature_of(c)))
        differs = doing_ + " meets " + text_of(other) + " of rank " + std::to_string(r);
  });
  if (!differs.empty()) fail("a collective that differs: " + differs);
  return differs.empty();
}

bool Communicator::barrier() {
  std::uint64_t arrivals = 0;
  segment_.change([&] { arrivals = ++segment_.rank(rank_).arrivals; });
  return wait(
      [&] {
        for (int r = 0; r < ranks(); ++r)
          if (segment_.rank(r).arrivals < arrivals) return false;
        return true;
      },
      doing_);
}

void Communicator::reduce_part(const Call& c, std::size_t first, std::size_t count) {
  std::vector<std::byte> sum(segment_.staging(0), segment_.staging(0) + count * size_of(c.type));
  for (int r = 1; r < ranks(); ++r) reduce(sum.data(), segment_.staging(r), count, c.type, c.reduction);
  std::memcpy(c.to + first * size_of(c.type), sum.data(), sum.size());
}

void Communicator::copy_part(const Call& c, std::size_t first, std::size_t count) {
  const std::size_t bytes = size_of(c.type);
  if (c.kind == CallKind::broadcast) {
    std::memcpy(c.to + first * bytes, segment_.staging(c.peer), count * bytes);
    return;
  }
  for (int r = 0; r < ranks(); ++r)
    std::memcpy(c.to + (static_cast<std::size_t>(r) * c.count + first) * bytes, segment_.staging(r),
                count * bytes);
}

// --- messages

bool Communicator::messages(const std::vector<Call>& calls) {
  std::vector<Message> all;
  for (const Call& c : calls) all.push_back({c, 0, false, false});
  for (;;) {
    std::string doing;
    for (const Message& m : all)
      if (!m.ended) doing += (doing.empty() ? "" : "; ") + text_of(m.call);
    if (doing.empty()) return true;
    segment_.change([&] { set_doing(doing); });
    std::size_t next = all.size();
    const bool found = wait(
        [&] {
          for (next = 0; next < all.size(); ++next)
            if (may_act(all, next)) return true;
          return false;
        },
        doing);
    if (!found || !act(all[next])) return false;
  }
}

// Messages between the same two ranks go in order of issue.
bool Communicator::may_act(const std::vector<Message>& all, std::size_t i) {
  const Message& m = all[i];
  if (m.ended) return false;
  for (std::size_t before = 0; before < i; ++before)
    if (!all[before].ended && all[before].call.kind == m.call.kind && all[before].call.peer == m.call.peer)
      return false;
  const bool sends = m.call.kind == CallKind::send;
  return segment_.mailbox(sends ? rank_ : m.call.peer, sends ? m.call.peer : rank_).full != sends;
}

// Fills a mailbox, or empties it; a send ends when its last chunk has been taken.
bool Communicator::act(Message& m) {
  const Call& c = m.call;
  const bool sends = c.kind == CallKind::send;
  const int from = sends ? rank_ : c.peer, to = sends ? c.peer : rank_;
  const std::size_t bytes = c.count * size_of(c.type);
  Mailbox& box = segment_.mailbox(from, to);
  if (sends && m.done == bytes && m.begun) {
    m.ended = true;
    return true;
  }
  if (!sends && (box.count != c.count || box.type != c.type)) {
    Call other = c;
    other.kind = CallKind::send;
    other.count = box.count;
    other.type = static_cast<ncclDataType_t>(box.type);
    other.peer = rank_;
    fail("a message that differs: " + text_of(c) + " meets " + text_of(other));
    return false;
  }
  const std::size_t chunk = sends ? std::min(chunk_bytes, bytes - m.done) : box.bytes;
  if (sends && chunk > 0) std::memcpy(segment_.in_mailbox(from, to), c.from + m.done, chunk);
  if (!sends && chunk > 0) std::memcpy(c.to + m.done, segment_.in_mailbox(from, to), chunk);
  m.done += chunk;
  m.begun = true;
  m.ended = !sends && m.done == bytes;
  segment_.change([&] {
    box.full = sends;
    box.type = c.type;
    box.count = c.count;
    box.bytes = chunk;
  });
  return true;
}

}  // namespace orrery::fake
