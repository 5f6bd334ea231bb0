// Kernels for the tests of the PTX interpreter; each has its counterpart in host arithmetic in ptx_test.cc.
#include <assert.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#define KERNEL extern "C" __global__ void

KERNEL add_vectors(float* sum, const float* a, const float* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) sum[i] = a[i] + b[i];
}

// out: 5 values a thread: sum over the warp, the left neighbour's, the right neighbour's in groups of 8, lane
// 3's, and whether the left neighbour is there.
KERNEL shuffles(int* out, const int* in) {
  const int i = threadIdx.x;
  int sum = in[i];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffff, sum, lanes);
  out[5 * i] = sum;
  out[5 * i + 1] = __shfl_up_sync(0xffffffff, in[i], 1);
  out[5 * i + 2] = __shfl_down_sync(0xffffffff, in[i], 1, 8);
  out[5 * i + 3] = __shfl_sync(0xffffffff, in[i], 3);
  // Half of the warp by itself.
  out[5 * i + 4] =
      i % 2 == 0 ? __shfl_xor_sync(0x55555555, in[i], 2) : -__shfl_xor_sync(0xaaaaaaaa, in[i], 4);
}

KERNEL votes(unsigned* out, const int* in) {
  const int i = threadIdx.x;
  out[4 * i] = __ballot_sync(0xffffffff, in[i] > 0);
  out[4 * i + 1] =
      static_cast<unsigned>(__any_sync(0xffffffff, in[i] == 7)) + 2 * __all_sync(0xffffffff, in[i] < 100);
  out[4 * i + 2] = __match_any_sync(0xffffffff, in[i]);
  out[4 * i + 3] = __reduce_add_sync(0xffffffff, static_cast<unsigned>(in[i]));
}

template <class T>
__device__ T block_sum(T value, T* shared) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_down_sync(0xffffffff, value, lanes);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x < blockDim.x / 32 ? shared[threadIdx.x] : T(0);
  if (threadIdx.x < 32)
    for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_down_sync(0xffffffff, value, lanes);
  return value;
}

KERNEL sum_rows(float* sums, const float* in, int columns) {
  __shared__ float shared[32];
  float sum = 0;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += in[blockIdx.x * columns + c];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

KERNEL sum_rows_double(double* sums, const double* in, int columns) {
  __shared__ double shared[32];
  double sum = 0;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += in[blockIdx.x * columns + c];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// The block's values backwards, through dynamic shared memory.
KERNEL reverse(int* out, const int* in) {
  extern __shared__ int values[];
  values[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

KERNEL atomics(unsigned* counts, float* sum, int* extreme, unsigned long long* wide, const int* in) {
  __shared__ unsigned local;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x == 0) local = 0;
  __syncthreads();
  atomicAdd(&local, 1u);
  atomicAdd(&counts[in[i] % 8], 1u);
  atomicAdd(sum, static_cast<float>(in[i]));
  atomicMax(&extreme[0], in[i]);
  atomicMin(&extreme[1], in[i]);
  atomicXor(&counts[8], static_cast<unsigned>(in[i]));
  atomicAdd(wide, 1ull << 33);
  atomicCAS(&counts[9], 5u, 77u);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(&counts[10], local);
}

KERNEL bfloats(__nv_bfloat16* out, float* back, const float* in, const __nv_bfloat162* pairs,
               __nv_bfloat162* pair_out) {
  const int i = threadIdx.x;
  out[i] = __float2bfloat16(in[i]);
  back[i] = __bfloat162float(out[i]) * 3.0f;
  pair_out[2 * i] = __hfma2(pairs[i], pairs[i], pairs[i]);
  pair_out[2 * i + 1] = __floats2bfloat162_rn(in[i], -in[i]);
}

KERNEL halves(__half* out, float* back, const float* in) {
  const int i = threadIdx.x;
  const __half x = __float2half(in[i]);
  out[3 * i] = x;
  out[3 * i + 1] = __hadd(x, __float2half(1.5f));
  out[3 * i + 2] = __hfma(x, x, x);
  back[i] = __half2float(__hmul(x, x));
}

KERNEL vectors(uint4* out, const uint4* in, float2* floats, uchar4* bytes, short2* shorts) {
  const int i = threadIdx.x;
  const uint4 v = in[i];
  out[i] = make_uint4(v.w, v.z, v.y, v.x);
  const float2 f = floats[i];
  floats[i] = make_float2(f.y, f.x);
  const uchar4 b = bytes[i];
  bytes[i] = make_uchar4(b.w, b.x, b.y, b.z);
  const short2 s = shorts[i];
  shorts[i] = make_short2(static_cast<short>(s.x + s.y), static_cast<short>(s.x - s.y));
}

// Steps of the Collatz sequence to 1: every lane loops another number of times.
KERNEL collatz(int* steps, const int* in) {
  int n = in[threadIdx.x], count = 0;
  while (n != 1) {
    if (n % 2 == 0) {
      n /= 2;
    } else {
      n = 3 * n + 1;
    }
    ++count;
  }
  steps[threadIdx.x] = count;
}

KERNEL doubles(double* out, const double* in) {
  const int i = threadIdx.x;
  const double x = in[i];
  out[6 * i] = x / 3.0 + sqrt(fabs(x));
  out[6 * i + 1] = fma(x, x, -1.0);
  out[6 * i + 2] = fmin(x, 0.5);
  out[6 * i + 3] = static_cast<double>(static_cast<float>(x));
  out[6 * i + 4] = static_cast<double>(static_cast<long long>(x));
  out[6 * i + 5] = exp(x / 100);
}

__device__ uint4 philox(uint2 key, uint4 counter) {
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xd2511f53u, counter.x), low0 = 0xd2511f53u * counter.x;
    const unsigned high1 = __umulhi(0xcd9e8d57u, counter.z), low1 = 0xcd9e8d57u * counter.z;
    counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key.x += 0x9e3779b9u;
    key.y += 0xbb67ae85u;
  }
  return counter;
}

KERNEL random_numbers(uint4* out, unsigned long long seed) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = philox(make_uint2(static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)),
                  make_uint4(i, 0, 5, 9));
}

