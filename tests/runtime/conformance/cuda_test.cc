// The CUDA plug-in, ranks as threads.
#include <algorithm>

#include "tests/runtime/conformance/conformance.h"
#include "tests/runtime/cuda/ranks.h"

namespace orrery::testing {
namespace {

class CudaWorld final : public World {
 public:
  std::uint32_t most_ranks() const override { return std::min(3U, gpus()); }

  std::vector<std::string> play(std::uint32_t ranks,
                                const std::function<void(Backend&, std::uint32_t)>& body) override {
    return play_on_cuda(ranks, comm::Sharing::threads, body);
  }
};

INSTANTIATE_TEST_SUITE_P(Cuda, Conformance, ::testing::Values([]() -> std::unique_ptr<World> {
                           return std::make_unique<CudaWorld>();
                         }));

}  // namespace
}  // namespace orrery::testing
