// The kernels by name. Everything in namespace ORRERY_ISA is compiled once for each instruction set (see
// CMakeLists.txt), and calls library functions only where no linker could take one set's copy for another's.
#pragma once
#include "runtime/cpu/kernels/matrix_product.h"
#include "runtime/cpu/kernels/workspace.h"
#include "runtime/kernel.h"

namespace orrery::ORRERY_ISA {

// The kernel of a name, in the meaning of runtime/kernel.h.
void run(const Kernel&, KernelWorkspace&);

void matmul(const Kernel&, KernelWorkspace&);
void column_sum(const Kernel&, KernelWorkspace&);
void norm(const Kernel&, KernelWorkspace&);
void norm_gradient(const Kernel&, KernelWorkspace&);
void rotary(const Kernel&, KernelWorkspace&);
void attention(const Kernel&, KernelWorkspace&);
void attention_gradient(const Kernel&, KernelWorkspace&);
void scores(const Kernel&, KernelWorkspace&);
void softmax(const Kernel&, KernelWorkspace&);
void context(const Kernel&, KernelWorkspace&);
void context_gradient(const Kernel&, KernelWorkspace&);
void softmax_gradient(const Kernel&, KernelWorkspace&);
void scores_gradient(const Kernel&, KernelWorkspace&);
void activation(const Kernel&, KernelWorkspace&);
void activation_gradient(const Kernel&, KernelWorkspace&);
void residual(const Kernel&, KernelWorkspace&);
void residual_gradient(const Kernel&, KernelWorkspace&);
void add(const Kernel&, KernelWorkspace&);
void embedding(const Kernel&, KernelWorkspace&);
void embedding_gradient(const Kernel&, KernelWorkspace&);
void cross_entropy(const Kernel&, KernelWorkspace&);
void cross_entropy_shift(const Kernel&, KernelWorkspace&);
void cross_entropy_gradient(const Kernel&, KernelWorkspace&);
void sum_of_squares(const Kernel&, KernelWorkspace&);
void clip(const Kernel&, KernelWorkspace&);
void adamw(const Kernel&, KernelWorkspace&);
void convert(const Kernel&, KernelWorkspace&);
void zero(const Kernel&, KernelWorkspace&);

// A product of any element types: what the library does not support goes through fp32 scratch.
void multiply(const Product&, KernelWorkspace&);

}  // namespace orrery::ORRERY_ISA
