// Kernels for the tests of the runtime, compiled by nvcc into a fat binary as a program's own are.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>

void add(float* sum, const float* a, const float* b, int n, cudaStream_t);  // sum = a + b
void affine(int* values, int n, int factor, int offset, cudaStream_t);  // values = values * factor + offset
void use_shared(int* out, int threads, std::size_t bytes);              // at most 64 threads
cudaError_t allow_shared(int bytes);
