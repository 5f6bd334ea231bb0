// The stand-in for the CUDA runtime: what a program may rely on holds, what it may not is made to show.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/fake_cuda/cudart_kernels.h"
#include "tests/fake_cuda/processes.h"

namespace orrery::fake {
namespace {

#define EXPECT_CUDA(expected, call) EXPECT_STREQ(cudaGetErrorName(expected), cudaGetErrorName(call))
#define OK(call)                    \
  do {                              \
    EXPECT_CUDA(cudaSuccess, call); \
  } while (false)

cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}
cudaEvent_t new_event() {
  cudaEvent_t event = nullptr;
  OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return event;
}
template <class T>
T* on_device(const std::vector<T>& values) {
  void* p = nullptr;
  OK(cudaMalloc(&p, values.size() * sizeof(T)));
  OK(cudaMemcpy(p, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return static_cast<T*>(p);
}
template <class T>
std::vector<T> from_device(const T* p, std::size_t n) {
  std::vector<T> values(n);
  OK(cudaMemcpy(values.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost));
  return values;
}
template <class T>
T* pinned(std::size_t n) {
  void* p = nullptr;
  OK(cudaMallocHost(&p, n * sizeof(T)));
  return static_cast<T*>(p);
}
void sleep_for(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
void slow(void*) { sleep_for(30); }

TEST(FakeCudart, RunsTheProgramsOwnKernels) {
  in_process({}, [] {
    std::vector<float> a(1000), b(1000);
    std::iota(a.begin(), a.end(), 0.25F);
    std::iota(b.begin(), b.end(), -500.0F);
    float* sum = on_device(std::vector<float>(1000));
    add(sum, on_device(a), on_device(b), 1000, nullptr);
    OK(cudaGetLastError());
    const auto got = from_device(sum, 1000);
    for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(got[i], a[i] + b[i]);
  });
}

TEST(FakeCudart, ChoosesPtxOfTheDevice) {
  in_process({{"CAPABILITY", "80"}, {"TRACE", "1"}}, [] {
    int* values = on_device(std::vector<int>{1, 2, 3});
    affine(values, 3, 10, 1, nullptr);
    EXPECT_EQ(from_device(values, 3), (std::vector<int>{11, 21, 31}));
  });
  const Ended old = in_process({{"CAPABILITY", "70"}}, [] {
    affine(on_device(std::vector<int>{1}), 1, 2, 3, nullptr);
    EXPECT_CUDA(cudaErrorInvalidPtx, cudaGetLastError());
  });
  expect_part(old.error, "no plain PTX for compute_70 or older: compile with --no-compress");
}

TEST(FakeCudart, AStreamKeepsItsOrder) {
  in_process({{"SEED", "3"}}, [] {
    const cudaStream_t stream = new_stream();
    int* values = on_device(std::vector<int>(100, 1));
    int expected = 1;
    for (int k = 0; k < 20; ++k) {
      affine(values, 100, k % 2 == 0 ? 2 : 1, k, stream);
      expected = expected * (k % 2 == 0 ? 2 : 1) + k;
    }
    EXPECT_CUDA(cudaErrorNotReady, cudaStreamQuery(stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaStreamQuery(stream));
    EXPECT_EQ(from_device(values, 100), std::vector<int>(100, expected));
    OK(cudaStreamDestroy(stream));
  });
}

// What a consumer in another stream reads of a producer in a first one.
int handed_over(bool wait) {
  const cudaStream_t producer = new_stream(), consumer = new_stream();
  const cudaEvent_t produced = new_event();
  int* values = on_device(std::vector<int>{1});
  int* host = pinned<int>(1);
  OK(cudaLaunchHostFunc(producer, slow, nullptr));
  for (int k = 0; k < 8; ++k) affine(values, 1, 1, 1, producer);
  OK(cudaEventRecord(produced, producer));
  if (wait) OK(cudaStreamWaitEvent(consumer, produced, 0));
  OK(cudaMemcpyAsync(host, values, sizeof(int), cudaMemcpyDeviceToHost, consumer));
  OK(cudaStreamSynchronize(consumer));
  OK(cudaEventSynchronize(produced));
  return *host;
}

TEST(FakeCudart, EventsOrderStreams) {
  for (const char* seed : {"1", "2", "3"})
    in_process({{"SEED", seed}}, [] { EXPECT_EQ(handed_over(true), 9); });
}

TEST(FakeCudart, AMissingWaitShows) {
  in_process({{"SEED", "1"}}, [] { EXPECT_NE(handed_over(false), 9); });
}

TEST(FakeCudart, EventsTellTime) {
  in_process({}, [] {
    const cudaStream_t stream = new_stream();
    cudaEvent_t start = nullptr, end = nullptr;
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&end));
    OK(cudaEventQuery(start));  // never recorded
    OK(cudaEventRecord(start, stream));
    OK(cudaLaunchHostFunc(stream, slow, nullptr));
    OK(cudaEventRecord(end, stream));
    float milliseconds = 0;
    EXPECT_CUDA(cudaErrorNotReady, cudaEventElapsedTime(&milliseconds, start, end));
    OK(cudaEventSynchronize(end));
    OK(cudaEventElapsedTime(&milliseconds, start, end));
    EXPECT_GE(milliseconds, 30);
    EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, start, new_event()));
  });
}

TEST(FakeCudart, TheDefaultStreamWaitsForBlockingStreams) {
  in_process({}, [] {
    cudaStream_t blocking = nullptr;
    OK(cudaStreamCreate(&blocking));
    const cudaStream_t other = new_stream();
    int* values = on_device(std::vector<int>{1});
    OK(cudaLaunchHostFunc(blocking, slow, nullptr));
    affine(values, 1, 2, 0, blocking);
    affine(values, 1, 1, 5, nullptr);    // after it
    affine(values, 1, 10, 0, blocking);  // after that
    OK(cudaStreamSynchronize(other));
    OK(cudaStreamSynchronize(blocking));
    EXPECT_EQ(from_device(values, 1)[0], 70);
  });
}

TEST(FakeCudart, CopiesOfPageableMemoryAreSynchronousOfPinnedAreNot) {
  in_process({}, [] {
    const cudaStream_t stream = new_stream();
    int* values = on_device(std::vector<int>{1});
    int* host = pinned<int>(1);
    *host = 2;
    OK(cudaLaunchHostFunc(stream, slow, nullptr));
    OK(cudaMemcpyAsync(values, host, sizeof(int), cudaMemcpyHostToDevice, stream));
    *host = 3;  // too early: the copy has not run yet
    int pageable = 0;
    OK(cudaMemcpyAsync(&pageable, values, sizeof(int), cudaMemcpyDeviceToHost, stream));
    EXPECT_EQ(pageable, 3);
  });
}

TEST(FakeCudart, NewMemoryIsPoisoned) {
  in_process({}, [] {
    void* p = nullptr;
    OK(cudaMalloc(&p, 1001));
    EXPECT_EQ(from_device(static_cast<std::uint8_t*>(p), 1001), std::vector<std::uint8_t>(1001, 0xff));
    OK(cudaMemsetAsync(p, 7, 1001, nullptr));
    EXPECT_EQ(from_device(static_cast<std::uint8_t*>(p), 1001), std::vector<std::uint8_t>(1001, 7));
    OK(cudaFree(p));
    OK(cudaMalloc(&p, 1001));
    EXPECT_EQ(from_device(static_cast<std::uint8_t*>(p), 1001), std::vector<std::uint8_t>(1001, 0xff));
    EXPECT_EQ(*pinned<std::uint8_t>(1), 0xff);
  });
}

TEST(FakeCudart, MemoryIsLimited) {
  in_process({{"MEMORY", "1000000"}}, [] {
    std::size_t free = 0, total = 0;
    void *p = nullptr, *q = nullptr;
    OK(cudaMalloc(&p, 600000));
    OK(cudaMemGetInfo(&free, &total));
    EXPECT_EQ(total, 1000000U);
    EXPECT_EQ(free, 400000U);
    EXPECT_CUDA(cudaErrorMemoryAllocation, cudaMalloc(&q, 400001));
    EXPECT_CUDA(cudaErrorMemoryAllocation, cudaGetLastError());
    OK(cudaGetLastError());  // it does not stick
    OK(cudaMalloc(&q, 400000));
    OK(cudaFree(p));
    OK(cudaMalloc(&p, 600000));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaFree(static_cast<char*>(q) + 512));
  });
}

