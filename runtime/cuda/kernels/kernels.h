// The kernels of runtime/kernel.h on a GPU, one file a family. Each queues its work on the launch's stream;
// all sums are in a fixed order, so that the same launch gives the same bits.
#pragma once
#include "runtime/cuda/launch.h"
#include "runtime/kernel.h"

namespace orrery::cuda {

// *to = the values, in the order of the stream.
void set_step(StepValues* to, const StepValues&, cudaStream_t);

// pointwise.cu
void rotary(const Kernel&, const Launch&);
void activation(const Kernel&, const Launch&);
void activation_gradient(const Kernel&, const Launch&);
void residual(const Kernel&, const Launch&);
void residual_gradient(const Kernel&, const Launch&);
void add(const Kernel&, const Launch&);
void convert(const Kernel&, const Launch&);
void zero(const Kernel&, const Launch&);
// out = from in another element type, for operands of products.
void convert(const TensorRef& from, const TensorRef& to, cudaStream_t);
// Rows of `from` to rows that lie `stride` elements apart.
void convert_rows(const TensorRef& from, void* to, DType, std::int64_t stride, cudaStream_t);

// rows.cu
void column_sum(const Kernel&, const Launch&);
void norm(const Kernel&, const Launch&);
void norm_gradient(const Kernel&, const Launch&);
void softmax(const Kernel&, const Launch&);
void softmax_gradient(const Kernel&, const Launch&);

// loss.cu
void cross_entropy(const Kernel&, const Launch&);
void cross_entropy_shift(const Kernel&, const Launch&);
void cross_entropy_gradient(const Kernel&, const Launch&);

// embedding.cu
void embedding(const Kernel&, const Launch&);
void embedding_gradient(const Kernel&, const Launch&);

// update.cu
void sum_of_squares(const Kernel&, const Launch&);
void clip(const Kernel&, const Launch&);
void adamw(const Kernel&, const Launch&);

// attention.cu, attention_gradient.cu
void attention(const Kernel&, const Launch&);
void attention_gradient(const Kernel&, const Launch&);

}  // namespace orrery::cuda
