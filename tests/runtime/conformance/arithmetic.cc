// The kernels, by the cases and the reference of tests/runtime/kernels.
#include "tests/runtime/conformance/conformance.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery::testing {
namespace {

class BackendDevice final : public test::Device {
 public:
  BackendDevice(Backend& backend, Slab& device, Slab& host)
      : backend_(backend), device_(device), host_(host) {
    device_.reset();
    host_.reset();
  }
  void* allocate(std::size_t bytes) override { return device_.take(bytes); }
  void upload(void* to, const void* from, std::size_t bytes) override {
    void* const pinned = host_.take(bytes);
    std::memcpy(pinned, from, bytes);
    backend_.copy(to, pinned, {static_cast<std::int64_t>(bytes)}, Stream::compute);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    void* const pinned = host_.take(bytes);
    backend_.copy(pinned, from, {static_cast<std::int64_t>(bytes)}, Stream::compute);
    backend_.synchronize();
    std::memcpy(to, pinned, bytes);
  }
  void launch(const Kernel& kernel) override { backend_.launch(kernel, Stream::compute); }

 private:
  Backend& backend_;
  Slab &device_, &host_;
};

TEST_P(Conformance, KernelsAgreeWithTheReference) {
  play(1, [](Backend& backend, std::uint32_t) {
    if (!backend.properties().computes) return;
    Slab device(backend, Memory::device, 64 << 20), host(backend, Memory::host, 128 << 20);
    for (const test::Invocation& v : test::kernel_cases())
      for (const test::Invocation& each : {v, test::in_bf16(v)}) {
        BackendDevice place(backend, device, host);
        EXPECT_TRUE(test::agrees(each, place)) << each.label;
      }
  });
}

}  // namespace
}  // namespace orrery::testing