TEST(FakeCudart, TheHostCannotTouchDeviceMemory) {
  const Ended ended = in_processes(
      1, {},
      [](int) {
        signal(SIGSEGV, SIG_DFL);
        volatile int* values = on_device(std::vector<int>{1});
        *values = 2;
      },
      true);
  EXPECT_EQ(ended.signal, SIGSEGV);
}

TEST(FakeCudart, AFailedKernelSticks) {
  const Ended ended = in_process({}, [] {
    int* values = on_device(std::vector<int>(10));
    affine(values, 11, 1, 1, nullptr);
    OK(cudaGetLastError());  // the launch itself was fine
    EXPECT_CUDA(cudaErrorIllegalAddress, cudaDeviceSynchronize());
    void* p = nullptr;
    EXPECT_CUDA(cudaErrorIllegalAddress, cudaMalloc(&p, 4));
    EXPECT_CUDA(cudaErrorIllegalAddress, cudaGetLastError());
    EXPECT_CUDA(cudaErrorIllegalAddress, cudaGetLastError());
    OK(cudaSetDevice(1));  // another device is not touched by it
    EXPECT_EQ(from_device(on_device(std::vector<int>{4}), 1)[0], 4);
  });
  expect_part(ended.error, "fake cuda: device 0: cudaErrorIllegalAddress: kernel ");
  expect_part(ended.error, "thread (10, 0, 0): ");
  expect_part(ended.error, "40 bytes into an allocation of 40");
}

