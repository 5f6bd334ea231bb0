#include "runtime/cpu/kernels/workspace.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "tests/runtime/kernels/host_device.h"

namespace {

std::atomic<long> allocations{0};  // by operator new, of this program and of the libraries it loads

}  // namespace

// Not inlined: GCC would take malloc and free, seen apart, for a mistake.
[[gnu::noinline]] void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace orrery::test {
namespace {

// Launches each kernel three times and counts what the last launch allocates.
class CountingDevice final : public Device {
 public:
  explicit CountingDevice(KernelWorkspace& workspace) : workspace_(workspace) {}
  void* allocate(std::size_t bytes) override { return host_.allocate(bytes); }
  void upload(void* to, const void* from, std::size_t bytes) override { host_.upload(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) override { host_.download(to, from, bytes); }
  void launch(const Kernel& kernel) override {
    run(kernel, workspace_);
    run(kernel, workspace_);
    const long before = allocations;
    run(kernel, workspace_);
    counted = allocations - before;
  }
  long counted = 0;

 private:
  HostDevice host_;
  KernelWorkspace& workspace_;
};

// oneDNN itself makes a few small objects a product (its arguments' table), which are not ours to keep.
TEST(KernelWorkspace, NothingIsAllocatedOnceWarm) {
  for (const Invocation& v : kernel_cases()) {
    KernelWorkspace workspace(MatrixLibrary::eigen);
    CountingDevice device(workspace);
    launched(v, device);
    EXPECT_EQ(device.counted, 0) << v.label;
  }
}

TEST(KernelWorkspace, ScratchIsAlignedAndGrowsToOneBlock) {
  KernelWorkspace workspace;
  for (int round = 0; round < 3; ++round) {
    workspace.start();
    for (const std::int64_t n : {1, 17, 100000}) {
      float* p = workspace.floats(n);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0U);
      for (std::int64_t i = 0; i < n; ++i) p[i] = 1;
    }
  }
  workspace.start();
  const float* first = workspace.floats(16);
  EXPECT_EQ(workspace.floats(16), first + 16);
}

TEST(KernelWorkspace, ReleasedScratchIsGivenAgain) {
  KernelWorkspace workspace;
  workspace.start();
  workspace.floats(64);
  workspace.start();
  workspace.floats(16);
  const std::size_t mark = workspace.mark();
  const float* first = workspace.floats(16);
  workspace.release(mark);
  EXPECT_EQ(workspace.floats(16), first);
}

// Ranks may be threads of one process: each has a workspace, and nothing else is shared.
TEST(KernelWorkspace, RanksAreThreads) {
  std::vector<std::thread> ranks;
  std::atomic<int> wrong{0};
  for (int rank = 0; rank < 3; ++rank)
    ranks.emplace_back([&wrong] {
      HostDevice device;
      for (const Invocation& v : kernel_cases()) wrong += agrees(v, device) ? 0 : 1;
    });
  for (std::thread& rank : ranks) rank.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace orrery::test
