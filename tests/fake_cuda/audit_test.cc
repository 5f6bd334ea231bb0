// What the stand-ins tell of a program afterwards, and calls that are made to fail.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/fake_cuda/cudart/fake.h"
#include "tests/fake_cuda/processes.h"

namespace orrery::fake {
namespace {

std::string report() {
  char text[1000] = "";
  orrery_fake_report(text, sizeof text);
  return text;
}

TEST(FakeAudit, NamesWhatIsNotDestroyed) {
  in_process({}, [] {
    EXPECT_EQ(report(), "");
    cudaStream_t stream = nullptr;
    cudaEvent_t events[2]{};
    void *device = nullptr, *pinned = nullptr;
    cudaStreamCreate(&stream);
    for (cudaEvent_t& e : events) cudaEventCreate(&e);
    cudaMalloc(&device, 100);
    cudaMallocHost(&pinned, 100);
    EXPECT_EQ(report(),
              "left behind: 1 allocations of device memory\nleft behind: 1 allocations of pinned memory\n"
              "left behind: 2 events\nleft behind: 1 streams\n");
    cudaStreamDestroy(stream);
    for (cudaEvent_t e : events) cudaEventDestroy(e);
    cudaFree(device);
    cudaFreeHost(pinned);
    EXPECT_EQ(report(), "");
  });
}

TEST(FakeAudit, NamesWhatIsDestroyedTwiceOrUsedAfterwards) {
  in_process({}, [] {
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    void* memory = nullptr;
    cudaStreamCreate(&stream);
    cudaEventCreate(&event);
    cudaMalloc(&memory, 100);
    cudaFree(memory);
    cudaEventDestroy(event);
    const std::string no_event = "this is no event, or it was destroyed\n";
    EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
    EXPECT_EQ(report(), "cudaFree of what is no allocation of this device\nleft behind: 1 streams\n");
    EXPECT_EQ(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaStreamWaitEvent(stream, event, 0), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(report(), no_event + no_event + no_event + no_event + "left behind: 1 streams\n");
    cudaStreamDestroy(stream);
    EXPECT_EQ(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(report(), "cudaStreamDestroy of what is no stream of this device\n");
  });
}

TEST(FakeAudit, TheNthCallFails) {
  in_process({}, [] {
    cudaEvent_t event = nullptr;
    orrery_fake_break("cudaEventCreateWithFlags", 2);
    EXPECT_EQ(cudaEventCreateWithFlags(&event, 0), cudaSuccess);
    cudaEventDestroy(event);
    EXPECT_EQ(cudaEventCreateWithFlags(&event, 0), cudaErrorUnknown);
    EXPECT_EQ(cudaGetLastError(), cudaErrorUnknown);
    EXPECT_EQ(cudaEventCreateWithFlags(&event, 0), cudaSuccess);
    cudaEventDestroy(event);
    EXPECT_EQ(orrery_fake_calls("cudaEventCreateWithFlags"), 3U);
    orrery_fake_break("", 0);
    EXPECT_EQ(orrery_fake_calls("cudaEventCreateWithFlags"), 0U);
    EXPECT_EQ(report(), "");
  });
}

}  // namespace
}  // namespace orrery::fake