TEST(FakeCudart, WrongKindsOfPointers) {
  const Ended ended = in_process({}, [] {
    int* device = on_device(std::vector<int>(8));
    int host[8] = {};
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(host, device, 32, cudaMemcpyHostToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(host, host, 16, cudaMemcpyDeviceToHost));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(device, host, 36, cudaMemcpyHostToDevice));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(device + 4, device, 32, cudaMemcpyDefault));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemsetAsync(host, 0, 32, nullptr));
    OK(cudaMemcpy(device + 4, device, 16, cudaMemcpyDefault));
    const cudaStream_t stream = new_stream();
    const cudaEvent_t event = new_event();
    OK(cudaEventRecord(event, stream));
    OK(cudaSetDevice(1));
    OK(cudaEventSynchronize(event));  // of any device
    OK(cudaEventQuery(event));
    EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventRecord(event, new_stream()));
    EXPECT_CUDA(cudaErrorNotSupported, cudaStreamWaitEvent(new_stream(), event, 0));
    EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(host, device, 32, cudaMemcpyDeviceToHost));
    EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
    affine(device, 1, 1, 1, nullptr);
    EXPECT_CUDA(cudaErrorIllegalAddress, cudaDeviceSynchronize());
  });
  expect_part(ended.error, "the kind does not fit a copy from device to host memory");
  expect_part(ended.error, "cudaMemcpy of 36 bytes: the target is not in an allocation of this device");
}

TEST(FakeCudart, ShapesOfLaunches) {
  const Ended ended = in_process({}, [] {
    int* out = on_device(std::vector<int>(64));
    use_shared(out, 65, 400);
    EXPECT_CUDA(cudaErrorInvalidConfiguration, cudaGetLastError());
    use_shared(out, 64, 60000);
    EXPECT_CUDA(cudaErrorInvalidConfiguration, cudaGetLastError());
    OK(allow_shared(60000));
    use_shared(out, 64, 60000);
    OK(cudaGetLastError());
    OK(cudaDeviceSynchronize());
    EXPECT_CUDA(cudaErrorInvalidValue, allow_shared(300000));
    OK(cudaSetDevice(7));
    EXPECT_CUDA(cudaErrorInvalidDevice, cudaSetDevice(8));
  });
  expect_part(ended.error, "blocks of 65 threads, __launch_bounds__ says 64");
  expect_part(ended.error, "60000 bytes of dynamic shared memory without cudaFuncSetAttribute");
}

// values = (values * 2 + 1) in one stream, others += 3 in a second, then values *= 10 in the first.
cudaGraph_t captured(int* values, int* others, cudaStream_t first, cudaStream_t second, cudaEvent_t outside) {
  const cudaEvent_t fork = new_event(), join = new_event();
  OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
  affine(values, 1, 2, 1, first);
  OK(cudaEventRecord(fork, first));
  OK(cudaStreamWaitEvent(second, fork, 0));
  affine(others, 1, 1, 3, second);
  OK(cudaEventRecord(join, second));
  OK(cudaStreamWaitEvent(first, join, 0));
  affine(values, 1, 10, 0, first);
  OK(cudaEventRecordWithFlags(outside, first, cudaEventRecordExternal));
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(first, &graph));
  return graph;
}

