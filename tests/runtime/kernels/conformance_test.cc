#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

std::vector<MatrixLibrary> libraries() {
  std::vector<MatrixLibrary> found;
  for (const MatrixLibrary library : {MatrixLibrary::onednn, MatrixLibrary::eigen})
    if (available(library)) found.push_back(library);
  return found;
}

TEST(KernelCases, CoverEveryKernel) {
  std::vector<bool> covered(kernel_count, false);
  for (const Invocation& v : kernel_cases()) covered[static_cast<std::size_t>(v.kernel)] = true;
  for (std::size_t k = 0; k < kernel_count; ++k) EXPECT_TRUE(covered[k]) << name(static_cast<KernelName>(k));
}

TEST(KernelCases, AgreeWithTheReference) {
  for (const MatrixLibrary library : libraries())
    for (const Invocation& v : kernel_cases()) {
      HostDevice device(library);
      EXPECT_TRUE(agrees(v, device)) << v.label << ", library " << static_cast<int>(library);
    }
}

TEST(KernelCases, AgreeWithTheReferenceInBf16) {
  for (const MatrixLibrary library : libraries())
    for (const Invocation& v : kernel_cases()) {
      HostDevice device(library);
      EXPECT_TRUE(agrees(in_bf16(v), device)) << v.label << ", library " << static_cast<int>(library);
    }
}

}  // namespace
}  // namespace orrery::test
