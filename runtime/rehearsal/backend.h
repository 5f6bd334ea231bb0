// A rank that rehearses: Backend whose kernels and copies only take the time that their class is priced at,
// and whose communications last so long from when the last member came. Memory is reserved, never touched.
//
// An instruction starts when its host has issued it, and a host issues at the class's launch price each: the
// host's time is counted, not slept.
#pragma once
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "runtime/backend.h"
#include "runtime/rehearsal/world.h"
#include "sim/cost/prices.h"

namespace orrery::rehearsal {

class RehearsalBackend final : public Backend {
 public:
  // `classes`: of the Program, `prices`: one a class. World and both outlive the backend.
  RehearsalBackend(World&, std::uint32_t rank, std::span<const CostClass> classes,
                   std::span<const Price> prices);
  ~RehearsalBackend() override;

  BackendProperties properties() const override;
  void* allocate(Bytes, Memory) override;  // host memory is real, and zero
  void open_groups(std::span<const GroupMembers>, std::span<const std::uint32_t> ids) override;
  void create_events(std::uint32_t n) override { events_.resize(n); }
  void launch(const Kernel&, Stream) override;
  void communicate(const Communication&, Stream) override;
  void copy(void* to, const void* from, Bytes, Stream) override;
  void record(EventIndex, Stream) override;
  void wait(EventIndex, Stream) override;
  void synchronize() override;
  void synchronize(EventIndex) override;
  Tick time_of(EventIndex e) const override { return events_.at(e) ? events_[e]->time : Tick{}; }

  // The host is busy with an instruction of a class, on its own stream.
  void work_on_host(std::uint32_t cost_class);

 private:
  struct Reserved;
  Tick issue(std::uint32_t cost_class);
  void forget();

  World& world_;
  const std::uint32_t rank_;
  std::span<const CostClass> classes_;
  std::span<const Price> prices_;
  std::vector<std::unique_ptr<Reserved>> device_memory_;
  std::deque<std::vector<std::byte>> host_memory_;
  std::vector<std::uint32_t> groups_;  // the world's names
  std::vector<Record*> events_;        // the last record of each since the last synchronize()
  std::deque<Record> records_;
  Tick host_{};                // the host's time
  bool synchronized_ = false;  // nothing was queued since
};

}  // namespace orrery::rehearsal
