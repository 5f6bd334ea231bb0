#include "runtime/rehearsal/messages.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "runtime/cpu/backend.h"
#include "runtime/play/player.h"
#include "sim/base/error.h"

namespace orrery::rehearsal {
namespace {

class Run {
 public:
  Run(const Setup& setup, const Program& program, std::span<const Price> prices, double stretch,
      comm::Link link)
      : setup_(setup),
        program_(program),
        prices_(prices),
        stretch_(stretch),
        link_{link.rate * (1 / stretch), link.latency * stretch},
        region_(program.players(), arena(program), comm::Sharing::threads),
        out_{std::vector<Tick>(program.size()), std::vector<Tick>(program.size())} {}

  Timeline run() {
    std::vector<std::thread> ranks;
    for (std::uint32_t r = 0; r < region_.ranks(); ++r)
      ranks.emplace_back([this, r] {
        try {
          play(r);
        } catch (const DeviceError& e) {
          region_.board().abort(r, e.what());
        }
      });
    for (std::thread& r : ranks) r.join();
    if (region_.board().aborted()) throw DeviceError(region_.board().reason());
    from_first_start();
    return std::move(out_);
  }

 private:
  // Instructions without work (a fetch of tokens on the host) have no time of their own: the first.
  void from_first_start() {
    Tick first{INT64_MAX};
    for (const Tick t : out_.start)
      if (t.v > 0) first = std::min(first, t);
    for (std::size_t i = 0; i < out_.start.size(); ++i) {
      out_.start[i] = std::max(out_.start[i] - first, Tick{});
      out_.end[i] = std::max(out_.end[i] - first, out_.start[i]);
    }
  }

  // Twice a rank's tensors, for the engine's scratch; reserved, not taken.
  static Bytes arena(const Program& p) {
    Bytes most{};
    for (std::uint32_t team = 0; team < p.teams.size(); ++team)
      most = std::max(most, lay_out(p, team).size());
    return most * 2 + Bytes{std::int64_t{64} << 20};
  }

  void wait(const Kernel& kernel) const {
    if (kernel.cost_class == no_cost) return;
    const double ticks = static_cast<double>(prices_[kernel.cost_class].total().v);
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::llround(ticks * stretch_ / 1000)));
  }

  void play(std::uint32_t rank) {
    const comm::Watchdog watchdog(rank, region_.board());
    comm::DelayLine channel(std::make_unique<comm::MemoryChannel>(region_, rank), {link_},
                            std::vector<std::uint32_t>(region_.ranks(), 0));
    comm::Engine engine(rank, channel, region_.bell(rank), region_.board(), region_.arena(rank));
    CpuBackend backend(
        engine, region_.arena(rank), [this](const Kernel& k, auto&) { wait(k); },
        [](const Kernel&) { return false; });
    Player player(setup_, program_, rank, backend, [](auto...) {});
    Timeline mine;
    player.step({});
    player.step({}, &mine);
    const auto ticks = [this](Tick t) { return Tick{std::llround(static_cast<double>(t.v) / stretch_)}; };
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < mine.start.size(); ++i) {
      const std::uint32_t id = player.issues().list[i].id;
      out_.start[id] = ticks(mine.start[i]);
      out_.end[id] = ticks(mine.end[i]);
    }
  }

  const Setup& setup_;
  const Program& program_;
  std::span<const Price> prices_;
  const double stretch_;
  const comm::Link link_;
  comm::Region region_;
  std::mutex mutex_;  // of out_
  Timeline out_;
};

}  // namespace

Timeline rehearse_messages(const Setup& setup, const Program& program, std::span<const Price> prices,
                           double stretch, const comm::Link& of_each_rank) {
  return Run(setup, program, prices, stretch, of_each_rank).run();
}

}  // namespace orrery::rehearsal
