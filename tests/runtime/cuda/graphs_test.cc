// Steps that are launched as CUDA graphs: one that differs from an earlier one in anything is not taken for
// it. (That whole training runs give the same bits: parity_test.cc.)
#include <cstdlib>

#include "tests/runtime/conformance/conformance.h"
#include "tests/runtime/cuda/ranks.h"

namespace orrery {
namespace {

using testing::Slab;

constexpr std::size_t n = 600;

// In what a step may differ from another one with as many calls.
struct Step {
  std::size_t operand = 0, source = 0, target = 0;
  Stream copies = Stream::to_device;
  float dropout = 0.5F;
  bool evaluate = false, maximum = false;
};

class Steps {
 public:
  explicit Steps(Backend& backend)
      : backend_(backend),
        device_(backend, Memory::device, 1 << 20),
        host_(backend, Memory::host, 1 << 20),
        out_(host_.floats(sums * n)) {
    const GroupMembers self{{0, 1}, Role::world};
    const std::uint32_t id = 0;
    backend.open_groups({&self, 1}, {&id, 1});
    backend.create_events(2);
    for (float*& s : sums_) fill(s = device_.floats(n), 0);
    for (float*& o : operands_) fill(o = device_.floats(n), 1);
    for (float*& s : sources_) fill_host(s = host_.floats(n), 2);
    copied_ = device_.floats(n);
    for (float* s : sums_) pieces_.push_back({s, s, n});
  }

  std::vector<float> run(const std::vector<Step>& steps, std::uint32_t rank) {
    StepArguments arguments{.seed = rank};
    for (const Step& s : steps) {
      ++arguments.step;
      arguments.evaluate = s.evaluate;
      queue(s, arguments);
      backend_.synchronize();
    }
    for (std::size_t i = 0; i < sums; ++i)
      backend_.copy(out_ + i * n, sums_[i], testing::bytes_of(n), Stream::to_host);
    backend_.synchronize();
    return {out_, out_ + sums * n};
  }

 private:
  static constexpr std::size_t sums = 3;

  void fill_host(float* to, int kind) {
    for (std::size_t i = 0; i < n; ++i)
      to[i] = kind == 0 ? 0.0F : static_cast<float>((i * 37 + ++drawn_ * 101) % 512) / 256;
  }
  void fill(float* to, int kind) {
    float* const from = host_.floats(n);
    fill_host(from, kind);
    backend_.copy(to, from, testing::bytes_of(n), Stream::compute);
    backend_.synchronize();
  }

  void queue(const Step& s, const StepArguments& arguments) {
    float* const target = sums_[s.target];
    backend_.copy(copied_, sources_[s.source], testing::bytes_of(n), s.copies);
    backend_.record(0, s.copies);
    backend_.wait(0, Stream::compute);
    testing::launch_add(backend_, target, copied_, n, Stream::compute);
    for (int i = 0; i < 3; ++i)
      testing::launch_add(backend_, target, operands_[s.operand], n, Stream::compute);
    Kernel drop{.name = KernelName::residual, .step = &arguments};
    const auto ref = [](float* p) { return TensorRef{p, DType::fp32, 1, n}; };
    drop.in[0] = ref(target);
    drop.in[1] = ref(operands_[0]);
    drop.out[0] = ref(target);
    drop.attributes.dropout = s.dropout;
    drop.attributes.global_columns = n;
    backend_.launch(drop, Stream::compute);
    backend_.record(1, Stream::compute);
    backend_.wait(1, Stream::data);
    backend_.communicate({Kind::all_reduce,
                          0,
                          0,
                          DType::fp32,
                          s.maximum ? Reduction::max : Reduction::sum,
                          0,
                          {&pieces_[s.target], 1},
                          "sums"},
                         Stream::data);
  }

  Backend& backend_;
  Slab device_, host_;
  float* out_;
  float *sums_[sums]{}, *operands_[2]{}, *sources_[2]{}, *copied_ = nullptr;
  std::vector<Transfer> pieces_;
  std::size_t drawn_ = 0;
};

std::vector<float> results(const std::vector<Step>& steps, bool graphs) {
  if (graphs) setenv("ORRERY_CUDA_GRAPHS", "1", 1);
  std::vector<float> out;
  const auto errors =
      testing::play_on_cuda(2, comm::Sharing::threads, [&](Backend& backend, std::uint32_t rank) {
        Steps all(backend);
        std::vector<float> mine = all.run(steps, rank);
        if (rank == 0) out = std::move(mine);
      });
  unsetenv("ORRERY_CUDA_GRAPHS");
  for (const std::string& e : errors) EXPECT_EQ(e, "");
  return out;
}

// Each kind of step comes often enough to be captured, between others.
TEST(CudaStepGraphs, AreNotTakenForStepsThatDiffer) {
  const Step kinds[] = {{},
                        {.operand = 1},
                        {.source = 1},
                        {.target = 1},
                        {.copies = Stream::to_host},
                        {.dropout = 0.25F},
                        {.evaluate = true},
                        {.maximum = true}};
  for (const Step& other : kinds) {
    std::vector<Step> steps;
    for (int i = 0; i < 4; ++i)
      for (const Step& s : {kinds[0], other}) steps.push_back(s);
    EXPECT_EQ(results(steps, true), results(steps, false)) << "kind " << &other - kinds;
  }
}

// No more than a few are kept, whatever comes.
TEST(CudaStepGraphs, GiveWayToLaterOnes) {
  std::vector<Step> steps;
  for (int round = 0; round < 2; ++round)
    for (std::size_t kind = 0; kind < 12; ++kind)
      for (int i = 0; i < 3; ++i)
        steps.push_back({.operand = kind % 2, .source = kind / 2 % 2, .target = kind / 4});
  EXPECT_EQ(results(steps, true), results(steps, false));
}

// When events were reached is known for steps that are measured.
TEST(CudaStepGraphs, MeasureTimes) {
  setenv("ORRERY_CUDA_GRAPHS", "1", 1);
  const auto errors = testing::play_on_cuda(1, comm::Sharing::threads, [](Backend& backend, std::uint32_t) {
    Slab device(backend, Memory::device, 1 << 20);
    float* const x = device.floats(n);
    backend.create_events(10);
    Tick last{};
    for (int step = 0; step < 4; ++step) {
      for (EventIndex e = 0; e < 10; ++e) {
        testing::launch_add(backend, x, nullptr, n, Stream::compute);
        backend.record(e, Stream::compute);
      }
      backend.synchronize();
      for (EventIndex e = 0; e < 10; ++e) {
        EXPECT_GE(backend.time_of(e).v, last.v) << "event " << e << " of step " << step;
        last = backend.time_of(e);
      }
    }
  });
  unsetenv("ORRERY_CUDA_GRAPHS");
  EXPECT_EQ(errors[0], "");
}

}  // namespace
}  // namespace orrery
