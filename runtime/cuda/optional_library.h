// A library that may be missing, and its functions by name.
#pragma once
#include <dlfcn.h>

namespace orrery::cuda {

// Stays loaded.
class OptionalLibrary {
 public:
  explicit OptionalLibrary(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
  explicit operator bool() const { return handle_ != nullptr; }
  // nullptr: it has none of that name, or is missing.
  template <class Function>
  Function find(const char* name) const {
    return handle_ ? reinterpret_cast<Function>(dlsym(handle_, name)) : nullptr;
  }

 private:
  void* handle_;
};

}  // namespace orrery::cuda
