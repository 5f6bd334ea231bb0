#include "runtime/cuda/communicators.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "runtime/cuda/check.h"
#include "sim/base/error.h"

// Since NCCL 2.22; null where the library that is found at run time is older.
extern "C" [[gnu::weak]] ncclResult_t ncclGroupSimulateEnd(ncclSimInfo_t*);

namespace orrery::cuda {
namespace {

// A call in the background takes some microseconds, unless a peer is late.
constexpr int spins = 2000;
constexpr std::chrono::microseconds look_every{200};

ncclDataType_t type_of(DType t) {
  switch (t) {
    case DType::fp32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    case DType::int64:
      return ncclInt64;
    case DType::uint8:
      return ncclUint8;
    default:
      throw DeviceError("not supported: communication of this element type");
  }
}

bool moves_parts(Kind k) {
  return k == Kind::all_to_all || k == Kind::exchange || k == Kind::send || k == Kind::receive;
}

// What a meeting of one member leaves: its own part, where it is not in place.
void alone(const Communication& c, cudaStream_t stream) {
  for (const Transfer& t : c.transfers)
    if (t.from != nullptr && t.to != nullptr && t.from != t.to && t.count > 0)
      check(cudaMemcpyAsync(t.to, t.from, static_cast<std::size_t>(t.count * size_of(c.dtype)),
                            cudaMemcpyDefault, stream),
            "a meeting of one");
}

}  // namespace

Communicators::~Communicators() {
  if (!idle_) abort();
  for (Group& g : groups_)
    if (g.comm && !aborted_) ncclCommDestroy(g.comm);
}

void Communicators::fail(ncclResult_t result, ncclComm_t comm, const std::string& what) const {
  const std::string last = ncclGetLastError(comm);
  throw DeviceError("rank " + std::to_string(rank_) + ", " + what + ": NCCL: " + ncclGetErrorString(result) +
                    (last.empty() ? "" : " (" + last + ")"));
}

// NCCL may go on with a call in the background; waits until it is done, unless the job stops. The mutex is
// not held while waiting.
void Communicators::settle(const Group& g, ncclResult_t result, const std::string& what) {
  for (int looked = 0; result == ncclInProgress; ++looked) {
    if (const std::string reason = job_->stopped(); !reason.empty()) throw DeviceError(reason);
    if (looked < spins)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(look_every);
    const std::lock_guard lock(mutex_);
    if (aborted_) throw DeviceError(job_->stopped());
    if (const ncclResult_t asked = ncclCommGetAsyncError(g.comm, &result); asked != ncclSuccess)
      result = asked;
  }
  if (result != ncclSuccess) fail(result, g.comm, what);
}

// A fresh identity of every group, made by its first member: of this rank's groups, in order. Collective.
std::vector<ncclUniqueId> Communicators::gather_ids() const {
  struct Named {
    std::uint32_t group = ~0U;
    ncclUniqueId id{};
  };
  std::vector<Named> mine;
  for (const Group& g : groups_) {
    if (g.me != 0 || g.members.size() == 1) continue;
    Named& n = mine.emplace_back();
    n.group = g.id;
    if (const ncclResult_t r = ncclGetUniqueId(&n.id); r != ncclSuccess)
      fail(r, nullptr, "an identity of a group");
  }
  std::vector<ncclUniqueId> out(groups_.size());
  if (world_ == 1) return out;
  const auto count = static_cast<std::uint32_t>(mine.size());
  std::vector<std::uint32_t> counts(world_);
  job_->gather(&count, sizeof count, counts.data());
  const std::size_t most = *std::max_element(counts.begin(), counts.end());
  if (most == 0) return out;
  mine.resize(most);
  std::vector<Named> all(most * world_);
  job_->gather(mine.data(), most * sizeof(Named), all.data());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].members.size() == 1) continue;
    const auto named =
        std::find_if(all.begin(), all.end(), [&](const Named& n) { return n.group == groups_[g].id; });
    if (named == all.end())
      throw DeviceError("group " + std::to_string(groups_[g].id) + " has no first member");
    out[g] = named->id;
  }
  return out;
}

