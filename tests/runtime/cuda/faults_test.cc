// What goes wrong on a GPU ends in one sentence on every rank, and nothing hangs.
#include <csignal>
#include <thread>

#include "tests/runtime/cuda/ranks.h"

namespace orrery {
namespace {

using comm::Sharing;

void open_world(Backend& backend, std::uint32_t ranks) {
  GroupMembers world{{}, Role::world};
  for (std::uint32_t r = 0; r < ranks; ++r) world.members.push_back(r);
  const std::uint32_t id = 5;
  backend.open_groups({&world, 1}, {&id, 1});
}

void all_reduce(Backend& backend, std::uint32_t sequence) {
  static constexpr std::int64_t count = 1000;
  void* const x = backend.allocate({count * 4}, Memory::device);
  const Transfer t{x, x, count};
  backend.communicate(
      {Kind::all_reduce, 0, sequence, DType::fp32, Reduction::sum, 0, {&t, 1}, "of gradients"}, Stream::data);
  backend.synchronize();
}

bool says(const std::string& error, const std::string& what) { return error.find(what) != std::string::npos; }

TEST(CudaFaults, AMissingPlugInIsNamed) {
  try {
    load_backend("/nowhere/liborrery_cuda.so", {});
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_EQ(
        std::string(e.what()),
        "the plug-in /nowhere/liborrery_cuda.so can't be loaded: /nowhere/liborrery_cuda.so: cannot open "
        "shared object file: No such file or directory");
  }
}

TEST(CudaFaults, ARankWithoutAGpuOfItsOwnIsTold) {
  try {
    load_backend(ORRERY_CUDA_PLUG_IN, {0, 1, 1000, nullptr});
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_TRUE(says(
        e.what(), "rank 1000 of this machine has no GPU: there are 8, and every rank takes one of its own"))
        << e.what();
  }
}

TEST(CudaFaults, OutOfMemorySaysHowMuchThereIs) {
  const auto errors = testing::play_on_cuda(1, Sharing::threads, [](Backend& backend, std::uint32_t) {
    backend.allocate({std::int64_t{1} << 44}, Memory::device);
  });
  EXPECT_TRUE(says(errors[0], "out of memory on GPU 0 (") && says(errors[0], "16384.00 GiB are needed, "))
      << errors[0];
}

TEST(CudaFaults, AMeetingOutOfOrderIsNamed) {
  const auto errors = testing::play_on_cuda(2, Sharing::threads, [](Backend& backend, std::uint32_t rank) {
    open_world(backend, 2);
    all_reduce(backend, 0);
    all_reduce(backend, rank == 0 ? 1 : 2);
  });
  for (const std::string& e : errors)
    EXPECT_EQ(e, "rank 1, all_reduce 2 of group 5 (of gradients): out of order, 1 is next in this group");
}

// Rank 1 computes for ever, as it seems to rank 0.
TEST(CudaFaults, AStallIsReportedAndEndsAllRanks) {
  const auto errors = testing::play_on_cuda(
      2, Sharing::processes,
      [](Backend& backend, std::uint32_t rank) {
        open_world(backend, 2);
        all_reduce(backend, 0);
        if (rank == 1) std::this_thread::sleep_for(std::chrono::seconds(6));
        all_reduce(backend, 1);
      },
      1000);
  for (const std::string& e : errors)
    EXPECT_TRUE(says(e, "no progress for 1.0 s: rank 1 has not come") &&
                says(e, "rank 0 waits for rank 1 in all_reduce 1 of group 5 (of gradients)"))
        << e;
}

TEST(CudaFaults, AKilledRankEndsTheOthers) {
  const auto errors = testing::play_on_cuda(3, Sharing::processes, [](Backend& backend, std::uint32_t rank) {
    open_world(backend, 3);
    all_reduce(backend, 0);
    if (rank == 1) raise(SIGKILL);
    all_reduce(backend, 1);
  });
  EXPECT_EQ(errors[1], "killed by signal 9");
  for (const std::uint32_t r : {0U, 2U}) EXPECT_TRUE(says(errors[r], "rank 1 (process")) << errors[r];
}

// A rank that dies while groups are opened.
TEST(CudaFaults, ARankThatDoesNotComeToTheOpeningIsNoted) {
  const auto errors = testing::play_on_cuda(2, Sharing::processes, [](Backend& backend, std::uint32_t rank) {
    if (rank == 1) raise(SIGKILL);
    open_world(backend, 2);
  });
  EXPECT_TRUE(says(errors[0], "rank 1 (process")) << errors[0];
}

}  // namespace
}  // namespace orrery
