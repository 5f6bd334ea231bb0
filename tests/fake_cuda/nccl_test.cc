// The stand-in for NCCL between processes and between threads: all collectives and messages against sums on
// the host, and the mistakes that must be named.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <nccl.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/fake_cuda/cudart_kernels.h"
#include "tests/fake_cuda/processes.h"

namespace orrery::fake {
namespace {

#define OK(call)                                        \
  do {                                                  \
    EXPECT_STREQ("no error", ncclGetErrorString(call)); \
  } while (false)
#define OK_CUDA(call)                                    \
  do {                                                   \
    EXPECT_STREQ("cudaSuccess", cudaGetErrorName(call)); \
  } while (false)

struct Rank {
  int me = 0, ranks = 0;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  int next() const { return (me + 1) % ranks; }
  int previous() const { return (me + ranks - 1) % ranks; }
};

cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  OK_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

Rank open(int me, int ranks, const ncclUniqueId& id) {
  Rank r{me, ranks, nullptr, nullptr};
  OK_CUDA(cudaSetDevice(me));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclResult_t state = ncclCommInitRankConfig(&r.comm, ranks, id, me, &config);
  while (state == ncclInProgress) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    OK(ncclCommGetAsyncError(r.comm, &state));
  }
  OK(state);
  r.stream = new_stream();
  return r;
}

ncclUniqueId new_id() {
  ncclUniqueId id;
  OK(ncclGetUniqueId(&id));
  return id;
}

enum class Ranks { processes, threads };

// body on `n` ranks with a communicator of all.
Ended on_ranks(Ranks how, int n, const Environment& environment,
               const std::function<void(const Rank&)>& body) {
  const ncclUniqueId id = new_id();
  if (how == Ranks::processes) return in_processes(n, environment, [&](int me) { body(open(me, n, id)); });
  return in_process(environment, [&] {
    std::vector<std::thread> threads;
    for (int me = 0; me < n; ++me) threads.emplace_back([&, me] { body(open(me, n, id)); });
    for (std::thread& t : threads) t.join();
  });
}

template <class T>
struct Buffer {
  T* data = nullptr;
  std::size_t count = 0;
  explicit Buffer(const std::vector<T>& values) : count(values.size()) {
    void* p = nullptr;
    OK_CUDA(cudaMalloc(&p, count * sizeof(T)));
    OK_CUDA(cudaMemcpy(p, values.data(), count * sizeof(T), cudaMemcpyHostToDevice));
    data = static_cast<T*>(p);
  }
  explicit Buffer(std::size_t n) : Buffer(std::vector<T>(n)) {}
  std::vector<T> get(const Rank& r) const {
    OK_CUDA(cudaStreamSynchronize(r.stream));
    std::vector<T> values(count);
    OK_CUDA(cudaMemcpy(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
};

std::uint16_t rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}
float widened(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

// Rank r's element i; sums of a few are exact in every type.
int value(int rank, std::size_t i) {
  return static_cast<int>((i * 7 + static_cast<std::size_t>(rank) * 3) % 13);
}

template <class T>
T as(int x) {
  if constexpr (sizeof(T) == 2) {
    return rounded(static_cast<float>(x));
  } else {
    return static_cast<T>(x);
  }
}
template <class T>
std::vector<T> values_of(int rank, std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = as<T>(value(rank, i));
  return values;
}

template <class T>
void reductions(const Rank& r, ncclDataType_t type, std::size_t n) {
  const auto ranks = static_cast<std::size_t>(r.ranks);
  const Buffer<T> mine(values_of<T>(r.me, n)), sum(n), part(values_of<T>(r.me, n * ranks)), scattered(n);
  OK(ncclAllReduce(mine.data, sum.data, n, type, ncclSum, r.comm, r.stream));
  OK(ncclAllReduce(mine.data, mine.data, n, type, ncclMax, r.comm, r.stream));
  OK(ncclReduceScatter(part.data, scattered.data, n, type, ncclSum, r.comm, r.stream));
  const auto sums = sum.get(r), most = mine.get(r), scatters = scattered.get(r);
  for (std::size_t i = 0; i < n; ++i) {
    int expected = 0, largest = 0, mine_of = 0;
    for (int other = 0; other < r.ranks; ++other) {
      expected += value(other, i);
      largest = std::max(largest, value(other, i));
      mine_of += value(other, static_cast<std::size_t>(r.me) * n + i);
    }
    ASSERT_EQ(sums[i], as<T>(expected)) << i;
    ASSERT_EQ(most[i], as<T>(largest)) << i;
    ASSERT_EQ(scatters[i], as<T>(mine_of)) << i;
  }
}

void gathers(const Rank& r, std::size_t n) {
  const auto ranks = static_cast<std::size_t>(r.ranks), me = static_cast<std::size_t>(r.me);
  const Buffer<float> mine(values_of<float>(r.me, n)), all(n * ranks), place(n * ranks),
      cast(values_of<float>(r.me, n));
  OK(ncclAllGather(mine.data, all.data, n, ncclFloat32, r.comm, r.stream));
  OK_CUDA(cudaMemcpyAsync(place.data + me * n, mine.data, n * 4, cudaMemcpyDefault, r.stream));
  OK(ncclAllGather(place.data + me * n, place.data, n, ncclFloat32, r.comm, r.stream));  // in place
  OK(ncclBroadcast(cast.data, cast.data, n, ncclFloat32, r.ranks - 1, r.comm, r.stream));
  std::vector<float> expected;
  for (int other = 0; other < r.ranks; ++other) {
    const auto theirs = values_of<float>(other, n);
    expected.insert(expected.end(), theirs.begin(), theirs.end());
  }
  EXPECT_EQ(all.get(r), expected);
  EXPECT_EQ(place.get(r), expected);
  EXPECT_EQ(cast.get(r), values_of<float>(r.ranks - 1, n));
}

// A ring step, and every rank to every rank, itself too.
void messages(const Rank& r, std::size_t n) {
  const auto ranks = static_cast<std::size_t>(r.ranks);
  const Buffer<float> mine(values_of<float>(r.me, n)), ring(n), to_all(values_of<float>(r.me, n * ranks)),
      from_all(n * ranks);
  OK(ncclGroupStart());
  OK(ncclSend(mine.data, n, ncclFloat32, r.next(), r.comm, r.stream));
  OK(ncclRecv(ring.data, n, ncclFloat32, r.previous(), r.comm, r.stream));
  OK(ncclGroupEnd());
  OK(ncclGroupStart());
  for (int peer = 0; peer < r.ranks; ++peer) {
    OK(ncclSend(to_all.data + static_cast<std::size_t>(peer) * n, n, ncclFloat32, peer, r.comm, r.stream));
    OK(ncclRecv(from_all.data + static_cast<std::size_t>(peer) * n, n, ncclFloat32, peer, r.comm, r.stream));
  }
  OK(ncclGroupEnd());
  EXPECT_EQ(ring.get(r), values_of<float>(r.previous(), n));
  const auto got = from_all.get(r);
  for (std::size_t peer = 0; peer < ranks; ++peer)
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(got[peer * n + i],
                static_cast<float>(value(static_cast<int>(peer), static_cast<std::size_t>(r.me) * n + i)));
}

class FakeNccl : public testing::TestWithParam<Ranks> {};
INSTANTIATE_TEST_SUITE_P(Between, FakeNccl, testing::Values(Ranks::processes, Ranks::threads),
                         [](const auto& p) { return p.param == Ranks::processes ? "Processes" : "Threads"; });

TEST_P(FakeNccl, Reductions) {
  for (const int n : {2, 3})
    on_ranks(GetParam(), n, {{"SEED", "7"}}, [](const Rank& r) {
      reductions<float>(r, ncclFloat32, 5);
      reductions<float>(r, ncclFloat32, 150001);  // several chunks
      reductions<std::uint16_t>(r, ncclBfloat16, 1000);
      reductions<std::int64_t>(r, ncclInt64, 77);
      reductions<std::uint8_t>(r, ncclUint8, 1);
      OK(ncclCommDestroy(r.comm));
    });
}

TEST_P(FakeNccl, GathersAndBroadcasts) {
  on_ranks(GetParam(), 4, {{"SEED", "8"}}, [](const Rank& r) {
    gathers(r, 3);
    gathers(r, 100000);
  });
}

TEST_P(FakeNccl, GroupedMessages) {
  on_ranks(GetParam(), 4, {{"SEED", "9"}}, [](const Rank& r) {
    messages(r, 6);
    messages(r, 100001);
  });
}

// bf16 is rounded after each rank's addend, in order of ranks: the same bits on all.
TEST_P(FakeNccl, SumsInOrderOfRanks) {
  on_ranks(GetParam(), 3, {}, [](const Rank& r) {
    const auto theirs = [](int rank) { return rounded(1.0F + 0.3125F * static_cast<float>(rank * rank)); };
    const Buffer<std::uint16_t> x(std::vector<std::uint16_t>{theirs(r.me)});
    OK(ncclAllReduce(x.data, x.data, 1, ncclBfloat16, ncclSum, r.comm, r.stream));
    const std::uint16_t two = rounded(widened(theirs(0)) + widened(theirs(1)));
    EXPECT_EQ(x.get(r)[0], rounded(widened(two) + widened(theirs(2))));
  });
}

TEST_P(FakeNccl, ReplaysInGraphs) {
  on_ranks(GetParam(), 2, {}, [](const Rank& r) {
    const Buffer<float> x(std::vector<float>{1, 2});
    OK_CUDA(cudaStreamBeginCapture(r.stream, cudaStreamCaptureModeThreadLocal));
    OK(ncclAllReduce(x.data, x.data, 2, ncclFloat32, ncclSum, r.comm, r.stream));
    cudaGraph_t graph = nullptr;
    OK_CUDA(cudaStreamEndCapture(r.stream, &graph));
    cudaGraphExec_t executable = nullptr;
    OK_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    for (int replay = 0; replay < 3; ++replay) OK_CUDA(cudaGraphLaunch(executable, r.stream));
    EXPECT_EQ(x.get(r), (std::vector<float>{8, 16}));
  });
}

// --- mistakes

Environment impatient() { return {{"TIMEOUT_MS", "2000"}}; }

// The stream ends in an error, which names it.
void expect_failure(const Rank& r) {
  EXPECT_STREQ("cudaErrorLaunchFailure", cudaGetErrorName(cudaStreamSynchronize(r.stream)));
  ncclResult_t state = ncclSuccess;
  OK(ncclCommGetAsyncError(r.comm, &state));
  EXPECT_EQ(state, ncclRemoteError);
}

TEST_P(FakeNccl, CollectivesThatDifferAreNamed) {
  const Ended kinds = on_ranks(GetParam(), 2, impatient(), [](const Rank& r) {
    const Buffer<float> x(8), y(16);
    if (r.me == 0) {
      OK(ncclAllReduce(x.data, x.data, 8, ncclFloat32, ncclSum, r.comm, r.stream));
    } else {
      OK(ncclAllGather(x.data, y.data, 8, ncclFloat32, r.comm, r.stream));
    }
    expect_failure(r);
  });
  expect_part(kinds.error, "a collective that differs: ");
  expect_part(kinds.error, "AllGather of 8 fp32");
  const Ended counts = on_ranks(GetParam(), 2, impatient(), [](const Rank& r) {
    const Buffer<float> x(9);
    OK(ncclAllReduce(x.data, x.data, r.me == 0 ? 8 : 9, ncclFloat32, ncclSum, r.comm, r.stream));
    expect_failure(r);
  });
  expect_part(counts.error, "of 9 fp32");
}

TEST_P(FakeNccl, MessagesThatDifferAreNamed) {
  const Ended ended = on_ranks(GetParam(), 2, impatient(), [](const Rank& r) {
    const Buffer<float> x(8);
    if (r.me == 0) {
      OK(ncclSend(x.data, 8, ncclFloat32, 1, r.comm, r.stream));
    } else {
      OK(ncclRecv(x.data, 4, ncclFloat32, 0, r.comm, r.stream));
    }
    expect_failure(r);
  });
  expect_part(ended.error,
              "a message that differs: Recv of 4 fp32 from rank 0 meets Send of 8 fp32 to rank 1");
}

TEST_P(FakeNccl, AStallTellsWhatEachRankWaitsFor) {
  const Ended ended = on_ranks(GetParam(), 3, impatient(), [](const Rank& r) {
    const Buffer<float> x(8);
    OK(ncclAllReduce(x.data, x.data, 8, ncclFloat32, ncclSum, r.comm, r.stream));
    if (r.me == 2) {
      OK_CUDA(cudaStreamSynchronize(r.stream));
      std::this_thread::sleep_for(std::chrono::milliseconds(2500));
      return;
    }
    OK(ncclBroadcast(x.data, x.data, 8, ncclFloat32, 0, r.comm, r.stream));
    expect_failure(r);
  });
  expect_part(ended.error,
              "no progress for 2000 ms in Broadcast of 8 fp32 from root 0, its collective 2, waiting for "
              "others to come");
  expect_part(ended.error, "  rank 0, device 0: Broadcast of 8 fp32 from root 0, its collective 2\n");
  expect_part(ended.error, "  rank 1, device 1: Broadcast of 8 fp32 from root 0, its collective 2\n");
  expect_part(ended.error, "  rank 2, device 2: idle, after AllReduce of 8 fp32, sum, its collective 1\n");
  expect_part(ended.error,
              "its streams:\nstream 1: NCCL Broadcast of 8 fp32 from root 0, 0 queued behind it");
}

// Every rank sends before it receives: with real NCCL this hangs once messages outgrow its buffers.
TEST_P(FakeNccl, ARingOfUngroupedMessagesDeadlocks) {
  const Ended ended = on_ranks(GetParam(), 3, impatient(), [](const Rank& r) {
    const Buffer<float> x(8), y(8);
    OK(ncclSend(x.data, 8, ncclFloat32, r.next(), r.comm, r.stream));
    OK(ncclRecv(y.data, 8, ncclFloat32, r.previous(), r.comm, r.stream));
    expect_failure(r);
  });
  for (const char* part :
       {"rank 0, device 0: Send of 8 fp32 to rank 1", "rank 1, device 1: Send of 8 fp32 to rank 2",
        "rank 2, device 2: Send of 8 fp32 to rank 0"})
    expect_part(ended.error, part);
  expect_part(ended.error, "NCCL Send of 8 fp32 to rank 1, 1 queued behind it");
}

// Two communicators in two streams, launched in another order on each rank: only a GPU that runs both at once
// gets through.
void crossed(const Rank& r, const ncclUniqueId& second_id, bool stalls) {
  const Rank other = open(r.me, r.ranks, second_id);
  const Buffer<float> x(std::vector<float>(8, 1)), y(std::vector<float>(8, 2));
  for (const bool first : {r.me == 0, r.me != 0}) {
    const Rank& use = first ? r : other;
    OK(ncclAllReduce(first ? x.data : y.data, first ? x.data : y.data, 8, ncclFloat32, ncclSum, use.comm,
                     use.stream));
  }
  if (stalls) {
    EXPECT_STREQ("cudaErrorLaunchFailure", cudaGetErrorName(cudaDeviceSynchronize()));
    return;
  }
  OK_CUDA(cudaDeviceSynchronize());
  EXPECT_EQ(x.get(r), std::vector<float>(8, 2));
  EXPECT_EQ(y.get(other), std::vector<float>(8, 4));
}

TEST_P(FakeNccl, OneAtATimeShowsAnOrderThatDiffers) {
  const ncclUniqueId concurrent = new_id(), serial = new_id();
  on_ranks(GetParam(), 2, impatient(), [&](const Rank& r) { crossed(r, concurrent, false); });
  Environment one_at_a_time = impatient();
  one_at_a_time["SERIAL_NCCL"] = "1";
  const Ended ended =
      on_ranks(GetParam(), 2, one_at_a_time, [&](const Rank& r) { crossed(r, serial, true); });
  expect_part(
      ended.error,
      "no progress for 2000 ms in AllReduce of 8 fp32, sum, its collective 1, waiting for others to come");
}

TEST_P(FakeNccl, AbortEndsWhatWaits) {
  on_ranks(GetParam(), 2, {}, [](const Rank& r) {
    const Buffer<float> x(8);
    if (r.me == 1) return;
    OK(ncclAllReduce(x.data, x.data, 8, ncclFloat32, ncclSum, r.comm, r.stream));
    std::thread watch([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      OK(ncclCommAbort(r.comm));
    });
    OK_CUDA(cudaStreamSynchronize(r.stream));
    watch.join();
  });
}

TEST_P(FakeNccl, WrongCalls) {
  const Ended ended = on_ranks(GetParam(), 2, {}, [](const Rank& r) {
    const Buffer<float> x(8);
    std::vector<float> host(8);
    const auto reduce = [&](const void* from, void* to, std::size_t n, ncclDataType_t type) {
      return ncclAllReduce(from, to, n, type, ncclSum, r.comm, r.stream);
    };
    EXPECT_EQ(reduce(host.data(), x.data, 8, ncclFloat32), ncclInvalidArgument);
    EXPECT_EQ(reduce(x.data, x.data, 9, ncclFloat32), ncclInvalidArgument);
    EXPECT_EQ(reduce(x.data, x.data + 2, 4, ncclFloat32), ncclInvalidArgument);
    EXPECT_EQ(reduce(x.data, x.data, 4, ncclFloat16), ncclInvalidArgument);
    EXPECT_EQ(ncclSend(x.data, 8, ncclFloat32, 2, r.comm, r.stream), ncclInvalidArgument);
    EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
    OK(reduce(x.data, x.data, 8, ncclFloat32));
    EXPECT_EQ(ncclAllReduce(x.data, x.data, 8, ncclFloat32, ncclSum, r.comm, new_stream()), ncclInvalidUsage);
    OK_CUDA(cudaStreamSynchronize(r.stream));
    OK_CUDA(cudaSetDevice(5));
    EXPECT_EQ(ncclAllReduce(x.data, x.data, 8, ncclFloat32, ncclSum, r.comm, r.stream), ncclInvalidArgument);
  });
  expect_part(ended.error, "AllReduce of 8 fp32, sum: the source is not in memory of this device");
  expect_part(ended.error, "source and target overlap");
  expect_part(ended.error, "Send of 8 fp32 to rank 2: there are 2 ranks");
  expect_part(ended.error, "a communicator in two streams is not supported");
}

TEST(FakeNcclOpening, NamesRanksThatDoNotCome) {
  const ncclUniqueId id = new_id();
  const Ended ended = in_processes(2, impatient(), [&](int me) {
    ncclComm_t comm = nullptr;
    OK_CUDA(cudaSetDevice(me));
    EXPECT_EQ(ncclCommInitRankConfig(&comm, 4, id, 2 * me, nullptr), ncclRemoteError);
    EXPECT_NE(std::string(ncclGetLastError(comm)), "");
  });
  expect_part(ended.error, "not all ranks called ncclCommInitRank: rank 1, 3 did not");
}

// The second of both is refused; the first waits for it in vain.
TEST(FakeNcclOpening, RefusesTwoRanksOnOneGpu) {
  const ncclUniqueId id = new_id();
  const Ended ended = in_processes(2, impatient(), [&](int me) {
    ncclComm_t comm = nullptr;
    const ncclResult_t result = ncclCommInitRankConfig(&comm, 2, id, me, nullptr);
    EXPECT_TRUE(result == ncclInvalidUsage || result == ncclRemoteError) << ncclGetErrorString(result);
  });
  expect_part(ended.error, "invalid usage: ranks ");
  expect_part(ended.error, " are on one GPU, 0");
}

}  // namespace
}  // namespace orrery::fake