void Communicators::connect(Group& g, const ncclUniqueId& id) {
  if (g.members.size() == 1) return;
  std::string what = "opening group " + std::to_string(g.id) + " of ranks";
  for (const std::uint32_t r : g.members) what += " " + std::to_string(r);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // so that this thread can look whether the job goes on
  ncclResult_t result = ncclSuccess;
  {
    const std::lock_guard lock(mutex_);
    result = ncclCommInitRankConfig(&g.comm, static_cast<int>(g.members.size()), id, static_cast<int>(g.me),
                                    &config);
  }
  settle(g, result, what);
  // A call that is done may leave the communicator still connecting.
  const std::lock_guard lock(mutex_);
  if (!aborted_ && ncclCommGetAsyncError(g.comm, &result) != ncclSuccess) fail(result, g.comm, what);
}

void Communicators::open(std::span<const GroupMembers> groups, std::span<const std::uint32_t> ids) {
  ORRERY_CHECK(groups.size() == ids.size() && groups_.empty());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& g = groups_.emplace_back();
    g.id = ids[i];
    g.members = groups[i].members;
    const auto me = std::find(g.members.begin(), g.members.end(), rank_);
    ORRERY_CHECK(me != g.members.end());
    g.me = static_cast<std::uint32_t>(me - g.members.begin());
  }
  const std::vector<ncclUniqueId> unique = gather_ids();
  idle_ = false;
  for (std::size_t i = 0; i < groups_.size(); ++i) connect(groups_[i], unique[i]);
  idle_ = true;
}

std::string Communicators::describe(const Communication& c) const {
  return std::string(name(c.kind)) + " " + std::to_string(c.sequence) + " of group " +
         std::to_string(group(c).id) + " (" + std::string(c.label) + ")";
}

std::int32_t Communicators::awaited(const Communication& c) const {
  const Group& g = group(c);
  const std::size_t n = g.members.size();
  if (c.kind == Kind::send) return -1;
  if (c.kind == Kind::broadcast) return g.me == 0 ? -1 : static_cast<std::int32_t>(g.members[0]);
  return static_cast<std::int32_t>(g.members[(g.me + n - 1) % n]);
}

std::int32_t Communicators::send_to(const Communication& c) const {
  const Group& g = group(c);
  return static_cast<std::int32_t>(g.members[(g.me + 1) % g.members.size()]);
}

void Communicators::take_turn(Group& g, const Communication& c) {
  const bool restarts = c.sequence == 0 && g.may_restart;
  if (c.sequence != g.next && !restarts)
    throw DeviceError("rank " + std::to_string(rank_) + ", " + describe(c) + ": out of order, " +
                      std::to_string(g.next) + " is next in this group");
  g.next = c.sequence + 1;
  g.may_restart = false;
}

void Communicators::step_ended() {
  for (Group& g : groups_) g.may_restart = true;
}

void Communicators::queue_messages(const Group& g, const Communication& c, const Transfer& t,
                                   cudaStream_t stream) const {
  const int n = static_cast<int>(g.members.size()), me = static_cast<int>(g.me);
  const auto count = static_cast<std::size_t>(t.count);
  const ncclDataType_t type = type_of(c.dtype);
  const auto send = [&](std::int64_t part, int to) {
    const auto* from = static_cast<const std::byte*>(t.from) + part * t.count * size_of(c.dtype);
    if (const ncclResult_t r = ncclSend(from, count, type, to, g.comm, stream);
        r != ncclSuccess && r != ncclInProgress)
      fail(r, g.comm, describe(c));
  };
  const auto receive = [&](std::int64_t part, int from) {
    auto* to = static_cast<std::byte*>(t.to) + part * t.count * size_of(c.dtype);
    if (const ncclResult_t r = ncclRecv(to, count, type, from, g.comm, stream);
        r != ncclSuccess && r != ncclInProgress)
      fail(r, g.comm, describe(c));
  };
  if (c.kind == Kind::send) return send(0, (me + 1) % n);
  if (c.kind == Kind::receive) return receive(0, (me + n - 1) % n);
  if (c.kind == Kind::exchange) {
    send(0, (me + 1) % n);
    return receive(0, (me + n - 1) % n);
  }
  for (int peer = 0; peer < n; ++peer) {
    send(peer, peer);
    receive(peer, peer);
  }
}

