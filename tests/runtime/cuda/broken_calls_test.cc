// Every call of CUDA, cuBLASLt and NCCL may fail. Then some rank says so, all of them end, and nothing that
// was made is left. ORRERY_TEST_ALL in the environment: each call of each function, not one.
#include <cstdlib>
#include <map>
#include <random>

#include "tests/runtime/cuda/draws.h"
#include "tests/runtime/cuda/gpu.h"

namespace orrery {
namespace {

using comm::Sharing;

const char* const functions[] = {
    "cudaEventCreateWithFlags",
    "cudaEventElapsedTime",
    "cudaEventRecordWithFlags",
    "cudaEventSynchronize",
    "cudaFuncSetAttribute",
    "cudaDeviceGetStreamPriorityRange",
    "cudaGetDeviceCount",
    "cudaGetDeviceProperties",
    "cudaGraphInstantiate",
    "cudaGraphLaunch",
    "cudaLaunchKernel",
    "cudaMalloc",
    "cudaMallocHost",
    "cudaMemcpy",
    "cudaMemcpyAsync",
    "cudaMemsetAsync",
    "cudaStreamBeginCapture",
    "cudaStreamCreateWithPriority",
    "cudaStreamEndCapture",
    "cudaStreamSynchronize",
    "cudaStreamWaitEvent",
    "cublasLtCreate",
    "cublasLtMatmul",
    "cublasLtMatmulAlgoGetHeuristic",
    "cublasLtMatmulDescCreate",
    "cublasLtMatmulDescSetAttribute",
    "cublasLtMatmulPreferenceCreate",
    "cublasLtMatmulPreferenceSetAttribute",
    "cublasLtMatrixLayoutCreate",
    "cublasLtMatrixLayoutSetAttribute",
    "ncclAllGather",
    "ncclAllReduce",
    "ncclBroadcast",
    "ncclCommInitRankConfig",
    "ncclGetUniqueId",
    "ncclRecv",
    "ncclReduceScatter",
    "ncclSend",
};

// Communicates in every way, twice over, in the world and alone.
void communicate(Backend& backend, float* memory, std::int64_t count) {
  std::uint32_t sequence = 0;
  for (int round = 0; round < 2; ++round)
    for (const Kind kind : {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::broadcast,
                            Kind::all_to_all, Kind::exchange}) {
      const bool in_place = kind == Kind::all_reduce || kind == Kind::broadcast;
      const Transfer t{memory, in_place ? memory : memory + 4 * count, count};
      const Communication c{kind, 0, sequence, DType::fp32, Reduction::sum, 0, {&t, 1}, "of a test"};
      backend.communicate(c, Stream::data);
      const Transfer mine{memory, memory + 4 * count, count};
      backend.communicate(
          {Kind::all_gather, 1, sequence++, DType::fp32, Reduction::sum, 0, {&mine, 1}, "alone"},
          Stream::data);
      backend.synchronize(0);
    }
}

// Attention among them that must ask for its shared memory.
std::vector<test::Invocation> kernels() {
  for (unsigned seed = 0;; ++seed) {
    std::vector<test::Invocation> all = testing::drawn_invocations(seed);
    for (const test::Invocation& v : all)
      if (v.kernel == KernelName::attention && v.attributes.sequence > 32) return all;
  }
}

// What calls every function that the plug-in calls.
void play(Backend& backend, std::uint32_t rank) {
  constexpr std::int64_t count = 100;
  const GroupMembers groups[] = {{{0, 1}, Role::world}, {{rank}, Role::tensor}};
  const std::uint32_t ids[] = {0, 1 + rank};
  backend.open_groups(groups, ids);
  backend.create_events(2);
  auto* const memory = static_cast<float*>(backend.allocate({8 * count * 4}, Memory::device));
  testing::Gpu gpu(backend);
  static const std::vector<test::Invocation> all = kernels();
  for (const test::Invocation& v : all) {
    if (rank != 0) break;
    gpu.reset();
    test::launched(v, gpu);
  }
  for (int step = 0; step < 4; ++step) {
    for (int i = 0; i < 8; ++i) {
      backend.record(0, Stream::compute);
      backend.wait(0, Stream::data);
      backend.record(1, Stream::data);
      Kernel zero{.name = KernelName::zero};
      zero.out[0] = {memory, DType::fp32, 1, 8 * count};
      backend.launch(zero, Stream::data);
    }
    if (step < 2) communicate(backend, memory, count);
    backend.synchronize();
    backend.time_of(1);
  }
}

// Rank errors of a run in which the nth call of a function fails; what is left afterwards must be nothing.
std::vector<std::string> errors_with(const std::string& function, unsigned nth) {
  const auto set = testing::stand_in_function<void(const char*, unsigned)>("orrery_fake_break");
  set(function.c_str(), nth);
  std::vector<std::string> errors = testing::play_on_cuda(2, Sharing::threads, play);
  set("", 0);
  return errors;
}

bool says(const std::string& error, const std::string& what) { return error.find(what) != std::string::npos; }

void expect_a_sentence(const std::string& function, unsigned nth) {
  SCOPED_TRACE(function + ", call " + std::to_string(nth));
  const std::vector<std::string> errors = errors_with(function, nth);
  for (const std::string& e : errors)
    EXPECT_TRUE(says(e, ": unknown error (cudaErrorUnknown)") || says(e, ": NCCL: internal error") ||
                (says(e, "cuBLASLt: ") && says(e, ": the GPU program failed to execute")))
        << "'" << e << "'";
  EXPECT_FALSE(says(testing::left_on_stand_ins(), "left behind"));
}

class CudaBrokenCalls : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) setenv("ORRERY_CUDA_GRAPHS", "1", 1);
  }
  void TearDown() override { unsetenv("ORRERY_CUDA_GRAPHS"); }
};

TEST_P(CudaBrokenCalls, EndAllRanksWithASentence) {
  for (const std::string& e : testing::play_on_cuda(1, Sharing::threads, [](Backend&, std::uint32_t) {}))
    ASSERT_EQ(e, "");
  const auto calls = testing::stand_in_function<unsigned(const char*)>("orrery_fake_calls");
  if (calls == nullptr) GTEST_SKIP() << "a GPU, whose calls don't fail";
  testing::stand_in_function<void(const char*, unsigned)>("orrery_fake_break")("", 0);
  for (const std::string& e : testing::play_on_cuda(2, Sharing::threads, play)) ASSERT_EQ(e, "");
  std::map<std::string, unsigned> made;
  std::mt19937 random(5);
  for (const char* f : functions) made[f] = calls(f);
  for (const auto& [function, count] : made) {
    const bool of_graphs = says(function, "Graph") || says(function, "Capture");
    EXPECT_EQ(count > 0, GetParam() || !of_graphs) << function;
    if (std::getenv("ORRERY_TEST_ALL")) {
      for (unsigned nth = 1; nth <= count && !HasFailure(); ++nth) expect_a_sentence(function, nth);
    } else if (count > 0 && of_graphs == GetParam() && !HasFailure()) {
      expect_a_sentence(function, 1 + static_cast<unsigned>(random() % count));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Steps, CudaBrokenCalls, ::testing::Bool(),
                         [](const auto& by_graphs) { return by_graphs.param ? "ByGraphs" : "ByCalls"; });

}  // namespace
}  // namespace orrery
