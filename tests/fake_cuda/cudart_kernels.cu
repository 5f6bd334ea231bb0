#include "tests/fake_cuda/cudart_kernels.h"

namespace {

__global__ void add_kernel(float* sum, const float* a, const float* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) sum[i] = a[i] + b[i];
}

__global__ void affine_kernel(int* values, int n, int factor, int offset) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] = values[i] * factor + offset;
}

__global__ void __launch_bounds__(64) shared_kernel(int* out) {
  extern __shared__ int values[];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = values[threadIdx.x];
}

}  // namespace

void add(float* sum, const float* a, const float* b, int n, cudaStream_t stream) {
  add_kernel<<<(n + 63) / 64, 64, 0, stream>>>(sum, a, b, n);
}
void affine(int* values, int n, int factor, int offset, cudaStream_t stream) {
  affine_kernel<<<(n + 63) / 64, 64, 0, stream>>>(values, n, factor, offset);
}
void use_shared(int* out, int threads, std::size_t bytes) { shared_kernel<<<1, threads, bytes>>>(out); }
cudaError_t allow_shared(int bytes) {
  return cudaFuncSetAttribute(shared_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}