void Communicators::queue(const Group& g, const Communication& c, const Transfer& t,
                          cudaStream_t stream) const {
  if (moves_parts(c.kind)) return queue_messages(g, c, t, stream);
  const auto count = static_cast<std::size_t>(t.count);
  const ncclDataType_t type = type_of(c.dtype);
  const ncclRedOp_t op = c.reduction == Reduction::max ? ncclMax : ncclSum;
  ncclResult_t result = ncclSuccess;
  switch (c.kind) {
    case Kind::all_reduce:
      result = ncclAllReduce(t.from, t.to, count, type, op, g.comm, stream);
      break;
    case Kind::reduce_scatter:
      result = ncclReduceScatter(t.from, t.to, count, type, op, g.comm, stream);
      break;
    case Kind::all_gather:
      result = ncclAllGather(t.from, t.to, count, type, g.comm, stream);
      break;
    case Kind::broadcast:
      result = ncclBroadcast(t.from, t.to, count, type, 0, g.comm, stream);
      break;
    default:
      ORRERY_CHECK(false);
  }
  if (result != ncclSuccess && result != ncclInProgress) fail(result, g.comm, describe(c));
}

void Communicators::run(const Communication& c, cudaStream_t stream) {
  Group& g = groups_.at(c.group);
  take_turn(g, c);
  if (g.members.size() == 1) return alone(c, stream);
  if (std::all_of(c.transfers.begin(), c.transfers.end(), [](const Transfer& t) { return t.count == 0; }))
    return;
  ncclResult_t result = ncclSuccess;
  {
    const std::lock_guard lock(mutex_);
    if (aborted_) throw DeviceError(job_->stopped());
    if (const ncclResult_t r = ncclGroupStart(); r != ncclSuccess) fail(r, g.comm, describe(c));
    try {
      for (const Transfer& t : c.transfers)
        if (t.count > 0) queue(g, c, t, stream);
    } catch (...) {
      ncclGroupEnd();  // else all later ones of this thread were part of it
      throw;
    }
    result = ncclGroupEnd();
  }
  settle(g, result, describe(c));
}

Seconds Communicators::estimate(const Group& g, const Communication& c, cudaStream_t stream) const {
  ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
  if (const ncclResult_t r = ncclGroupStart(); r != ncclSuccess) fail(r, g.comm, describe(c));
  for (const Transfer& t : c.transfers) queue(g, c, t, stream);
  if (const ncclResult_t r = ncclGroupSimulateEnd(&info); r != ncclSuccess)
    fail(r, g.comm, "an estimate of " + describe(c));
  return {std::max(0.0, static_cast<double>(info.estimatedTime) * 1e-6)};
}

std::vector<Seconds> Communicators::estimates(std::span<const Communication> list, cudaStream_t stream) {
  if (&ncclGroupSimulateEnd == nullptr || groups_.empty() || groups_[0].members.size() < 2) return {};
  Group g = groups_[0];
  ORRERY_CHECK(g.members.size() == world_);
  ncclUniqueId id{};
  if (g.me == 0)
    if (const ncclResult_t r = ncclGetUniqueId(&id); r != ncclSuccess)
      fail(r, nullptr, "an identity of a group");
  std::vector<ncclUniqueId> all(world_);
  job_->gather(&id, sizeof id, all.data());
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  if (const ncclResult_t r = ncclCommInitRankConfig(&g.comm, static_cast<int>(world_), all[g.members[0]],
                                                    static_cast<int>(g.me), &config);
      r != ncclSuccess)
    fail(r, g.comm, "a communicator for estimates");
  std::vector<Seconds> out;
  try {
    for (const Communication& c : list) out.push_back(estimate(g, c, stream));
  } catch (const DeviceError&) {
    ncclCommAbort(g.comm);
    throw;
  }
  ncclCommDestroy(g.comm);
  return out;
}

void Communicators::abort() {
  const std::lock_guard lock(mutex_);
  if (aborted_) return;
  aborted_ = true;
  for (Group& g : groups_)
    if (g.comm) ncclCommAbort(g.comm);
}

std::string Communicators::error() {
  const std::lock_guard lock(mutex_);
  if (aborted_) return {};
  for (const Group& g : groups_) {
    ncclResult_t result = ncclSuccess;
    if (!g.comm || ncclCommGetAsyncError(g.comm, &result) != ncclSuccess) continue;
    if (result == ncclSuccess || result == ncclInProgress) continue;
    const std::string last = ncclGetLastError(g.comm);
    return "rank " + std::to_string(rank_) + ", group " + std::to_string(g.id) +
           ": NCCL: " + ncclGetErrorString(result) + (last.empty() ? "" : " (" + last + ")");
  }
  return {};
}

}  // namespace orrery::cuda
