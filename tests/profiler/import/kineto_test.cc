#include <gtest/gtest.h>

#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

std::string trace(const std::string& events) {
  return R"({"schemaVersion": 1, "traceEvents": [)" + events + "]}";
}

TEST(Kineto, KernelsProductsCollectivesAndSteps) {
  const Source s = import_sample("trace.json.gz");
  EXPECT_EQ(s.device, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(s.software, "NCCL 2.27.3");
  const Measurement product = first(s, What::matmul);
  EXPECT_EQ(product.m, 4096);
  EXPECT_EQ(product.k, 4096);
  EXPECT_EQ(product.value.count, 3);
  const Measurement reduce = first(s, What::collective);
  EXPECT_EQ(reduce.bytes, 64 << 20);
  EXPECT_EQ(reduce.ranks, 8);
  EXPECT_EQ(reduce.detail, "adjacent");
  EXPECT_NEAR(reduce.value.least, 300e-6, 1e-12);
  EXPECT_EQ(first(s, What::step).value.count, 3);
  EXPECT_EQ(first(s, What::kernel).value.count, 24);
}

// A product with two kernels takes both; a gather's buffer is its output.
TEST(Kineto, SumsKernelsOfAnOpAndTakesTheWholeBuffer) {
  const Source s = import_one(trace(
      R"({"ph":"X","cat":"cpu_op","name":"aten::bmm","dur":1,"args":{"External id":5,"Input Dims":[[3,16,32],[3,32,64]],"Input type":["c10::Half","c10::Half"]}},
         {"ph":"X","cat":"kernel","name":"gemm","dur":10,"args":{"External id":5}},
         {"ph":"X","cat":"kernel","name":"reduce","dur":"2.5","args":{"External id":5}},
         {"ph":"X","cat":"kernel","name":"nccl","dur":7,"args":{"Collective name":"_allgather_base","In msg nelems":10,"Out msg nelems":40,
          "Group size":4,"dtype":"Float","Process Group Ranks":"[0, 8, 16, 24]"}})"));
  EXPECT_DOUBLE_EQ(first(s, What::matmul).value.median, 12.5e-6);
  EXPECT_EQ(first(s, What::matmul).batch, 3);
  EXPECT_EQ(first(s, What::collective).name, "all_gather");
  EXPECT_EQ(first(s, What::collective).bytes, 160);
  EXPECT_EQ(first(s, What::collective).detail, "");  // strided
}

TEST(Kineto, ToleratesWhatProfilersWrite) {
  const Source s =
      import_one(trace("{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"a\tb\",\"dur\":3},{\"ph\":\"X\",\"cat\":"
                       "\"kernel\",\"name\":\"\xff\",\"dur\":3}"));
  EXPECT_EQ(first(s, What::kernel).name, "a b");
  ASSERT_EQ(s.notes.size(), 1u);
  EXPECT_EQ(s.notes[0], "1 events are not JSON and were left out");
}

// Of more than 30 ranks PyTorch writes the first ones.
TEST(Kineto, LongGroupsAreCutOff) {
  const auto detail = [](const std::string& ranks) {
    return first(
               import_one(trace(
                   R"({"ph":"X","cat":"kernel","name":"n","dur":7,"args":{"Collective name":"broadcast","Process Group Ranks":")" +
                   ranks + "\"}}")),
               What::collective)
        .detail;
  };
  EXPECT_EQ(detail("[64, 65, 66, ...]"), "adjacent");
  EXPECT_EQ(detail("[0, 2, ...]"), "");
  EXPECT_EQ(detail("[...]"), "");
  EXPECT_EQ(detail("[3]"), "");
}

TEST(Kineto, RefusesATraceThatWasCutOffOrHasNoKernels) {
  const std::string whole = trace(R"({"ph":"X","cat":"kernel","name":"a","dur":3})");
  EXPECT_NE(error_of([&] { import_one(whole.substr(0, whole.size() - 2)); }).find("expected a whole trace"),
            std::string::npos);
  EXPECT_NE(error_of([] { import_one(trace("")); }).find("/traceEvents: expected kernels of a device"),
            std::string::npos);
}

}  // namespace
}  // namespace orrery
