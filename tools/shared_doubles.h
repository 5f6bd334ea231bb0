// Numbers that a forked rank leaves for the process that started it.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <span>

#include "sim/base/error.h"

namespace orrery {

class SharedDoubles {
 public:
  explicit SharedDoubles(std::size_t n) : bytes_(n * sizeof(double)) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw DeviceError("no shared memory for results");
    values_ = {static_cast<double*>(memory), n};
  }
  ~SharedDoubles() { munmap(values_.data(), bytes_); }
  SharedDoubles(const SharedDoubles&) = delete;
  SharedDoubles& operator=(const SharedDoubles&) = delete;
  std::span<double> values() const { return values_; }

 private:
  std::size_t bytes_;
  std::span<double> values_;
};

}  // namespace orrery
