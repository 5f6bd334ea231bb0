// The record of shared memory against a list of all accesses, on random programs.
#include "tests/fake_cuda/ptx/shared_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace orrery::ptx {
namespace {

struct Past {
  unsigned thread = 0;
  bool writes = false;
  int barriers = 0, warp_barriers = 0;  // of the block, and of the thread's warp, before it
};

// Every earlier access is looked at: by another thread, one of both writing, neither barrier between.
bool is_mistake(const std::vector<Past>& past, const Past& now) {
  bool written = false;
  for (const Past& p : past) {
    written = written || p.writes;
    const bool conflict = p.thread != now.thread && (p.writes || now.writes);
    const bool same_warp = p.thread / 32 == now.thread / 32;
    const bool ordered = p.barriers != now.barriers || (same_warp && p.warp_barriers != now.warp_barriers);
    if (conflict && !ordered) return true;
  }
  return !now.writes && !written;
}

// A program of one shared word by threads of three warps, until its first mistake. Returns its length.
int play(std::mt19937& random) {
  SharedMemory memory;
  memory.begin_block(4, true, 4);
  std::vector<Past> past;
  int barriers = 0, warp_barriers[3] = {};
  for (int step = 1;; ++step) {
    const auto what = static_cast<unsigned>(random() % 8), warp = static_cast<unsigned>(random() % 3);
    if (what == 0) {
      memory.barrier();
      ++barriers;
    } else if (what < 3) {
      memory.warp_barrier(warp);
      ++warp_barriers[warp];
    } else {
      const Past now{warp * 32 + static_cast<unsigned>(random() % 2), what == 3 || past.empty(), barriers,
                     warp_barriers[warp]};
      const Access access = now.writes ? Access::write : Access::read;
      const bool mistake = is_mistake(past, now);
      EXPECT_EQ(memory.note(access, 0, 4, now.thread), !mistake);
      if (mistake) {
        EXPECT_NE(memory.mistake(access, 0, 4, now.thread), "no mistake");
        return step;
      }
      past.push_back(now);
    }
  }
}

TEST(FakeSharedMemory, FindsExactlyTheRaces) {
  std::mt19937 random(1);
  int longest = 0;
  for (int program = 0; program < 20000; ++program) longest = std::max(longest, play(random));
  EXPECT_GT(longest, 15);
}

TEST(FakeSharedMemory, AtomicsDoNotRaceWithEachOther) {
  SharedMemory memory;
  memory.begin_block(8, true, 4);
  EXPECT_FALSE(memory.note(Access::atomic, 0, 4, 1));  // of what nobody wrote
  EXPECT_TRUE(memory.note(Access::write, 0, 4, 1));
  EXPECT_FALSE(memory.note(Access::atomic, 0, 4, 2));  // no barrier after the write
  memory.barrier();
  EXPECT_TRUE(memory.note(Access::atomic, 0, 4, 1));
  EXPECT_TRUE(memory.note(Access::atomic, 0, 4, 40));
  EXPECT_FALSE(memory.note(Access::read, 0, 4, 3));
  EXPECT_EQ(memory.mistake(Access::read, 0, 4, 3),
            "reads shared memory at byte 0, which thread 40 wrote with no barrier between");
}

TEST(FakeSharedMemory, ABlockBeginsAnew) {
  SharedMemory memory;
  memory.begin_block(4, true, 1);
  EXPECT_TRUE(memory.note(Access::write, 2, 1, 0));
  EXPECT_TRUE(memory.note(Access::write, 3, 1, 1));  // another byte
  memory.begin_block(4, true, 1);
  EXPECT_FALSE(memory.note(Access::read, 2, 1, 0));
  memory.begin_block(4, false, 1);
  EXPECT_TRUE(memory.note(Access::read, 2, 1, 0));
}

}  // namespace
}  // namespace orrery::ptx
