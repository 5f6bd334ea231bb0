#include "runtime/cpu/kernels/run.h"

#include <algorithm>
#include <iterator>

#include "runtime/cpu/kernels/isa.h"
#include "runtime/cpu/kernels/matrix_product.h"
#include "sim/base/error.h"

#ifdef __x86_64__
#define ORRERY_FOR_EACH_ISA(X) X(portable) X(avx2) X(avx512)
#else
#define ORRERY_FOR_EACH_ISA(X) X(portable)
#endif

#define ORRERY_DECLARE(isa)                         \
  namespace orrery::isa {                           \
  void run(const Kernel&, KernelWorkspace&);        \
  std::unique_ptr<MatrixProducts> eigen_products(); \
  }
ORRERY_FOR_EACH_ISA(ORRERY_DECLARE)

namespace orrery {

bool supported(Isa isa) {
#ifdef __x86_64__
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return isa == Isa::portable;
}

Isa best_isa() {
  for (const Isa isa : {Isa::avx512, Isa::avx2})
    if (supported(isa)) return isa;
  return Isa::portable;
}

void run(const Kernel& kernel, KernelWorkspace& workspace) {
  const auto known = [](const TensorRef& t) { return t.dtype != DType::fp16 && t.dtype != DType::fp8; };
  ORRERY_CHECK(std::all_of(std::begin(kernel.in), std::end(kernel.in), known));
  ORRERY_CHECK(std::all_of(std::begin(kernel.out), std::end(kernel.out), known));
#define ORRERY_RUN(name) \
  if (workspace.isa() == Isa::name) return name::run(kernel, workspace);
  ORRERY_FOR_EACH_ISA(ORRERY_RUN)
}

MatrixProducts::~MatrixProducts() = default;

std::unique_ptr<MatrixProducts> eigen_products(Isa isa) {
#define ORRERY_EIGEN(name) \
  if (isa == Isa::name) return name::eigen_products();
  ORRERY_FOR_EACH_ISA(ORRERY_EIGEN)
  return nullptr;
}

}  // namespace orrery