KERNEL wide_integers(unsigned long long* out, const unsigned long long* in) {
  const int i = threadIdx.x;
  const unsigned long long a = in[i], b = in[i + 1];
  const long long sa = static_cast<long long>(a), sb = static_cast<long long>(b);
  out[8 * i] = __umul64hi(a, b);
  out[8 * i + 1] = static_cast<unsigned long long>(__mul64hi(sa, sb));
  out[8 * i + 2] = a / (b | 1);
  out[8 * i + 3] = static_cast<unsigned long long>(sa % (sb | 1));
  out[8 * i + 4] = (a << (b % 64)) ^ (a >> (b % 64));
  out[8 * i + 5] = static_cast<unsigned long long>(sa >> (b % 64)) + (sa < sb);
  out[8 * i + 6] = static_cast<unsigned long long>(__popcll(a)) +
                   100 * static_cast<unsigned long long>(__clzll(static_cast<long long>(a | 1)));
  out[8 * i + 7] = __brevll(a) + static_cast<unsigned long long>(max(sa, sb));
}

KERNEL narrow_integers(int* out, const int* in) {
  const int i = threadIdx.x;
  const int a = in[i], b = in[i + 1];
  const unsigned ua = static_cast<unsigned>(a), ub = static_cast<unsigned>(b);
  out[8 * i] = static_cast<int>(__brev(ua)) + __clz(a) + __popc(ua) + __ffs(a);
  out[8 * i + 1] =
      static_cast<int>(__funnelshift_l(ua, ub, 7)) ^ static_cast<int>(__funnelshift_r(ua, ub, ub));
  out[8 * i + 2] = static_cast<int>(__byte_perm(ua, ub, 0x2715));
  out[8 * i + 3] = a / (b | 1) + a % (b | 1);
  out[8 * i + 4] = static_cast<int>(ua / (ub | 1) + ua % (ub | 1));
  out[8 * i + 5] = abs(a % 1000) - min(a, b) + static_cast<short>(a) * static_cast<signed char>(b);
  out[8 * i + 6] = (a >> (ub % 32)) + (a < b ? 5 : 9) + (ua < ub ? 100 : 300);
  out[8 * i + 7] = __mulhi(a, b) + static_cast<int>(static_cast<unsigned short>(a) >> 3);
}

