#include "tests/profiler/measure/fake_device.h"

#include <algorithm>
#include <deque>

#include "sim/base/error.h"

namespace orrery::testing {
namespace {

class FakeDevice final : public Backend {
 public:
  FakeDevice(const KernelTime& time, FakeLog* log) : time_(time), log_(log) {}

  BackendProperties properties() const override { return {"fake", false, false, {}}; }
  void* allocate(Bytes size, Memory) override {
    return memory_.emplace_back(static_cast<std::size_t>(size.v) + 256).data();
  }
  void open_groups(std::span<const GroupMembers>, std::span<const std::uint32_t>) override {}
  void create_events(std::uint32_t n) override { events_.assign(n, Tick{}); }
  void launch(const Kernel& k, Stream) override {
    if (log_) log_->kernels.push_back(k.name);
    now_ += time_(k);
  }
  void communicate(const Communication&, Stream) override { ORRERY_CHECK(false); }
  void copy(void*, const void*, Bytes, Stream) override {
    now_ += Tick{1'000'000};
    if (!log_) return;
    const std::size_t next = log_->kernels.size();
    if (log_->filled_before.empty() || log_->filled_before.back() != next)
      log_->filled_before.push_back(next);
  }
  void record(EventIndex e, Stream) override { events_.at(e) = now_; }
  void wait(EventIndex, Stream) override {}
  void synchronize() override {}
  void synchronize(EventIndex) override {}
  Tick time_of(EventIndex e) const override { return events_.at(e); }

 private:
  const KernelTime& time_;
  FakeLog* log_;
  std::deque<std::vector<std::byte>> memory_;
  std::vector<Tick> events_;
  Tick now_{};
};

}  // namespace

Tick by_size(const Kernel& k) {
  std::int64_t work = k.out[0].elements();
  if (k.name == KernelName::matmul) work *= k.attributes.transpose_a ? k.in[0].rows : k.in[0].columns;
  for (const Segment& s : k.segments) work += s.count;
  return {1000 * (1 + work)};
}

WithDevice fake_device(KernelTime time, FakeLog* log) {
  return [time = std::move(time), log](Bytes, const std::function<void(Backend&)>& call) {
    if (log) ++log->devices;
    FakeDevice device(time, log);
    call(device);
  };
}

}  // namespace orrery::testing
