// What goes wrong on a GPU ends in one sentence on every rank, and nothing hangs.
#include <csignal>
#include <thread>

#include "runtime/launch/cpu_rank.h"
#include "runtime/launch/launch.h"
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
    load_backend(testing::cuda_plug_in(), {0, 1, 1000, nullptr});
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

// Adds far beyond an allocation. In a process of its own: what fails on a GPU sticks to it.
void add_beyond(Backend& backend, std::uint32_t) {
  void* const x = backend.allocate({4000}, Memory::device);
  Kernel add{.name = KernelName::add};
  add.in[0] = add.out[0] = {x, DType::fp32, 1, 1'000'000};
  backend.launch(add, Stream::tensor);
  backend.synchronize();
}

TEST(CudaFaults, AKernelThatFailsIsReported) {
  const std::string what = "an illegal memory access was encountered (cudaErrorIllegalAddress)";
  EXPECT_EQ(
      testing::play_on_cuda(1, Sharing::processes, add_beyond)[0],
      "rank 0, something that was queued (ORRERY_CUDA_WAIT=1 finds what): waiting for the step's end: " +
          what);
  setenv("ORRERY_CUDA_WAIT", "1", 1);
  EXPECT_EQ(testing::play_on_cuda(1, Sharing::processes, add_beyond)[0],
            "rank 0, kernel add: its launch: " + what);
  unsetenv("ORRERY_CUDA_WAIT");
}

TEST(CudaFaults, ACopyThatCannotBeIsNamed) {
  const auto errors = testing::play_on_cuda(1, Sharing::threads, [](Backend& backend, std::uint32_t) {
    void* const x = backend.allocate({100}, Memory::device);
    void* const y = backend.allocate({200}, Memory::device);
    backend.copy(x, y, {200}, Stream::to_host);
  });
  EXPECT_EQ(errors[0], "rank 0, a copy: 200 bytes: invalid argument (cudaErrorInvalidValue)");
}

// Members that mean different things by a meeting: NCCL finds it, and all ranks end.
TEST(CudaFaults, WhatNcclFindsEndsAllRanks) {
  const auto errors = testing::play_on_cuda(2, Sharing::processes, [](Backend& backend, std::uint32_t rank) {
    open_world(backend, 2);
    void* const x = backend.allocate({4000}, Memory::device);
    const Transfer t{x, x, 100 + 100 * std::int64_t{rank}};
    backend.communicate({Kind::all_reduce, 0, 0, DType::fp32, Reduction::sum, 0, {&t, 1}, "of gradients"},
                        Stream::data);
    backend.synchronize();
  });
  for (const std::string& e : errors)
    EXPECT_TRUE(says(e, "NCCL: remote process exited or there was a network error") ||
                says(e, "unspecified launch failure"))
        << e;
}

TEST(CudaFaults, EveryElementTypeIsCommunicated) {
  const auto errors = testing::play_on_cuda(2, Sharing::threads, [](Backend& backend, std::uint32_t rank) {
    open_world(backend, 2);
    auto* const host = static_cast<unsigned char*>(backend.allocate({1600}, Memory::host));
    auto* const x = static_cast<unsigned char*>(backend.allocate({1600}, Memory::device));
    std::uint32_t sequence = 0;
    for (const DType type : {DType::fp32, DType::bf16, DType::int64, DType::uint8}) {
      const std::int64_t bytes = 100 * size_of(type);
      std::fill(host, host + bytes, static_cast<unsigned char>(rank + 1));
      backend.copy(x + rank * bytes, host, {bytes}, Stream::data);
      const Transfer t{x + rank * bytes, x, 100};
      backend.communicate({Kind::all_gather, 0, sequence++, type, Reduction::sum, 0, {&t, 1}, "of parts"},
                          Stream::data);
      backend.copy(host, x, {2 * bytes}, Stream::data);
      backend.synchronize();
      EXPECT_TRUE(host[0] == 1 && host[bytes - 1] == 1 && host[bytes] == 2 && host[2 * bytes - 1] == 2);
    }
  });
  for (const std::string& e : errors) EXPECT_EQ(e, "");
}

// Another version's interface is refused before anything is made.
TEST(CudaFaults, APlugInOfAnotherVersionIsRefused) {
  void* const library = dlopen(testing::cuda_plug_in().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto create = reinterpret_cast<BackendFactory>(dlsym(library, backend_factory_symbol));
  const BackendConfig config;
  char error[200] = "";
  EXPECT_EQ(create(backend_abi + 1, &config, error, sizeof error), nullptr);
  EXPECT_EQ(std::string(error), "it is of another version of Orrery (interface " +
                                    std::to_string(backend_abi) + ", wanted " +
                                    std::to_string(backend_abi + 1) + ")");
}

TEST(CudaFaults, RanksThatNobodyConnectsAreRefused) {
  EXPECT_THROW(load_backend(testing::cuda_plug_in(), {0, 2, 0, nullptr}), DeviceError);
}

// A rank of a larger world without a job, a type that NCCL does not add, heads that are too wide.
TEST(CudaFaults, WhatIsNotSupportedIsNamed) {
  const auto errors = testing::play_on_cuda(2, Sharing::threads, [](Backend& backend, std::uint32_t rank) {
    open_world(backend, 2);
    void* const x = backend.allocate({4000}, Memory::device);
    const Transfer t{x, x, 10};
    if (rank == 0)
      backend.communicate({Kind::all_reduce, 0, 0, DType::fp16, Reduction::sum, 0, {&t, 1}, "of halves"},
                          Stream::data);
    backend.synchronize();
  });
  EXPECT_TRUE(says(errors[0], "not supported: communication of this element type")) << errors[0];
  for (const KernelName name : {KernelName::attention, KernelName::attention_gradient}) {
    const auto wide = testing::play_on_cuda(1, Sharing::threads, [&](Backend& backend, std::uint32_t) {
      void* const x = backend.allocate({3 * 300 * 4}, Memory::device);
      Kernel k{.name = name};
      k.in[0] = k.in[1] = {x, DType::fp32, 1, 900};
      k.out[0] = {x, DType::fp32, 1, 300};
      k.attributes.heads = k.attributes.kv_heads = k.attributes.sequence = 1;
      k.attributes.head_dim = 300;
      backend.launch(k, Stream::compute);
    });
    EXPECT_TRUE(says(wide[0], "not supported: fused attention with heads of 300 dimensions; at most 256 are"))
        << wide[0];
  }
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

// As its communicators close, the other rank sees NCCL fail: that must not be the first word.
TEST(CudaFaults, ARankSaysWhatFailedBeforeItsBackendGoes) {
  LaunchOptions launch;
  launch.ranks = 2;
  launch.arena = {std::int64_t{64} << 20};
  const auto rank_body = [](comm::Connection& c) {
    PlugInRank rank(c, testing::cuda_plug_in());
    const auto fail_or_wait = [&](Backend& backend, World&) {
      open_world(backend, 2);
      if (c.rank() == 1) backend.allocate({std::int64_t{1} << 44}, Memory::device);
      all_reduce(backend, 0);
    };
    try {
      rank.play(fail_or_wait);
    } catch (const DeviceError& e) {
      const std::string told = c.region().board().reason();
      throw DeviceError(told == e.what() || c.rank() == 0 ? e.what() : "not told: " + std::string(e.what()));
    }
  };
  try {
    run_ranks(launch, rank_body);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_TRUE(says(e.what(), "out of memory on GPU 1 (")) << e.what();
    EXPECT_FALSE(says(e.what(), "not told")) << e.what();
  }
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
