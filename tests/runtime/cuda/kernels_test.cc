// The kernels on a GPU at random shapes, odd ones among them, against the reference in double precision. (The
// conformance suite holds them to the cases that all backends share.) And the same bits from the same launch.
#include <cstdlib>
#include <cstring>
#include <random>

#include "tests/runtime/cuda/ranks.h"
#include "tests/runtime/kernels/cases.h"

namespace orrery {
namespace {

using Int = std::int64_t;
using enum KernelName;
using test::Invocation;
using test::Tensor;

// A GPU as a place for cases: memory is taken from one allocation and given back by reset().
class Gpu final : public test::Device {
 public:
  explicit Gpu(Backend& backend)
      : backend_(backend),
        device_(static_cast<std::byte*>(backend.allocate({size}, Memory::device))),
        host_(static_cast<std::byte*>(backend.allocate({size}, Memory::host))) {}
  void reset() { used_ = 0; }
  void* allocate(std::size_t bytes) override { return device_ + take(bytes); }
  void upload(void* to, const void* from, std::size_t bytes) override {
    backend_.synchronize();
    std::memcpy(host_, from, bytes);
    copy(to, host_, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    copy(host_, from, bytes);
    backend_.synchronize();
    std::memcpy(to, host_, bytes);
  }
  void launch(const Kernel& k) override { backend_.launch(k, Stream::compute); }

 private:
  static constexpr Int size = 32 << 20;
  std::size_t take(std::size_t bytes) {
    const std::size_t at = used_;
    used_ += (bytes + 255) / 256 * 256;
    EXPECT_LE(used_, static_cast<std::size_t>(size));
    return at;
  }
  void copy(void* to, const void* from, std::size_t bytes) {
    backend_.copy(to, from, {static_cast<Int>(bytes)}, Stream::compute);
  }
  Backend& backend_;
  std::byte *device_, *host_;
  std::size_t used_ = 0;
};

// Invocations at random.
class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  std::vector<Invocation> all() {
    std::vector<Invocation> out;
    products(out);
    rows(out);
    heads(out);
    words(out);
    return out;
  }

 private:
  Int below(Int n) { return static_cast<Int>(random_() % static_cast<unsigned>(n)); }
  bool coin() { return below(2) == 1; }
  Tensor tensor(Int rows, Int columns, bool exact = false) {
    Tensor t = test::zeros(rows, columns);
    for (double& x : t.values) x = static_cast<double>(static_cast<float>(normal_(random_)));
    t.exact = exact;
    return t;
  }
  Tensor ids(Int n, Int until) {
    Tensor t = test::zeros(n, 1, DType::int64);
    for (double& x : t.values) x = static_cast<double>(below(until));
    return t;
  }
  void add(std::vector<Invocation>& out, KernelName kernel, const KernelAttributes& a, std::vector<Tensor> in,
           std::vector<Tensor> results) {
    Invocation& v = out.emplace_back();
    v.kernel = kernel;
    v.label = name(kernel);
    for (const std::vector<Tensor>* all : {&in, &results})
      for (const Tensor& t : *all) v.label += " " + std::to_string(t.rows) + "x" + std::to_string(t.columns);
    v.attributes = a;
    v.step = {.step = random_() % 1000, .seed = random_(), .learning_rate = 0.01F};
    std::move(in.begin(), in.end(), v.in.begin());
    std::move(results.begin(), results.end(), v.out.begin());
  }

  void products(std::vector<Invocation>& out) {
    const Int m = 1 + below(40), n = 1 + below(40), k = 1 + below(70);
    const bool ta = coin(), tb = coin();
    add(out, matmul, {.add = coin(), .transpose_a = ta, .transpose_b = tb},
        {ta ? tensor(k, m) : tensor(m, k), tb ? tensor(n, k) : tensor(k, n),
         coin() ? tensor(1, n) : Tensor{}},
        {tensor(m, n)});
    add(out, column_sum, {.add = coin()}, {tensor(m, n)}, {tensor(1, n)});
  }

  void rows(std::vector<Invocation>& out) {
    const Int rows = 1 + below(9), h = coin() ? 1 + below(300) : 4 * (1 + below(80));
    const KernelAttributes a{.add = coin(), .norm = coin() ? Norm::layer : Norm::rms, .epsilon = 1e-3F};
    add(out, norm, a, {tensor(rows, h), tensor(1, h), coin() ? tensor(1, h) : Tensor{}}, {tensor(rows, h)});
    add(out, norm_gradient, a, {tensor(rows, h), tensor(rows, h), tensor(1, h)},
        {tensor(rows, h), tensor(1, h), coin() ? tensor(1, h) : Tensor{}});
    const bool gated = coin();
    const KernelAttributes act{.activation = static_cast<Activation>(below(5)), .gated = gated};
    const Int up = gated ? 2 * h : h;
    add(out, activation, act, {tensor(rows, up)}, {tensor(rows, h)});
    add(out, activation_gradient, act, {tensor(rows, h), tensor(rows, up)}, {tensor(rows, up)});
    const KernelAttributes drop{.dropout = 0.25F * static_cast<float>(below(3)),
                                .dropout_key = random_(),
                                .first_token = below(1000),
                                .global_columns = h};
    const Tensor mask = coin() ? test::zeros(rows, h, DType::uint8) : Tensor{};
    add(out, residual, drop, {tensor(rows, h), tensor(rows, h), coin() ? tensor(1, h) : Tensor{}},
        {tensor(rows, h), mask});
    add(out, residual_gradient, drop, {tensor(rows, h)}, {tensor(rows, h)});
    add(out, KernelName::add, {}, {tensor(rows, h)}, {tensor(rows, h)});
  }

