#include "tests/fake_cuda/ptx/run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "tests/fake_cuda/ptx/warp.h"

namespace orrery::ptx {
namespace {

class Block {
 public:
  Block(const Kernel& kernel, const Launch& launch, const MemoryMap& memory, const Checks& checks)
      : kernel_(kernel), launch_(launch), checks_(checks), random_(checks.seed) {
    regions_.assign(kernel.code.size(), nullptr);
    environment_ = {&kernel, &memory, launch.parameters, regions_.data()};
    place_.grid = launch.grid;
    place_.block = launch.block;
    place_.dynamic_shared = launch.dynamic_shared;
    const std::uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
    const std::uint32_t warps = (threads + warp_size - 1) / warp_size;
    warps_.reserve(warps);
    for (std::uint32_t w = 0; w < warps; ++w) warps_.emplace_back(environment_, shared_, place_, w);
  }

  void run(const Dimensions& index) {
    place_.index = index;
    const std::size_t bytes =
        launch_.dynamic_shared != 0 ? kernel_.dynamic_shared + launch_.dynamic_shared : kernel_.shared_bytes;
    shared_.begin_block(bytes, checks_.shared, kernel_.granule);
    std::vector<Warp*> order;
    for (Warp& w : warps_) {
      w.begin_block();
      order.push_back(&w);
    }
    for (bool alive = true; alive; alive = release()) {
      if (checks_.seed != 0) std::shuffle(order.begin(), order.end(), random_);
      for (Warp* w : order) w->run(executed_, checks_.most_instructions);
    }
  }

  std::uint64_t executed() const { return executed_; }

 private:
  struct Arrived {
    std::uint32_t threads = 0, expected = 0, pc = 0;
    bool counted = false;
  };

  // All lanes have exited or wait at barriers. Releases those for which all threads have come; false if none
  // wait.
  bool release() {
    std::uint32_t live = 0;
    for (const Warp& w : warps_) live += static_cast<std::uint32_t>(std::popcount(w.live()));
    if (live == 0) return false;
    std::map<std::uint32_t, Arrived> barriers;
    for (Warp& w : warps_)
      for (const Split& s : w.splits()) arrive(w, s, live, barriers);
    bool released = false;
    for (Warp& w : warps_)
      for (Split& s : w.splits()) {
        const Arrived& a = barriers.at(barrier_of(w, s));
        if (a.threads != a.expected) continue;
        s.state = SplitState::ready;
        ++s.pc;
        released = true;
      }
    if (!released)
      stuck(warps_.front(), "threads of the block wait at barriers for others that wait elsewhere");
    shared_.barrier();
    return true;
  }

  std::uint32_t barrier_of(const Warp& w, const Split& s) const {
    return w.lanes().at<std::uint32_t>(kernel_.code[s.pc].source[0])[std::countr_zero(s.mask)];
  }

  void arrive(Warp& w, const Split& s, std::uint32_t live, std::map<std::uint32_t, Arrived>& barriers) {
    const Instruction& i = kernel_.code[s.pc];
    const auto [found, first] = barriers.try_emplace(barrier_of(w, s));
    Arrived& a = found->second;
    if (first) {
      a.counted = i.count != 0;
      a.expected = a.counted ? w.lanes().at<std::uint32_t>(i.source[1])[std::countr_zero(s.mask)] : live;
      a.pc = s.pc;
    } else if (!a.counted && a.pc != s.pc) {
      const StatementText& other = kernel_.texts[kernel_.code[a.pc].statement];
      stuck(w,
            "threads of the block are at different barriers, others at line " + std::to_string(other.line));
    }
    a.threads += static_cast<std::uint32_t>(std::popcount(s.mask));
  }

  [[noreturn]] void stuck(Warp& w, const std::string& what) const {
    Lanes lanes = w.lanes();
    const Split& s = w.splits().front();
    lanes.pc = s.pc;
    lanes.fault(FaultKind::launch, std::countr_zero(s.mask), what);
  }

  const Kernel& kernel_;
  const Launch& launch_;
  const Checks& checks_;
  std::mt19937_64 random_;
  std::vector<const Region*> regions_;
  Environment environment_;
  SharedMemory shared_;
  BlockPlace place_;
  std::vector<Warp> warps_;
  std::uint64_t executed_ = 0;
};

}  // namespace

Kernel decode(const Module& module, const std::string& kernel, const Places& places) {
  const auto found = module.functions.find(kernel);
  if (found == module.functions.end() || !found->second.has_body || !found->second.is_entry)
    throw Unsupported("no kernel " + kernel + " in the PTX");
  return Builder(module, found->second, places).build();
}

Places shared_places(const Module& module) {
  Places places;
  for (const Variable& v : module.variables) {
    if (v.space != Space::shared || v.bytes == 0) continue;
    places.shared_bytes = (places.shared_bytes + v.alignment - 1) / v.alignment * v.alignment;
    places.shared[v.name] = places.shared_bytes;
    places.shared_bytes += v.bytes;
  }
  return places;
}

std::uint64_t run(const Kernel& kernel, const Launch& launch, const MemoryMap& memory, const Checks& checks) {
  Block block(kernel, launch, memory, checks);
  for (std::uint32_t z = 0; z < launch.grid[2]; ++z)
    for (std::uint32_t y = 0; y < launch.grid[1]; ++y)
      for (std::uint32_t x = 0; x < launch.grid[0]; ++x) block.run({x, y, z});
  return block.executed();
}

}  // namespace orrery::ptx
