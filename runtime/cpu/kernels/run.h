// The kernels of runtime/kernel.h on one CPU thread. Matrix products go to a library; all other loops are
// compiled for several instruction sets, and the best that the machine has is chosen at run time.
#pragma once
#include "runtime/cpu/kernels/workspace.h"
#include "runtime/kernel.h"

namespace orrery {

// Runs a kernel to its end. Operands must be as runtime/kernel.h says; of that, only the element types are
// checked. Throws DeviceError if there is no memory for scratch or a library fails.
void run(const Kernel&, KernelWorkspace&);

}  // namespace orrery
