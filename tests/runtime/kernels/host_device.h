// Host memory and run() as the device of a case. Every operand is an allocation of its own, of its exact
// size, so that the address sanitizer sees each step beyond.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/cpu/kernels/run.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery::test {

class HostDevice final : public Device {
 public:
  explicit HostDevice(MatrixLibrary library = fastest_matrix_library(), Isa isa = best_isa())
      : workspace_(library, isa) {}

  void* allocate(std::size_t bytes) override {
    return memory_.emplace_back(std::make_unique<std::byte[]>(bytes)).get();
  }
  void upload(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void launch(const Kernel& kernel) override { run(kernel, workspace_); }

 private:
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  KernelWorkspace workspace_;
};

}  // namespace orrery::test
