// What kernels keep from call to call: scratch memory, tables of rotary positions and prepared matrix
// products. After the first step nothing is allocated. Thread-compatible: one workspace a thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/cpu/kernels/isa.h"
#include "runtime/kernel.h"

namespace orrery {

class MatrixProducts;

enum class MatrixLibrary : std::uint8_t { onednn, eigen };
bool available(MatrixLibrary);  // Eigen always is
MatrixLibrary fastest_matrix_library();

class KernelWorkspace {
 public:
  explicit KernelWorkspace(MatrixLibrary = fastest_matrix_library(), Isa = best_isa());
  KernelWorkspace(KernelWorkspace&&) noexcept;
  ~KernelWorkspace();

  MatrixProducts& products() { return *products_; }
  Isa isa() const { return isa_; }

  // Scratch for n floats, not initialised, 64-byte aligned, until the next start().
  float* floats(std::int64_t n);
  // Gives all scratch back; called as each kernel starts.
  void start();
  // The scratch that is in use, to be given back by release(): for parts of a kernel.
  std::size_t mark() const { return used_; }
  void release(std::size_t mark) { used_ = mark; }

  // cos and sin of position * angular speed i: rows of `head_dim / 2` cosines, then as many sines.
  const float* rotary_table(const Rotary&, std::int64_t positions, std::int64_t head_dim);

 private:
  struct Free {
    void operator()(float*) const;
  };
  using Block = std::unique_ptr<float[], Free>;
  static Block allocate(std::size_t floats);

  struct RotaryTable {
    Rotary rotary;
    std::int64_t positions = 0, head_dim = 0;
    std::vector<float> values;
  };

  Isa isa_;
  std::unique_ptr<MatrixProducts> products_;
  Block block_;
  std::size_t size_ = 0, used_ = 0;
  std::vector<Block> overflow_;  // of this kernel; the next one finds one block that is large enough
  std::size_t wanted_ = 0;
  std::vector<RotaryTable> tables_;
};

}  // namespace orrery
