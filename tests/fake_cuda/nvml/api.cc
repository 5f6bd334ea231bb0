// The functions of NVML that the plug-in asks: as many GPUs as the fake runtime has, at its places on the
// bus, with clocks and power of a made-up one. FAKE_CUDA_NVML=0: its driver is not loaded.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fake_cuda/cudart/settings.h"

namespace {

constexpr int uninitialized = 1, invalid = 2, not_found = 6, no_driver = 9;  // nvmlReturn_t
bool started = false;
int gpu;  // what a handle points to

}  // namespace

extern "C" {

int nvmlInit_v2() {
  const char* const wanted = std::getenv("FAKE_CUDA_NVML");
  if (wanted != nullptr && std::strcmp(wanted, "0") == 0) return no_driver;
  started = true;
  return 0;
}

int nvmlSystemGetDriverVersion(char* version, unsigned size) {
  if (!started) return uninitialized;
  std::snprintf(version, size, "fake");
  return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  if (!started) return uninitialized;
  unsigned domain = 0, number = 0, slot = 0;
  if (std::sscanf(bus, "%8x:%2x:%2x.0", &domain, &number, &slot) != 3) return invalid;
  if (number >= static_cast<unsigned>(orrery::fake::settings().devices)) return not_found;
  *device = &gpu;
  return 0;
}

int nvmlDeviceGetClockInfo(void* device, unsigned kind, unsigned* mhz) {
  if (device != &gpu || kind > 3) return invalid;
  *mhz = kind == 2 ? 2000 : 1000;
  return 0;
}

int nvmlDeviceGetMaxClockInfo(void* device, unsigned kind, unsigned* mhz) {
  if (device != &gpu || kind > 3) return invalid;
  *mhz = kind == 2 ? 2000 : 1500;
  return 0;
}

int nvmlDeviceGetTemperature(void* device, unsigned sensor, unsigned* celsius) {
  if (device != &gpu || sensor != 0) return invalid;
  *celsius = 40;
  return 0;
}

int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  if (device != &gpu) return invalid;
  *milliwatts = 123'400;
  return 0;
}

int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  if (device != &gpu) return invalid;
  *milliwatts = 700'000;
  return 0;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* bits) {
  if (device != &gpu) return invalid;
  *bits = 0x4;
  return 0;
}

}  // extern "C"
