// The times of kernels as the GPU stamps them, by CUPTI, which is looked for at run time. Kernels of all GPUs
// of the process are seen, so only one backend of a process traces at a time. Times on CUDA's events hold the
// gaps between kernels too; these do not.
#pragma once
#include <string>
#include <vector>

#include "runtime/backend.h"

namespace orrery::cuda {

class KernelTracer {
 public:
  KernelTracer();
  // False: there is no CUPTI, of another version than this was built for, or it refuses.
  bool start();
  // Those since start(), most time first.
  std::vector<TracedKernel> finish();
  // Whether it can trace, and why not.
  Fact fact() const { return {"CUPTI", problem_.empty() ? "there" : problem_}; }

 private:
  std::string problem_;
};

}  // namespace orrery::cuda
