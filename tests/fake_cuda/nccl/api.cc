// The functions of NCCL that the plug-in calls.
#include <nccl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "tests/fake_cuda/cudart/fake.h"
#include "tests/fake_cuda/nccl/communicator.h"
#include "tests/fake_cuda/nccl/reduce.h"

using namespace orrery::fake;

namespace {

thread_local std::string last_error;

ncclResult_t refused(ncclResult_t result, const std::string& what) {
  last_error = what;
  std::fprintf(stderr, "fake nccl: %s: %s\n", ncclGetErrorString(result), what.c_str());
  orrery_fake_mistake(what.c_str());
  return result;
}

constexpr const char *communicators = "communicators", *no_communicator = "no communicator, or closed before";

bool is_open(ncclComm_t comm) { return orrery_fake_held(comm, communicators) != 0; }
Handle& of(ncclComm_t comm) { return *reinterpret_cast<Handle*>(comm); }

struct Queued {
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  std::vector<Call> calls;
};

// What the thread has asked for since ncclGroupStart, by communicator in order of first use.
struct Group {
  int depth = 0;
  std::vector<Queued> queued;
};
thread_local Group group;

ncclResult_t launch(const Queued& q) {
  std::string name = "NCCL";
  for (const Call& c : q.calls) name += (name.size() > 4 ? "; " : " ") + text_of(c);
  const std::shared_ptr<Communicator> communicator = of(q.comm).communicator;
  const std::vector<Call> calls = q.calls;
  const HostWork work{name.c_str(), [communicator, calls] { communicator->run(calls); }, true};
  return orrery_fake_enqueue(q.stream, &work) == cudaSuccess
             ? ncclSuccess
             : refused(ncclUnhandledCudaError, "queueing " + name);
}

ncclResult_t add(ncclComm_t comm, cudaStream_t stream, const Call& call) {
  Handle& handle = of(comm);
  int device = -1;
  cudaGetDevice(&device);
  if (device != handle.communicator->device())
    return refused(ncclInvalidUsage, text_of(call) + ": the communicator is of device " +
                                         std::to_string(handle.communicator->device()) +
                                         ", the current one is " + std::to_string(device));
  if (handle.used && handle.stream != stream)
    return refused(ncclInvalidUsage, text_of(call) + ": a communicator in two streams is not supported");
  if (const ncclResult_t state = handle.communicator->state(); state != ncclSuccess)
    return refused(
        state == ncclInProgress ? ncclInvalidUsage : state,
        text_of(call) + ": " +
            (state == ncclInProgress ? "the communicator is not ready" : handle.communicator->failure()));
  handle.used = true;
  handle.stream = stream;
  Queued* found = nullptr;
  for (Queued& q : group.queued)
    if (q.comm == comm) found = &q;
  if (found == nullptr) found = &group.queued.emplace_back(Queued{comm, stream, {}});
  found->calls.push_back(call);
  return ncclSuccess;
}

bool overlap(const std::byte* x, std::size_t x_bytes, const std::byte* y, std::size_t y_bytes) {
  return x < y + y_bytes && y < x + x_bytes;
}

struct Buffers {
  const void* from = nullptr;
  std::size_t from_count = 0;
  void* to = nullptr;
  std::size_t to_count = 0;
  std::size_t in_place_from = 0, in_place_to = 0;  // elements at which both must coincide, if they overlap
};

// Checks and translates the buffers, then queues.
ncclResult_t call(Call c, const Buffers& b, ncclComm_t comm, cudaStream_t stream) {
  if (!is_open(comm)) return refused(ncclInvalidArgument, text_of(c) + ": no communicator");
  if (!is_known(c.type) || !is_known(c.reduction))
    return refused(ncclInvalidArgument, text_of(c) + ": this type or reduction is not supported");
  const int ranks = of(comm).communicator->ranks();
  const bool names_peer = c.kind == CallKind::broadcast || is_message(c.kind);
  if (names_peer && (c.peer < 0 || c.peer >= ranks))
    return refused(ncclInvalidArgument, text_of(c) + ": there are " + std::to_string(ranks) + " ranks");
  const std::size_t bytes = size_of(c.type);
  const auto* from = static_cast<const std::byte*>(orrery_fake_host_bytes(b.from, b.from_count * bytes));
  auto* to = static_cast<std::byte*>(orrery_fake_host_bytes(b.to, b.to_count * bytes));
  if (b.from_count > 0 && from == nullptr)
    return refused(ncclInvalidArgument, text_of(c) + ": the source is not in memory of this device");
  if (b.to_count > 0 && to == nullptr)
    return refused(ncclInvalidArgument, text_of(c) + ": the target is not in memory of this device");
  if (b.from_count > 0 && b.to_count > 0 && overlap(from, b.from_count * bytes, to, b.to_count * bytes) &&
      from + b.in_place_from * bytes != to + b.in_place_to * bytes)
    return refused(ncclInvalidArgument, text_of(c) + ": source and target overlap");
  c.from = from;
  c.to = to;
  if (const ncclResult_t result = ncclGroupStart(); result != ncclSuccess) return result;
  const ncclResult_t added = add(comm, stream, c);
  const ncclResult_t ended = ncclGroupEnd();
  return added != ncclSuccess ? added : ended;
}

std::size_t all(ncclComm_t comm, std::size_t count) {
  return !is_open(comm) ? count : count * static_cast<std::size_t>(of(comm).communicator->ranks());
}
std::size_t own(ncclComm_t comm, std::size_t count) {
  return !is_open(comm) ? 0 : count * static_cast<std::size_t>(of(comm).communicator->rank());
}

}  // namespace

