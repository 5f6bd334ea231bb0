// The device of a CPU rank: one thread that computes and copies, in the order of each stream, as soon as what
// an item waits for has ended. It drives the engine's communications between two items and while it has
// nothing to run; while it runs a long one, the engine's progress thread does.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "runtime/backend.h"
#include "runtime/comm/engine.h"
#include "runtime/cpu/kernels/run.h"

namespace orrery {

struct CopyItem {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
};

// Something that the device runs.
struct DeviceItem {
  std::variant<Kernel, CopyItem> what;
  std::vector<comm::Point> after;  // besides what is before it in its stream
  comm::Times* times = nullptr;    // written before the item counts as ended
};

// How the device runs a kernel: with its library, or, of a rehearsal, by waiting.
using RunKernel = std::function<void(const Kernel&, KernelWorkspace&)>;

// About as long as two threads need to change places, or a few times that: communications can wait for its
// end.
using IsBrief = bool (*)(const Kernel&);
bool brief_on_cpu(const Kernel&);

class CpuDevice {
 public:
  CpuDevice(comm::Engine&, RunKernel, IsBrief);
  ~CpuDevice();  // runs nothing more

  // Queues an item; the point is reached when it has ended. By one host thread.
  comm::Point post(DeviceItem, Stream);
  // Returns when all items and `communications` have ended. Throws DeviceError if one failed.
  void drain(std::vector<comm::Point> communications);

 private:
  struct Queue {
    std::deque<DeviceItem> items;
    comm::Counter ended;
    std::uint32_t posted = 0;
  };
  void work();
  struct Ready {
    Queue* queue = nullptr;
    const DeviceItem* item = nullptr;  // stays where it is while others are queued
  };
  Ready next();
  bool brief(const DeviceItem&) const;
  bool run_first(Queue&, const DeviceItem&);
  void wait_for_news();
  bool idle() const;  // requires the mutex
  void finish();

  comm::Engine& engine_;
  RunKernel run_kernel_;
  IsBrief is_brief_;
  KernelWorkspace workspace_;
  std::array<Queue, stream_count> queues_;
  std::mutex mutex_;  // of the queues' items, and of what follows
  std::vector<comm::Point> draining_;
  std::exception_ptr error_;
  bool drain_ = false, stop_ = false;
  comm::Counter news_;  // items, a drain or a stop were posted
  std::uint32_t news_posted_ = 0, news_seen_ = 0;
  comm::Bell drained_;
  std::thread thread_;
};

}  // namespace orrery
