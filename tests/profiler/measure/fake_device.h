// A device on a clock of its own: each kernel takes what its name and size say, and nothing is computed.
#pragma once
#include <functional>
#include <map>
#include <vector>

#include "profiler/measure/device.h"

namespace orrery::testing {

// The ticks of a kernel.
using KernelTime = std::function<Tick(const Kernel&)>;
// Of the multiplications of a product, else of the elements of the first output.
Tick by_size(const Kernel&);

struct FakeLog {
  std::vector<KernelName> kernels;         // in order of launching
  std::vector<std::size_t> filled_before;  // indices into `kernels` that follow copies
  int devices = 0;                         // made so far
};
WithDevice fake_device(KernelTime, FakeLog* = nullptr);

}  // namespace orrery::testing
