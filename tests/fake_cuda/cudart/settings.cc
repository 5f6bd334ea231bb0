#include "tests/fake_cuda/cudart/settings.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

namespace orrery::fake {
namespace {

std::uint64_t read(const char* name, std::uint64_t otherwise) {
  const std::string variable = std::string("FAKE_CUDA_") + name;
  const char* text = std::getenv(variable.c_str());
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (*end == '\0') return value;
  std::fprintf(stderr, "fake cuda: %s: expected a number, found '%s'\n", variable.c_str(), text);
  std::abort();
}

Settings from_environment() {
  Settings s;
  s.devices = static_cast<int>(read("DEVICES", static_cast<std::uint64_t>(s.devices)));
  s.driver = static_cast<int>(read("DRIVER", static_cast<std::uint64_t>(s.driver)));
  s.memory = read("MEMORY", s.memory);
  s.seed = read("SEED", s.seed);
  s.delay_us = read("DELAY_US", s.delay_us);
  s.check_shared = read("CHECK_SHARED", 1) != 0;
  s.serial_nccl = read("SERIAL_NCCL", 0) != 0;
  s.trace = read("TRACE", 0) != 0;
  s.capability = static_cast<int>(read("CAPABILITY", static_cast<std::uint64_t>(s.capability)));
  s.timeout_ms = read("TIMEOUT_MS", s.timeout_ms);
  return s;
}

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

const Settings& settings() {
  static const Settings s = from_environment();
  return s;
}

std::uint64_t mixed(std::uint64_t seed, std::uint64_t device, std::uint64_t stream, std::uint64_t operation) {
  std::uint64_t x = seed;
  for (const std::uint64_t next : {device, stream, operation}) x = scramble(x + 0x9e3779b97f4a7c15ULL + next);
  return x;
}

}  // namespace orrery::fake