  void heads(std::vector<Invocation>& out) {
    const Int kv_heads = 1 + below(2), group = 1 + below(2), d = 2 * (1 + below(20)), s = 1 + below(45);
    const Int heads = kv_heads * group, tokens = s * (1 + below(2)), width = (heads + 2 * kv_heads) * d;
    const KernelAttributes a{.causal = coin(),
                             .heads = heads,
                             .kv_heads = kv_heads,
                             .head_dim = d,
                             .sequence = s,
                             .dropout = coin() ? 0.2F : 0.0F,
                             .dropout_key = random_(),
                             .first_token = 5 * s,
                             .all_heads = heads + 3,
                             .first_head = 1};
    add(out, rotary, {.inverse = coin(), .heads = heads, .kv_heads = kv_heads, .head_dim = d, .sequence = s},
        {}, {tensor(tokens, width)});
    const Tensor qkv = tensor(tokens, width);
    add(out, attention, a, {qkv}, {tensor(tokens, heads * d), tensor(tokens / s * heads, s, true)});
    Invocation done = out.back();
    compute(done);
    add(out, attention_gradient, a, {tensor(tokens, heads * d), qkv, done.out[0], done.out[1]},
        {tensor(tokens, width)});
    const Int squares = tokens * heads;
    add(out, scores, a, {qkv}, {tensor(squares, s)});
    add(out, softmax, a, {tensor(squares, s)}, {tensor(squares, s), coin() ? tensor(squares, s) : Tensor{}});
    add(out, context, a, {tensor(squares, s), qkv}, {tensor(tokens, heads * d)});
    add(out, context_gradient, a, {tensor(tokens, heads * d), tensor(squares, s), qkv},
        {tensor(squares, s), tensor(tokens, width)});
    add(out, softmax_gradient, a, {tensor(squares, s)}, {tensor(squares, s)});
    add(out, scores_gradient, a, {tensor(squares, s), qkv}, {tensor(tokens, width)});
  }

  void words(std::vector<Invocation>& out) {
    const Int tokens = 1 + below(30), vocabulary = 1 + below(60), h = 1 + below(70),
              sequence = 1 + below(tokens);
    const Int first = below(5);
    const KernelAttributes a{.add = coin(), .sequence = sequence, .first_row = first};
    const Tensor positions = coin() ? tensor(sequence, h) : Tensor{};
    add(out, embedding, a, {ids(tokens, vocabulary + first), tensor(vocabulary, h), positions},
        {tensor(tokens, h)});
    add(out, embedding_gradient, a, {tensor(tokens, h), ids(tokens, vocabulary + first)},
        {tensor(vocabulary, h), positions});
    const KernelAttributes loss{
        .add = coin(), .scale = 0.125F, .first_row = first, .vocab = first + vocabulary - below(vocabulary)};
    const Tensor labels = ids(tokens, first + vocabulary);
    add(out, cross_entropy, loss, {tensor(tokens, vocabulary), labels},
        {tensor(tokens, vocabulary, true), tensor(4, tokens, true)});
    Invocation done = out.back();
    compute(done);
    add(out, cross_entropy_gradient, loss, {done.out[0], done.out[1], labels},
        {tensor(tokens, vocabulary), tensor(1, 1, true)});
  }

  std::mt19937 random_;
  std::normal_distribution<double> normal_;
};

void on_gpu(const std::function<void(Gpu&)>& body) {
  const auto errors = testing::play_on_cuda(1, comm::Sharing::threads, [&](Backend& backend, std::uint32_t) {
    Gpu gpu(backend);
    body(gpu);
  });
  EXPECT_EQ(errors[0], "");
}

class CudaKernels : public ::testing::TestWithParam<unsigned> {};

TEST_P(CudaKernels, AgreeWithTheReferenceAtRandomShapes) {
  const unsigned rounds = std::getenv("ORRERY_TEST_ALL") ? 40 : 6;
  on_gpu([&](Gpu& gpu) {
    for (unsigned round = 0; round < rounds; ++round)
      for (const Invocation& v : Random(1000 * GetParam() + round).all())
        for (const Invocation& each : {v, test::in_bf16(v)}) {
          gpu.reset();
          EXPECT_TRUE(test::agrees(each, gpu)) << each.label;
        }
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, CudaKernels, ::testing::Range(0U, 4U));

TEST(CudaKernels, GiveTheSameBitsAgain) {
  on_gpu([&](Gpu& gpu) {
    for (const Invocation& v : Random(7).all()) {
      gpu.reset();
      const Invocation once = test::launched(v, gpu);
      gpu.reset();
      const Invocation again = test::launched(v, gpu);
      for (std::size_t i = 0; i < once.out.size(); ++i)
        EXPECT_EQ(once.out[i].values, again.out[i].values) << v.label << ", output " << i;
    }
  });
}

}  // namespace
}  // namespace orrery
