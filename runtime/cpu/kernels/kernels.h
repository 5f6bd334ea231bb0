// The kernels by name. Everything in namespace ORRERY_ISA is compiled once for each instruction set (see
// CMakeLists.txt), and calls library functions only where no linker could take one set's copy for another's.
#pragma once
#include "runtime/cpu/kernels/matrix_product.h"
#include "runtime/cpu/kernels/workspace.h"
#include "runtime/kernel.h"

namespace orrery::ORRERY_ISA {

// The kernel of a name, in the meaning of runtime/kernel.h.
void run(const Kernel&, Workspace&);

void matmul(const Kernel&, Workspace&);
void column_sum(const Kernel&, Workspace&);
void norm(const Kernel&, Workspace&);
void norm_gradient(const Kernel&, Workspace&);
void rotary(const Kernel&, Workspace&);
void attention(const Kernel&, Workspace&);
void attention_gradient(const Kernel&, Workspace&);
void scores(const Kernel&, Workspace&);
void softmax(const Kernel&, Workspace&);
void context(const Kernel&, Workspace&);
void context_gradient(const Kernel&, Workspace&);
void softmax_gradient(const Kernel&, Workspace&);
void scores_gradient(const Kernel&, Workspace&);
void activation(const Kernel&, Workspace&);
void activation_gradient(const Kernel&, Workspace&);
void residual(const Kernel&, Workspace&);
void residual_gradient(const Kernel&, Workspace&);
void add(const Kernel&, Workspace&);
void embedding(const Kernel&, Workspace&);
void embedding_gradient(const Kernel&, Workspace&);
void cross_entropy(const Kernel&, Workspace&);
void cross_entropy_shift(const Kernel&, Workspace&);
void cross_entropy_gradient(const Kernel&, Workspace&);
void sum_of_squares(const Kernel&, Workspace&);
void clip(const Kernel&, Workspace&);
void adamw(const Kernel&, Workspace&);
void convert(const Kernel&, Workspace&);
void zero(const Kernel&, Workspace&);

// A product of any element types: what the library does not support goes through fp32 scratch.
void multiply(const Product&, Workspace&);

}  // namespace orrery::ORRERY_ISA