TEST(FakeCudart, GraphsAreCapturedAndReplayed) {
  for (const char* seed : {"0", "5"})
    in_process({{"SEED", seed}}, [] {
      const cudaStream_t first = new_stream(), second = new_stream();
      int *values = on_device(std::vector<int>{1}), *others = on_device(std::vector<int>{0});
      const cudaEvent_t outside = new_event();
      const cudaGraph_t graph = captured(values, others, first, second, outside);
      cudaGraphExec_t executable = nullptr;
      OK(cudaGraphInstantiate(&executable, graph, 0));
      OK(cudaGraphDestroy(graph));
      EXPECT_EQ(from_device(values, 1)[0], 1);  // capturing runs nothing
      int expected = 1;
      for (int replay = 0; replay < 3; ++replay) {
        OK(cudaGraphLaunch(executable, second));
        expected = (expected * 2 + 1) * 10;
      }
      OK(cudaEventSynchronize(outside));
      EXPECT_EQ(from_device(values, 1)[0], expected);
      EXPECT_EQ(from_device(others, 1)[0], 9);
      OK(cudaGraphExecDestroy(executable));
    });
}

TEST(FakeCudart, WhatACaptureRefuses) {
  in_process({}, [] {
    const cudaStream_t first = new_stream(), second = new_stream();
    const cudaEvent_t event = new_event(), before = new_event();
    int* values = on_device(std::vector<int>{1});
    cudaGraph_t graph = nullptr;
    OK(cudaEventRecord(before, second));
    OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
    OK(cudaEventRecord(event, first));
    OK(cudaStreamWaitEvent(second, event, 0));
    affine(values, 1, 1, 1, second);
    EXPECT_CUDA(cudaErrorCapturedEvent, cudaEventQuery(event));
    EXPECT_CUDA(cudaErrorStreamCaptureUnjoined, cudaStreamEndCapture(first, &graph));

    OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
    void* p = nullptr;
    EXPECT_CUDA(cudaErrorStreamCaptureUnsupported, cudaMalloc(&p, 4));
    EXPECT_CUDA(cudaErrorStreamCaptureUnsupported, cudaStreamSynchronize(first));
    EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(first, &graph));

    OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
    EXPECT_CUDA(cudaErrorStreamCaptureIsolation, cudaStreamWaitEvent(first, before, 0));
    EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(first, &graph));
  });
}

// The order in which a graph of independent nodes runs.
std::string order_of_nodes(const char* seed) {
  return in_process(
             {{"SEED", seed}, {"TRACE", "0"}},
             [] {
               const cudaStream_t origin = new_stream();
               const cudaEvent_t fork = new_event();
               static int numbers[6] = {0, 1, 2, 3, 4, 5};
               OK(cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal));
               OK(cudaEventRecord(fork, origin));
               for (int& n : numbers) {
                 const cudaStream_t branch = new_stream();
                 const cudaEvent_t join = new_event();
                 OK(cudaStreamWaitEvent(branch, fork, 0));
                 OK(cudaLaunchHostFunc(
                     branch, [](void* number) { std::fprintf(stderr, "%d ", *static_cast<int*>(number)); },
                     &n));
                 OK(cudaEventRecord(join, branch));
                 OK(cudaStreamWaitEvent(origin, join, 0));
               }
               cudaGraph_t graph = nullptr;
               OK(cudaStreamEndCapture(origin, &graph));
               cudaGraphExec_t executable = nullptr;
               OK(cudaGraphInstantiate(&executable, graph, 0));
               for (int replay = 0; replay < 3; ++replay) OK(cudaGraphLaunch(executable, origin));
               OK(cudaStreamSynchronize(origin));
             })
      .error;
}

TEST(FakeCudart, ASeedGivesTheSameOrderAgain) {
  EXPECT_EQ(order_of_nodes("0"), "0 1 2 3 4 5 0 1 2 3 4 5 0 1 2 3 4 5 ");
  EXPECT_EQ(order_of_nodes("11"), order_of_nodes("11"));
  EXPECT_NE(order_of_nodes("11"), order_of_nodes("12"));
}

TEST(FakeCudart, ThreadsHaveDevicesOfTheirOwn) {
  in_process({{"DEVICES", "4"}}, [] {
    int count = 0;
    OK(cudaGetDeviceCount(&count));
    EXPECT_EQ(count, 4);
    std::vector<std::thread> threads;
    for (int d = 0; d < 4; ++d)
      threads.emplace_back([d] {
        OK(cudaSetDevice(d));
        const cudaStream_t stream = new_stream();
        int* values = on_device(std::vector<int>(100, d));
        for (int k = 0; k < 10; ++k) affine(values, 100, 1, d, stream);
        OK(cudaStreamSynchronize(stream));
        EXPECT_EQ(from_device(values, 100), std::vector<int>(100, 11 * d));
      });
    for (std::thread& t : threads) t.join();
  });
}

}  // namespace
}  // namespace orrery::fake
