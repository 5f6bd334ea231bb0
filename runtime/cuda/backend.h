// A GPU as a Backend: CUDA streams and events, kernels of our own, cuBLASLt's products, NCCL's
// communications.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "runtime/cuda/communicators.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/events.h"
#include "runtime/cuda/kernel_tracer.h"
#include "runtime/cuda/launch.h"
#include "runtime/cuda/products.h"
#include "runtime/cuda/step_graph.h"
#include "runtime/cuda/watch.h"

namespace orrery::cuda {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const BackendConfig&);
  ~CudaBackend() override;

  BackendProperties properties() const override;
  void* allocate(Bytes, Memory) override;
  void open_groups(std::span<const GroupMembers>, std::span<const std::uint32_t> ids) override;
  void create_events(std::uint32_t n) override;
  void launch(const Kernel&, Stream) override;
  void communicate(const Communication&, Stream) override;
  void copy(void* to, const void* from, Bytes, Stream) override;
  void record(EventIndex, Stream) override;
  void wait(EventIndex, Stream) override;
  void synchronize() override;
  void synchronize(EventIndex) override;
  Tick time_of(EventIndex e) const override { return events_.time_of(e); }

  std::vector<Fact> facts() const override;
  bool trace_kernels() override { return tracer_.start(); }
  std::vector<TracedKernel> traced_kernels() override { return tracer_.finish(); }
  std::vector<Seconds> estimates(std::span<const Communication> c) override {
    return communicators_.estimates(c, device_.stream(Stream::data));
  }

 private:
  // What a stream keeps from kernel to kernel.
  struct Lane {
    explicit Lane(Device& device) : scratch(device) {}
    Scratch scratch;
    StepValues* step = nullptr;  // on the device
    StepValues values;           // what is there
    bool has_step = false;
  };
  Lane& lane(Stream);
  const StepValues* step_for(const Kernel&, Lane&, cudaStream_t);
  void queued(std::string_view what, cudaStream_t);
  void put(Call);
  void carry_out(const Call&);
  void carry_out_all();
  void wait_for_all();
  void launch_now(const Kernel&, Stream);
  void communicate_now(const Communication&, Stream);
  void copy_now(const Call&);
  std::unique_ptr<StepGraph> capture(const Calls&);
  void launch(const StepGraph&);
  [[noreturn]] void fail(const std::exception&, std::string_view what);
  template <class Function>
  void or_stop(const Function&);
  void stop_if_asked() const;

  const std::uint32_t rank_;
  JobLink* const job_;
  Device device_;
  Events events_;
  Tables tables_;
  Products products_;
  std::array<std::unique_ptr<Lane>, stream_count> lanes_;
  Communicators communicators_;
  const bool wait_for_each_, graphs_wanted_;
  bool capturing_ = false;
  Calls calls_;  // since the last synchronize(), if graphs are wanted
  StepGraphs graphs_;
  KernelTracer tracer_;
  Watch watch_;  // last: its thread ends before the rest goes
};

}  // namespace orrery::cuda
