// The kernels on a GPU at random shapes, odd ones among them, against the reference in double precision. (The
// conformance suite holds them to the cases that all backends share.) And the same bits from the same launch.
#include <cstdlib>
#include <set>

#include "tests/runtime/cuda/draws.h"
#include "tests/runtime/cuda/gpu.h"

namespace orrery {
namespace {

using test::Invocation;
using testing::Gpu;

void on_gpu(const std::function<void(Gpu&)>& body) {
  const auto errors = testing::play_on_cuda(1, comm::Sharing::threads, [&](Backend& backend, std::uint32_t) {
    Gpu gpu(backend);
    body(gpu);
  });
  EXPECT_EQ(errors[0], "");
}

class CudaKernels : public ::testing::TestWithParam<unsigned> {};

TEST_P(CudaKernels, AgreeWithTheReferenceAtRandomShapes) {
  const unsigned rounds = std::getenv("ORRERY_TEST_ALL") ? 40 : 6;
  on_gpu([&](Gpu& gpu) {
    for (unsigned round = 0; round < rounds; ++round)
      for (const Invocation& v : testing::drawn_invocations(1000 * GetParam() + round))
        for (const Invocation& each : {v, test::in_bf16(v)}) {
          gpu.reset();
          EXPECT_TRUE(test::agrees(each, gpu)) << each.label;
        }
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, CudaKernels, ::testing::Range(0U, 4U));

TEST(CudaKernels, AreAllDrawn) {
  std::set<KernelName> drawn;
  for (const Invocation& v : testing::drawn_invocations(0)) drawn.insert(v.kernel);
  EXPECT_EQ(drawn.size(), kernel_count);
}

// The stand-ins run the newest PTX that the GPU they stand for can run: tests run on two of them.
TEST(CudaKernels, RunFromThePtxOfTheGpusArchitecture) {
  on_gpu([&](Gpu& gpu) { test::launched(testing::drawn_invocations(0).front(), gpu); });
  auto* const architecture = testing::stand_in_function<unsigned()>("orrery_fake_architecture");
  if (architecture == nullptr) GTEST_SKIP() << "a GPU";
  const char* capability = std::getenv("FAKE_CUDA_CAPABILITY");
  EXPECT_EQ(std::to_string(architecture()), capability != nullptr ? capability : "90");
}

TEST(CudaKernels, GiveTheSameBitsAgain) {
  on_gpu([&](Gpu& gpu) {
    for (const Invocation& v : testing::drawn_invocations(7)) {
      gpu.reset();
      const Invocation once = test::launched(v, gpu);
      gpu.reset();
      const Invocation again = test::launched(v, gpu);
      for (std::size_t i = 0; i < once.out.size(); ++i)
        EXPECT_EQ(once.out[i].values, again.out[i].values) << v.label << ", output " << i;
    }
  });
}

}  // namespace
}  // namespace orrery