extern "C" {

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  static std::atomic<unsigned> made{0};
  std::memset(id, 0, sizeof *id);
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  std::snprintf(id->internal, sizeof id->internal, "/fake-nccl-%d-%u-%llx", static_cast<int>(getpid()),
                made++, static_cast<unsigned long long>(now));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  *comm = nullptr;
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  if (ranks < 1 || ranks > static_cast<int>(most_ranks) || rank < 0 || rank >= ranks)
    return refused(ncclInvalidArgument, "rank " + std::to_string(rank) + " of " + std::to_string(ranks));
  int device = 0;
  cudaGetDevice(&device);
  auto handle = std::make_unique<Handle>();
  try {
    handle->communicator = std::make_shared<Communicator>(
        std::string(id.internal, strnlen(id.internal, sizeof id.internal)), ranks, rank, device);
  } catch (const std::runtime_error& error) {
    return refused(ncclSystemError, error.what());
  }
  handle->blocking = config == nullptr || config->blocking != 0;
  Communicator& communicator = *handle->communicator;
  if (const std::string wrong = communicator.join(); !wrong.empty()) return refused(ncclInvalidUsage, wrong);
  const bool blocking = handle->blocking;
  *comm = reinterpret_cast<ncclComm_t>(handle.release());
  orrery_fake_made(*comm, communicators);
  if (blocking) communicator.wait_for_all();
  const ncclResult_t state = communicator.state();
  if (state == ncclRemoteError) last_error = communicator.failure();
  return state;
}

// The handle stays, so that no other gets its address.
ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (orrery_fake_gone(comm, communicators) == 0) return refused(ncclInvalidArgument, no_communicator);
  of(comm).communicator.reset();
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (!is_open(comm)) return refused(ncclInvalidArgument, no_communicator);
  of(comm).communicator->abort();
  return ncclCommDestroy(comm);
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* result) {
  if (!is_open(comm)) return refused(ncclInvalidArgument, no_communicator);
  *result = of(comm).communicator->state();
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "an error of NCCL";
  }
}
const char* ncclGetLastError(ncclComm_t comm) {
  if (is_open(comm))
    if (const std::string failure = of(comm).communicator->failure(); !failure.empty()) last_error = failure;
  return last_error.c_str();
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}
ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

// 10 us and 100 GB/s for what is asked of blocking communicators; as with NCCL, one that does not block
// carries it out instead.
ncclResult_t ncclGroupSimulateEnd(ncclSimInfo_t* info) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  if (info->magic != 0x74685283) return refused(ncclInvalidArgument, "simulation info is not initialised");
  for (const Queued& q : group.queued)
    if (!of(q.comm).blocking) return ncclGroupEnd();
  if (group.depth != 1) return refused(ncclInvalidUsage, "a simulation inside a group");
  float microseconds = 0;
  for (const Queued& q : group.queued)
    for (const Call& c : q.calls) microseconds += 10 + static_cast<float>(c.count * size_of(c.type)) / 1e5F;
  group = {};
  info->estimatedTime = microseconds;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) return refused(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--group.depth > 0) return ncclSuccess;
  std::vector<Queued> queued;
  queued.swap(group.queued);
  ncclResult_t result = ncclSuccess;
  for (const Queued& q : queued)
    if (const ncclResult_t one = launch(q); one != ncclSuccess) result = one;
  return result;
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t reduction, ncclComm_t comm, cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  return call({CallKind::all_reduce, nullptr, nullptr, count, type, reduction, -1},
              {from, count, to, count, 0, 0}, comm, stream);
}
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  return call({CallKind::all_gather, nullptr, nullptr, count, type, ncclSum, -1},
              {from, count, to, all(comm, count), 0, own(comm, count)}, comm, stream);
}
ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t reduction, ncclComm_t comm, cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  return call({CallKind::reduce_scatter, nullptr, nullptr, count, type, reduction, -1},
              {from, all(comm, count), to, count, own(comm, count), 0}, comm, stream);
}
ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  const bool sends = is_open(comm) && of(comm).communicator->rank() == root;  // others' source is not used
  return call({CallKind::broadcast, nullptr, nullptr, count, type, ncclSum, root},
              {from, sends ? count : 0, to, count, 0, 0}, comm, stream);
}
ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  return call({CallKind::send, nullptr, nullptr, count, type, ncclSum, peer}, {from, count, nullptr, 0, 0, 0},
              comm, stream);
}
ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return refused(ncclInternalError, "asked to fail");
  return call({CallKind::receive, nullptr, nullptr, count, type, ncclSum, peer},
              {nullptr, 0, to, count, 0, 0}, comm, stream);
}

}  // extern "C"
