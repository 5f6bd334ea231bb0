#include "runtime/cpu/kernels/workspace.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/arithmetic/rotary_table.h"
#include "runtime/cpu/kernels/matrix_product.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::size_t alignment = 64;

std::unique_ptr<MatrixProducts> products_of(MatrixLibrary library, Isa isa) {
  return library == MatrixLibrary::onednn ? onednn_products() : eigen_products(isa);
}

}  // namespace

bool available(MatrixLibrary library) { return products_of(library, Isa::portable) != nullptr; }

MatrixLibrary fastest_matrix_library() {
  return available(MatrixLibrary::onednn) ? MatrixLibrary::onednn : MatrixLibrary::eigen;
}

KernelWorkspace::KernelWorkspace(MatrixLibrary library, Isa isa)
    : isa_(isa), products_(products_of(library, isa)) {
  ORRERY_CHECK(products_ != nullptr && supported(isa));
}
KernelWorkspace::KernelWorkspace(KernelWorkspace&&) noexcept = default;
KernelWorkspace::~KernelWorkspace() = default;

void KernelWorkspace::Free::operator()(float* p) const { std::free(p); }

KernelWorkspace::Block KernelWorkspace::allocate(std::size_t floats) {
  Block block(static_cast<float*>(std::aligned_alloc(alignment, floats * sizeof(float))));
  if (!block)
    throw DeviceError("no memory for " + std::to_string(floats * sizeof(float)) + " bytes of scratch");
  return block;
}

float* KernelWorkspace::floats(std::int64_t n) {
  constexpr std::size_t line = alignment / sizeof(float);
  const std::size_t lines = (static_cast<std::size_t>(n) + line - 1) / line * line;
  const std::size_t at = used_;
  used_ += lines;
  wanted_ = std::max(wanted_, used_);
  if (used_ <= size_) return block_.get() + at;
  return overflow_.emplace_back(allocate(std::max(lines, line))).get();
}

void KernelWorkspace::start() {
  used_ = 0;
  if (overflow_.empty()) return;
  overflow_.clear();
  block_ = allocate(wanted_);
  size_ = wanted_;
}

const float* KernelWorkspace::rotary_table(const Rotary& rotary, std::int64_t positions,
                                           std::int64_t head_dim) {
  for (const RotaryTable& t : tables_)
    if (t.rotary == rotary && t.head_dim == head_dim && t.positions >= positions) return t.values.data();
  tables_.push_back({rotary, positions, head_dim, orrery::rotary_table(rotary, positions, head_dim)});
  return tables_.back().values.data();
}

}  // namespace orrery
