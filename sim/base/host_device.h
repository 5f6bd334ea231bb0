// Marks functions that nvcc compiles for the host and the device. On a CPU they are always inlined: some are
// compiled for several instruction sets, and a linker must never mix them.
#pragma once

#ifdef __CUDACC__
#define ORRERY_HOST_DEVICE __host__ __device__ inline
#else
#define ORRERY_HOST_DEVICE [[gnu::always_inline]] inline
#endif
