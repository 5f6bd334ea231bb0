// `orrery run --backend cuda` on machines that lack something: one sentence, exit code 4, nothing left
// running.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/tools/shell.h"

namespace orrery {
namespace {

// Two ranks of a model that is as small as can be.
constexpr const char* scenario = R"({
  "schema": "orrery.scenario/1",
  "name": "tiny",
  "model": { "name": "tiny", "vocab": 257, "max_positions": 8, "position": "learned", "tied": true,
    "layers": [ { "count": 1, "hidden": 8, "attention": { "heads": 1, "qkv_bias": true, "out_bias": true },
                  "mlp": { "ffn": 8, "activation": "gelu_tanh", "bias": true }, "norm": "layer" } ] },
  "cluster": { "preset": "cpu-2" },
  "train": { "seq_len": 8, "global_batch": 4, "precision": "fp32" },
  "plan": { "dp": 2, "micro_batch": 2, "attention": "unfused" },
  "calibration": "cpu-core"
})";

class CudaCommand : public ::testing::Test {
 protected:
  CudaCommand() : scratch_(::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::ofstream(scratch_.path() + "/tiny.json") << scenario;
    std::ofstream text(scratch_.path() + "/text.txt");
    for (int i = 0; i < 400; ++i) text << "some words to learn, " << i << "\n";
  }

  // What a run says on a machine of which the environment says what it lacks.
  void expect(const std::string& environment, const std::string& sentence,
              const std::string& orrery = "orrery") {
    const Outcome o = scratch_.run(environment + " timeout -s KILL 100 " + orrery + command);
    EXPECT_EQ(o.err, "orrery: " + sentence + "\n");
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(o.code, 4);
  }

  // An installation whose plug-in needs a library of another name.
  std::string install_with(const std::string& library, const std::string& other) {
    const Outcome o = scratch_.run("mkdir -p bin lib/orrery && cp " ORRERY_BINARY " bin && sed 's/" +
                                   library + "/" + other +
                                   "/g' " ORRERY_CUDA_PLUG_IN
                                   " > lib/orrery/liborrery_cuda.so && "
                                   "ln -s ../../scenarios lib/orrery/scenarios");
    EXPECT_EQ(o.code, 0) << o.err;
    return "bin/orrery";
  }
  std::string plug_in() const { return scratch_.path() + "/lib/orrery/liborrery_cuda.so"; }

  static constexpr const char* command =
      " run tiny.json --data text.txt --steps 1 --presets-path " ORRERY_SOURCE_DIR
      "/scenarios --backend cuda";
  const Scratch scratch_;
};

TEST_F(CudaCommand, RunsOnTheStandIns) {
  const Outcome o = scratch_.run(std::string("timeout -s KILL 100 orrery") + command);
  EXPECT_EQ(o.code, 0) << o.err;
}

TEST_F(CudaCommand, WithoutADriver) {
  expect("FAKE_CUDA_DRIVER=0",
         "no NVIDIA driver: libcuda.so.1 is not there (nvidia-smi should list the GPUs)");
}

TEST_F(CudaCommand, WithAnOldDriver) {
  expect("FAKE_CUDA_DRIVER=12040",
         "the NVIDIA driver is for CUDA 12.4, but this build needs CUDA 13.0: a newer driver will do");
}

TEST_F(CudaCommand, WithoutAGpu) {
  expect("FAKE_CUDA_DEVICES=0", "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES may hide them)");
}

TEST_F(CudaCommand, WithTooFewGpus) {
  expect("FAKE_CUDA_DEVICES=1",
         "rank 1 of this machine has no GPU: there is 1, and every rank takes one of its own");
}

// Whichever rank is the first to say so.
TEST_F(CudaCommand, WithTooLittleMemory) {
  const Outcome o = scratch_.run("FAKE_CUDA_MEMORY=1000 timeout -s KILL 100 orrery" + std::string(command));
  const std::string rest =
      " (fake GPU (PTX interpreter)): 0.00 GiB are needed, 0.00 GiB of 0.00 GiB are free; another plan or "
      "smaller micro-batches may do\n";
  EXPECT_TRUE(o.err == "orrery: out of memory on GPU 0" + rest ||
              o.err == "orrery: out of memory on GPU 1" + rest)
      << o.err;
  EXPECT_EQ(o.code, 4);
}

// The plug-in asks for the runtime of CUDA 13 by its name, so another major version is as good as none.
TEST_F(CudaCommand, WithAnotherToolkit) {
  const std::string orrery = install_with("libcudart.so.13", "libcudart.so.99");
  expect("",
         "the plug-in " + plug_in() +
             " can't be loaded: libcudart.so.99: cannot open shared object file: No such "
             "file or directory",
         orrery);
}

TEST_F(CudaCommand, WithoutNccl) {
  const std::string orrery = install_with("libnccl.so.2", "libnccX.so.2");
  expect("",
         "the plug-in " + plug_in() +
             " can't be loaded: libnccX.so.2: cannot open shared object file: No such "
             "file or directory",
         orrery);
}

TEST_F(CudaCommand, WhoseRankIsKilled) {
  const Outcome o = scratch_.run(
      "timeout -s KILL 100 orrery run tiny.json --data text.txt --steps 1000000 --backend cuda > out & "
      "job=$!\n"
      "children() { cat /proc/$(cat /proc/$job/task/$job/children | tr -d ' ')/task/*/children; }\n"
      "until [ \"$(children 2> /dev/null | wc -w)\" = 2 ]; do sleep 0.1; done\n"
      "sleep 1; set -- $(children); kill -KILL $2; wait $job; code=$?\n"
      "for rank; do ! kill -0 $rank 2> /dev/null || echo $rank is left; done\n"
      "exit $code");
  EXPECT_EQ(o.code, 4);
  EXPECT_TRUE(o.err.starts_with("orrery: rank 1 was killed by signal 9 (Killed)") &&
              o.err.find('\n') == o.err.size() - 1)
      << o.err;
  EXPECT_EQ(o.out, "");
}

}  // namespace
}  // namespace orrery
