#include "runtime/cpu/kernels/workspace.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>

#include "runtime/cpu/kernels/matrix_product.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::size_t alignment = 64;

std::unique_ptr<MatrixProducts> products_of(MatrixLibrary library, Isa isa) {
  return library == MatrixLibrary::onednn ? onednn_products() : eigen_products(isa);
}

// Radians a position of pair i, as Llama 3.1 stretches them (see Rotary).
double angular_speed(const Rotary& r, std::int64_t i, std::int64_t head_dim) {
  const double speed = std::pow(r.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
  if (r.original == 0) return speed;
  const double turns = r.original * speed / (2 * std::numbers::pi);
  const double kept = std::clamp((turns - r.low) / (r.high - r.low), 0.0, 1.0);
  return speed * (kept + (1 - kept) / r.factor);
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
  RotaryTable& t = tables_.emplace_back(RotaryTable{rotary, positions, head_dim, {}});
  const std::int64_t pairs = head_dim / 2;
  t.values.resize(static_cast<std::size_t>(positions * head_dim));
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(p) * angular_speed(rotary, i, head_dim);
      float* row = t.values.data() + p * head_dim;
      row[i] = static_cast<float>(std::cos(angle));
      row[pairs + i] = static_cast<float>(std::sin(angle));
    }
  return t.values.data();
}

}  // namespace orrery
