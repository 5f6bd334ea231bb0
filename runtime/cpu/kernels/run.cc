#include "runtime/cpu/kernels/run.h"

namespace orrery {

namespace portable {
void run(const Kernel&, Workspace&);
}
#ifdef ORRERY_X86_ISAS
namespace avx2 {
void run(const Kernel&, Workspace&);
}
namespace avx512 {
void run(const Kernel&, Workspace&);
}
#endif

void run(const Kernel& kernel, Workspace& workspace) {
#ifdef ORRERY_X86_ISAS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return avx512::run(kernel, workspace);
  if (__builtin_cpu_supports("avx2")) return avx2::run(kernel, workspace);
#endif
  portable::run(kernel, workspace);
}

}  // namespace orrery
