#include "runtime/cuda/device.h"

#include <algorithm>
#include <cstdio>

#include "runtime/cuda/check.h"
#include "sim/base/error.h"

namespace orrery::cuda {
namespace {

std::string gibibytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

std::string version(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }

// GPUs of this machine, or why there are none.
int count_gpus() {
  int count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  if (result == cudaSuccess && count > 0) return count;
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (result == cudaErrorInsufficientDriver && driver == 0)
    throw DeviceError("no NVIDIA driver: libcuda.so.1 is not there (nvidia-smi should list the GPUs)");
  if (result == cudaErrorInsufficientDriver)
    throw DeviceError("the NVIDIA driver is for CUDA " + version(driver) + ", but this build needs CUDA " +
                      version(runtime) + ": a newer driver will do");
  if (result == cudaSuccess || result == cudaErrorNoDevice)
    throw DeviceError("the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES may hide them)");
  fail(result, "GPUs can't be counted");
}

// Compute waits for what these bring, so they go first wherever the GPU has a choice.
int urgency(Stream s) {
  switch (s) {
    case Stream::compute:
    case Stream::host:
      return 0;
    case Stream::data:
    case Stream::to_device:
    case Stream::to_host:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

// What is made here is destroyed if something later fails: the object itself is whole before.
Device::Device(std::uint32_t number) : Device(Number{static_cast<int>(number)}) {
  if (const int count = count_gpus(); number_ >= count)
    throw DeviceError("rank " + std::to_string(number) + " of this machine has no GPU: there " +
                      (count == 1 ? "is 1" : "are " + std::to_string(count)) +
                      ", and every rank takes one of its own");
  use();
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, number_), "properties of GPU " + std::to_string(number_));
  char bus[32];
  std::snprintf(bus, sizeof bus, "%08x:%02x:%02x.0", static_cast<unsigned>(p.pciDomainID),
                static_cast<unsigned>(p.pciBusID), static_cast<unsigned>(p.pciDeviceID));
  properties_ = {p.name, p.totalGlobalMem, p.multiProcessorCount, p.major, p.minor, bus};
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "priorities of streams");
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const int priority = std::max(greatest, least - urgency(static_cast<Stream>(i)));
    check(cudaStreamCreateWithPriority(&streams_[i], cudaStreamNonBlocking, priority), "a stream");
  }
}

Device::~Device() {
  for (cudaStream_t s : streams_)
    if (s) cudaStreamDestroy(s);
  for (void* p : device_memory_) cudaFree(p);
  for (void* p : host_memory_) cudaFreeHost(p);
}

void Device::use() const { check(cudaSetDevice(number_), "GPU " + std::to_string(number_)); }

void* Device::allocate(std::size_t bytes) {
  void* out = nullptr;
  const cudaError_t result = cudaMalloc(&out, std::max<std::size_t>(bytes, 1));
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    throw DeviceError("out of memory on GPU " + std::to_string(number_) + " (" + properties_.name +
                      "): " + gibibytes(bytes) + " are needed, " + gibibytes(free) + " of " +
                      gibibytes(total) + " are free; another plan or smaller micro-batches may do");
  }
  check(result, "memory of GPU " + std::to_string(number_));
  device_memory_.push_back(out);
  return out;
}

void* Device::allocate_host(std::size_t bytes) {
  void* out = nullptr;
  check(cudaMallocHost(&out, std::max<std::size_t>(bytes, 1)), gibibytes(bytes) + " of pinned memory");
  host_memory_.push_back(out);
  return out;
}

}  // namespace orrery::cuda
