// Products by oneDNN. A primitive is prepared once for each kind of product and found again by its shape,
// strides and types; a call only changes pointers.
#include <array>
#include <bit>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "runtime/cpu/kernels/matrix_product.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"

// Of libgomp, which oneDNN runs on.
extern "C" void omp_set_num_threads(int);

namespace orrery {
namespace {

using dnnl::memory;

// What a primitive depends on: a Product without its pointers.
using Key = std::array<std::int64_t, 8>;

Key key_of(const Product& p) {
  const std::uint32_t flags =
      std::uint32_t{p.a.transposed} | std::uint32_t{p.b.transposed} << 1 | std::uint32_t{p.add} << 2 |
      std::uint32_t{p.bias != nullptr} << 3 | std::uint32_t{p.a.dtype == DType::bf16} << 4 |
      std::uint32_t{p.out_type == DType::bf16} << 5 | std::uint32_t{p.bias_type == DType::bf16} << 6;
  return {p.m, p.n, p.k, p.a.stride, p.b.stride, p.out_stride, flags, std::bit_cast<std::int32_t>(p.scale)};
}

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t h = 0;
    for (const std::int64_t x : key) h = mix(h ^ static_cast<std::uint64_t>(x));
    return h;
  }
};

bool supported(const Product& p) {
  const auto known = [](DType t) { return t == DType::fp32 || t == DType::bf16; };
  return p.a.dtype == p.b.dtype && known(p.a.dtype) && known(p.out_type) &&
         (p.a.dtype == DType::bf16 || p.out_type == DType::fp32) &&
         (p.bias == nullptr || p.bias_type == DType::fp32 || (p.bias_type == p.a.dtype));
}

// oneDNN's other interface is 4 to 7 % faster on large fp32 products whose second operand is not transposed
// (both gradients of a linear; version 2.6.3, Zen 4), and no faster on others.
bool better_by_sgemm(const Product& p) {
  return p.a.dtype == DType::fp32 && p.bias == nullptr && !p.b.transposed &&
         p.m * p.n * p.k >= std::int64_t{1} << 26;
}

void run_sgemm(const Product& p) {
  dnnl::error::wrap_c_api(
      dnnl_sgemm(p.a.transposed ? 'T' : 'N', 'N', p.m, p.n, p.k, p.scale, static_cast<const float*>(p.a.data),
                 p.a.stride, static_cast<const float*>(p.b.data), p.b.stride, p.add ? 1.0F : 0.0F,
                 static_cast<float*>(p.out), p.out_stride),
      "could not run a product");
}

memory::data_type type_of(DType t) {
  return t == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc describe(std::int64_t rows, std::int64_t columns, DType type, std::int64_t stride,
                      bool transposed) {
  const memory::dims strides = transposed ? memory::dims{1, stride} : memory::dims{stride, 1};
  return {{rows, columns}, type_of(type), strides};
}

struct Prepared {
  dnnl::primitive primitive;  // empty: this machine has no such product
  memory a, b, bias, out;
};

class OnednnProducts final : public MatrixProducts {
 public:
  bool run(const Product& p) override try {
    if (!supported(p)) return false;
    omp_set_num_threads(1);  // of this host thread
    if (better_by_sgemm(p)) {
      run_sgemm(p);
      return true;
    }
    const auto [found, added] = prepared_.try_emplace(key_of(p));
    Prepared& it = found->second;
    if (added) it = prepare(p);
    if (!it.primitive) return false;
    it.a.set_data_handle(const_cast<void*>(p.a.data));
    it.b.set_data_handle(const_cast<void*>(p.b.data));
    it.out.set_data_handle(p.out);
    std::array<dnnl_exec_arg_t, 5> arguments{{{DNNL_ARG_SRC, it.a.get()},
                                              {DNNL_ARG_WEIGHTS, it.b.get()},
                                              {DNNL_ARG_DST, it.out.get()},
                                              {DNNL_ARG_SCRATCHPAD, scratchpad_.get()},
                                              {DNNL_ARG_BIAS, nullptr}}};
    if (p.bias != nullptr) {
      it.bias.set_data_handle(const_cast<void*>(p.bias));
      arguments[4].memory = it.bias.get();
    }
    const int count = p.bias != nullptr ? 5 : 4;
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(it.primitive.get(), stream_.get(), count, arguments.data()),
        "could not run a product");
    return true;
  } catch (const dnnl::error& e) {
    throw DeviceError(std::string("oneDNN: ") + e.what());
  }

 private:
  Prepared prepare(const Product& p) {
    const memory::desc a = describe(p.m, p.k, p.a.dtype, p.a.stride, p.a.transposed);
    const memory::desc b = describe(p.k, p.n, p.b.dtype, p.b.stride, p.b.transposed);
    const memory::desc out = describe(p.m, p.n, p.out_type, p.out_stride, false);
    const memory::desc bias = p.bias == nullptr ? memory::desc() : describe(1, p.n, p.bias_type, p.n, false);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (p.scale != 1) attributes.set_output_scales(0, {p.scale});
    if (p.add) {
      dnnl::post_ops then;
      then.append_sum(1);
      attributes.set_post_ops(then);
    }
    const dnnl::matmul::primitive_desc chosen({a, b, bias, out}, attributes, engine_, true);
    if (!chosen) return {};
    if (chosen.scratchpad_desc().get_size() > scratchpad_.get_desc().get_size())
      scratchpad_ = memory(chosen.scratchpad_desc(), engine_);
    Prepared result{dnnl::matmul(chosen),
                    memory(a, engine_, nullptr),
                    memory(b, engine_, nullptr),
                    {},
                    memory(out, engine_, nullptr)};
    if (p.bias != nullptr) result.bias = memory(bias, engine_, nullptr);
    return result;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  memory scratchpad_{{{1}, memory::data_type::u8, memory::dims{1}}, engine_};
  std::unordered_map<Key, Prepared, KeyHash> prepared_;
};

}  // namespace

std::unique_ptr<MatrixProducts> onednn_products() { return std::make_unique<OnednnProducts>(); }

}  // namespace orrery
