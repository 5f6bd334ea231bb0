#include "runtime/cpu/kernels/kernels.h"

namespace orrery::ORRERY_ISA {

void run(const Kernel& k, KernelWorkspace& workspace) {
  workspace.start();
  switch (k.name) {
    case KernelName::matmul:
      return matmul(k, workspace);
    case KernelName::column_sum:
      return column_sum(k, workspace);
    case KernelName::norm:
      return norm(k, workspace);
    case KernelName::norm_gradient:
      return norm_gradient(k, workspace);
    case KernelName::rotary:
      return rotary(k, workspace);
    case KernelName::attention:
      return attention(k, workspace);
    case KernelName::attention_gradient:
      return attention_gradient(k, workspace);
    case KernelName::scores:
      return scores(k, workspace);
    case KernelName::softmax:
      return softmax(k, workspace);
    case KernelName::context:
      return context(k, workspace);
    case KernelName::context_gradient:
      return context_gradient(k, workspace);
    case KernelName::softmax_gradient:
      return softmax_gradient(k, workspace);
    case KernelName::scores_gradient:
      return scores_gradient(k, workspace);
    case KernelName::activation:
      return activation(k, workspace);
    case KernelName::activation_gradient:
      return activation_gradient(k, workspace);
    case KernelName::residual:
      return residual(k, workspace);
    case KernelName::residual_gradient:
      return residual_gradient(k, workspace);
    case KernelName::add:
      return add(k, workspace);
    case KernelName::embedding:
      return embedding(k, workspace);
    case KernelName::embedding_gradient:
      return embedding_gradient(k, workspace);
    case KernelName::cross_entropy:
      return cross_entropy(k, workspace);
    case KernelName::cross_entropy_shift:
      return cross_entropy_shift(k, workspace);
    case KernelName::cross_entropy_gradient:
      return cross_entropy_gradient(k, workspace);
    case KernelName::sum_of_squares:
      return sum_of_squares(k, workspace);
    case KernelName::clip:
      return clip(k, workspace);
    case KernelName::adamw:
      return adamw(k, workspace);
    case KernelName::convert:
      return convert(k, workspace);
    case KernelName::zero:
      return zero(k, workspace);
  }
}

}  // namespace orrery::ORRERY_ISA
