// A CPU as a device: Backend over one computing thread (device.h) and the engine of runtime/comm. Streams of
// communication are lanes of the engine; kernels and copies of any stream run on the device's thread.
#pragma once
#include <array>
#include <deque>

#include "runtime/backend.h"
#include "runtime/comm/engine.h"
#include "runtime/comm/region.h"
#include "runtime/cpu/device.h"

namespace orrery {

class CpuBackend final : public Backend {
 public:
  // Device memory comes from `arena`, which the rank's peers may read; both outlive the backend.
  CpuBackend(comm::Engine& engine, comm::Arena& arena, RunKernel run_kernel = run,
             IsBrief is_brief = brief_on_cpu)
      : engine_(engine), arena_(arena), device_(engine, std::move(run_kernel), is_brief) {}

  BackendProperties properties() const override;
  void* allocate(Bytes, Memory) override;
  void open_groups(std::span<const GroupMembers>, std::span<const std::uint32_t> ids) override;
  void create_events(std::uint32_t n) override { events_.resize(n); }
  void launch(const Kernel&, Stream) override;
  void communicate(const Communication&, Stream) override;
  void copy(void* to, const void* from, Bytes, Stream) override;
  void record(EventIndex, Stream) override;
  void wait(EventIndex, Stream) override;
  void synchronize() override;
  void synchronize(EventIndex) override;
  Tick time_of(EventIndex) const override;

 private:
  // What was queued on a stream so far.
  struct Tail {
    comm::Point end;                     // of the newest item
    const comm::Times* times = nullptr;  // of it; null: none since the last synchronize()
    bool communication = false;
    std::vector<comm::Point> waits;    // for the next item
    std::vector<EventIndex> at_start;  // events that the next item's start is the time of
  };
  // The last record of an event: reached when all points are. Its time is the start of what came next on the
  // stream, or the end of what came before if waits came between.
  struct Event {
    std::vector<comm::Point> points;
    const comm::Times* before = nullptr;
    const comm::Times* next = nullptr;
  };
  comm::Times* begin(Tail&, bool communication, std::vector<comm::Point>& after);
  void end(Tail&, comm::Point, const comm::Times*, bool communication);
  void post(DeviceItem, Stream);
  void forget();

  comm::Engine& engine_;
  comm::Arena& arena_;
  std::vector<std::vector<std::byte>> host_memory_;
  std::vector<std::uint32_t> groups_;  // of the engine
  std::array<Tail, stream_count> tails_;
  std::vector<Event> events_;
  std::deque<comm::Times> times_;
  bool synchronized_ = false;  // nothing was queued since
  CpuDevice device_;              // last: its thread ends before the rest goes
};

}  // namespace orrery
