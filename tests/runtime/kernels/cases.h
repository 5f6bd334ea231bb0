// The arithmetic part of the conformance suite: one list of invocations that any backend which computes must
// agree on with the reference, within the rounding of their element types.
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "tests/runtime/kernels/reference.h"

namespace orrery::test {

// All kernels, with the shapes and attributes that make them take different ways; fp32.
std::vector<Invocation> kernel_cases();
// The same in mixed precision: operands in bf16 where they may be, values rounded to it.
Invocation in_bf16(Invocation);

// What a case needs of a device. Memory lives as long as the device.
class Device {
 public:
  virtual ~Device() = default;
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  virtual void launch(const Kernel&) = 0;  // download() waits for it; operands live until then
};

// Launches an invocation and returns it as the device left it.
Invocation launched(const Invocation&, Device&);
// Success if all outputs are what the reference computes, else where they differ most.
::testing::AssertionResult agrees(const Invocation&, Device&);
// As agrees(), of results that are at hand; `before` gives the element types.
::testing::AssertionResult near(const Invocation& got, const Invocation& want);

}  // namespace orrery::test