KERNEL conversions(int* out, const float* in) {
  const int i = threadIdx.x;
  const float x = in[i];
  out[8 * i] = static_cast<int>(x);
  out[8 * i + 1] = __float2int_rn(x);
  out[8 * i + 2] = __float2int_rd(x);
  out[8 * i + 3] = static_cast<int>(__float2uint_rz(x));
  out[8 * i + 4] = __float_as_int(rintf(x));
  out[8 * i + 5] = __float_as_int(floorf(x) + ceilf(x) * 2 + truncf(x) * 4);
  out[8 * i + 6] =
      __float_as_int(static_cast<float>(static_cast<long long>(x)) + static_cast<float>(i - 100));
  out[8 * i + 7] = __float_as_int(__saturatef(x)) + isnan(x) + 2 * isinf(x);
}

KERNEL mathematics(float* out, const float* in) {
  const int i = threadIdx.x;
  const float x = in[i], size = fabsf(x) + 0.01f;
  float* o = out + 16 * i;
  o[0] = expf(x);
  o[1] = logf(size);
  o[2] = sinf(x);
  o[3] = cosf(x);
  o[4] = tanhf(x);
  o[5] = erff(x);
  o[6] = powf(size, 1.7f);
  o[7] = rsqrtf(size);
  o[8] = sqrtf(size);
  o[9] = 1.0f / x;
  o[10] = __expf(x);
  o[11] = __fdividef(x, size);
  o[12] = log2f(size);
  o[13] = exp2f(x);
  o[14] = fmaf(x, x, 1.0f);
  o[15] = log1pf(size) + expm1f(x);
}

struct Parameters {
  int* out;
  int weights[5];
  short offset;
};

// A structure by value, an array in local memory, a table in constant data.
KERNEL local_arrays(Parameters p, const int* in) {
  const int i = threadIdx.x;
  const int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
  int values[8];
  for (int k = 0; k < 8; ++k) values[k] = in[i] * table[k] + p.weights[k % 5];
  for (int k = 0; k < in[i] % 8; ++k) values[in[k] & 7] += k;
  p.out[i] = values[in[i] & 7] + table[in[i + 1] & 7] + p.offset;
}

// --- programs with a mistake

KERNEL store_out_of_bounds(float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) out[i] = 1;
}

KERNEL missing_barrier(int* out, const int* in) {
  __shared__ int values[64];
  values[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = values[63 - threadIdx.x];
}

KERNEL missing_warp_barrier(int* out, const int* in, int synchronise) {
  __shared__ int values[32];
  values[threadIdx.x] = in[threadIdx.x];
  if (synchronise) __syncwarp();
  out[threadIdx.x] = values[31 - threadIdx.x];
}

KERNEL missing_second_barrier(int* out, const int* in, int rounds) {
  __shared__ int values[64];
  int sum = 0;
  for (int round = 0; round < rounds; ++round) {
    values[threadIdx.x] = in[threadIdx.x] + round;
    __syncthreads();
    sum += values[63 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

KERNEL uninitialised_shared(int* out) {
  __shared__ int values[64];
  if (threadIdx.x < 32) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

KERNEL shared_out_of_bounds(int* out, int n) {
  __shared__ int values[64];
  values[threadIdx.x + n] = 1;
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}

KERNEL divergent_barrier(int* out) {
  if (threadIdx.x < 16) {
    out[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = 2;
  } else {
    __syncthreads();
    out[threadIdx.x] = 3;
  }
}

KERNEL shuffle_without_partner(int* out) {
  if (threadIdx.x < 16)
    out[threadIdx.x] = __shfl_xor_sync(0xffffffff, threadIdx.x, 1);
  else
    __syncthreads();
}

KERNEL misaligned(char* bytes) { *reinterpret_cast<int*>(bytes + threadIdx.x) = 1; }

KERNEL asserts(const int* in) { assert(in[threadIdx.x] < 5); }

KERNEL endless(volatile int* flag) {
  while (*flag == 0) {
  }
}

__device__ __noinline__ float called(float x) { return x * 2; }
KERNEL calls_function(float* out) { out[threadIdx.x] = called(out[threadIdx.x]); }
