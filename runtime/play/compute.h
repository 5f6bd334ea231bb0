// From an instruction that computes to the kernels that do it. Which operands an op has is fixed by
// sim/program (layer.cc, stage.cc, finish.cc): this file and those change together.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/play/holdings.h"
#include "runtime/play/operands.h"

namespace orrery {

// What of a setup the runtime can't execute, as a sentence that begins with "not supported: "; nothing if
// it can.
std::optional<std::string> not_executable(const Model&, const Training&, const Plan&);

// Where a compute instruction stands.
struct Moment {
  std::uint32_t micro_batch = 0, cost_class = 0;
  std::uint16_t layer = 0;  // of the model
  OpName op = OpName::none;
  Pass pass = Pass::forward;
};

class KernelBinder {
 public:
  KernelBinder(const Setup&, const Coordinates&, const Holdings&, const StepArguments&);

  // Appends the kernels of one instruction. Their segments live in this object.
  void bind(const Moment&, const Operands&, std::vector<Kernel>& out);

 private:
  Kernel& add(KernelName, const Moment&, std::vector<Kernel>& out) const;
  void linear(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void norm(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void core(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void layout(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void activation(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void residual(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void embedding(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void cross_entropy(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void update(const Moment&, const Operands&, std::vector<Kernel>& out) const;
  void column_sum(const TensorRef& from, const Operands&, std::size_t write, const Moment&,
                  std::vector<Kernel>& out) const;
  void heads(KernelAttributes&, const Moment&) const;
  void dropout(KernelAttributes&, const Moment&, int which) const;
  TensorRef tokens(const TensorRef& all, bool labels, std::uint32_t micro_batch) const;
  std::int64_t first_sequence(std::uint32_t micro_batch) const;
  const Layer& layer(const Moment& m) const { return model_.layer(m.layer); }

  const Model& model_;
  const Training& training_;
  const Plan& plan_;
  Coordinates at_;
  const StepArguments* step_;
  std::vector<Segment> updated_, counted_;
};

}  // namespace orrery
