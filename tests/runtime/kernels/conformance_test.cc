#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

// Every matrix library and every instruction set that this machine has, by turns.
std::vector<std::pair<MatrixLibrary, Isa>> ways() {
  std::vector<std::pair<MatrixLibrary, Isa>> found;
  for (const MatrixLibrary library : {MatrixLibrary::onednn, MatrixLibrary::eigen})
    for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512})
      if (available(library) && supported(isa)) found.emplace_back(library, isa);
  return found;
}

std::string label(const Invocation& v, std::pair<MatrixLibrary, Isa> way) {
  return v.label + ", library " + std::to_string(static_cast<int>(way.first)) + ", instruction set " +
         std::to_string(static_cast<int>(way.second));
}

TEST(KernelCases, CoverEveryKernel) {
  std::vector<bool> covered(kernel_count, false);
  for (const Invocation& v : kernel_cases()) covered[static_cast<std::size_t>(v.kernel)] = true;
  for (std::size_t k = 0; k < kernel_count; ++k) EXPECT_TRUE(covered[k]) << name(static_cast<KernelName>(k));
}

void expect_agreement(const Invocation& before) {
  Invocation want = before;
  compute(want);
  for (const auto& way : ways()) {
    HostDevice device(way.first, way.second);
    EXPECT_TRUE(near(launched(before, device), want)) << label(before, way);
  }
}

TEST(KernelCases, AgreeWithTheReference) {
  for (const Invocation& v : kernel_cases()) expect_agreement(v);
}

TEST(KernelCases, AgreeWithTheReferenceInBf16) {
  for (const Invocation& v : kernel_cases()) expect_agreement(in_bf16(v));
}

}  // namespace
}  // namespace orrery::test
