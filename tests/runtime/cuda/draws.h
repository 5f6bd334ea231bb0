// Invocations of all kernels at random shapes, odd ones among them; in fp32.
#pragma once
#include <vector>

#include "tests/runtime/kernels/reference.h"

namespace orrery::testing {

// A function of the seed; every kernel at least once.
std::vector<test::Invocation> drawn_invocations(unsigned seed);

}  // namespace orrery::testing
