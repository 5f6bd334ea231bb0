// The kernels of the running program, as nvcc's host code registers them, and their PTX as one device
// has loaded it.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/fake_cuda/cudart/device_memory.h"
#include "tests/fake_cuda/ptx/run.h"

namespace orrery::fake {

// One fat binary: its PTX texts by architecture (80 of compute_80).
struct FatBinary {
  std::map<unsigned, std::string> ptx;
};

// Reads the image that __cudaRegisterFatBinary is handed. Compressed PTX is left out.
FatBinary read_fat_binary(const void* wrapper);

struct RegisteredFunction {
  const FatBinary* binary = nullptr;
  std::string name;  // mangled
};

// Filled before main, by every object file with device code.
class Program {
 public:
  static Program& instance();
  FatBinary* add(const void* wrapper);
  void remove(FatBinary*);
  void add_function(const void* host, const FatBinary*, const char* name);
  const RegisteredFunction* function(const void* host) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<FatBinary>> binaries_;
  std::map<const void*, RegisteredFunction> functions_;
};

// Loads lazily: modules when one of their kernels is first launched. Throws ptx::Unsupported.
class LoadedProgram {
 public:
  explicit LoadedProgram(DeviceMemory& memory) : memory_(memory) {}
  const ptx::Kernel& kernel(const RegisteredFunction&);
  static unsigned architecture();  // of the PTX that was last loaded, by any device; 0: none was

 private:
  struct LoadedModule {
    ptx::Module module;
    ptx::Places places;
    std::map<std::string, ptx::Kernel> kernels;
  };
  LoadedModule& module(const FatBinary&);

  DeviceMemory& memory_;
  std::mutex mutex_;
  std::map<const FatBinary*, LoadedModule> modules_;
};

}  // namespace orrery::fake
