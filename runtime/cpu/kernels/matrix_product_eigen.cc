// Products by Eigen: fp32 only, slower, and without a library to install. Compiled for each instruction set,
// with Eigen's namespace renamed, so that no linker takes one set's copy of a template for another's.
#define Eigen ORRERY_EIGEN_NAMESPACE
#include <Eigen/Core>

#include "runtime/cpu/kernels/matrix_product.h"

namespace orrery::ORRERY_ISA {
namespace {

using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const Dense, 0, Eigen::OuterStride<>>;

Rows stored(const MatrixRef& m, std::int64_t rows, std::int64_t columns) {
  return {static_cast<const float*>(m.data), rows, columns, Eigen::OuterStride<>(m.stride)};
}

class EigenProducts final : public MatrixProducts {
 public:
  bool run(const Product& p) override {
    if (p.a.dtype != DType::fp32 || p.b.dtype != DType::fp32 || p.out_type != DType::fp32 ||
        (p.bias != nullptr && p.bias_type != DType::fp32))
      return false;
    Eigen::Map<Dense, 0, Eigen::OuterStride<>> out(static_cast<float*>(p.out), p.m, p.n,
                                                   Eigen::OuterStride<>(p.out_stride));
    if (!p.add) out.setZero();
    if (p.bias != nullptr)
      out.rowwise() += p.scale * Eigen::Map<const Eigen::RowVectorXf>(static_cast<const float*>(p.bias), p.n);
    const Rows a = p.a.transposed ? stored(p.a, p.k, p.m) : stored(p.a, p.m, p.k);
    const Rows b = p.b.transposed ? stored(p.b, p.n, p.k) : stored(p.b, p.k, p.n);
    if (p.a.transposed && p.b.transposed)
      out.noalias() += p.scale * a.transpose() * b.transpose();
    else if (p.a.transposed)
      out.noalias() += p.scale * a.transpose() * b;
    else if (p.b.transposed)
      out.noalias() += p.scale * a * b.transpose();
    else
      out.noalias() += p.scale * a * b;
    return true;
  }
};

}  // namespace

std::unique_ptr<MatrixProducts> eigen_products() { return std::make_unique<EigenProducts>(); }

}  // namespace orrery::ORRERY_ISA
