#include "tests/fake_cuda/nccl/reduce.h"

#include <bit>
#include <cstdint>

namespace orrery::fake {
namespace {

struct Bfloat {
  std::uint16_t bits;
};

template <class T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  } else {
    return a + b;
  }
}

template <class T>
void combine(T* to, const T* with, std::size_t count, ncclRedOp_t operation) {
  for (std::size_t i = 0; i < count; ++i)
    to[i] = operation == ncclMax ? (with[i] > to[i] ? with[i] : to[i]) : sum(to[i], with[i]);
}

float widened(Bfloat x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

void combine(Bfloat* to, const Bfloat* with, std::size_t count, ncclRedOp_t operation) {
  for (std::size_t i = 0; i < count; ++i) {
    float x = widened(to[i]);
    const float y = widened(with[i]);
    combine(&x, &y, 1, operation);
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
    to[i].bits = static_cast<std::uint16_t>(nan ? 0x7fffU : (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
  }
}

template <class T>
void combine(void* to, const void* with, std::size_t count, ncclRedOp_t operation) {
  combine(static_cast<T*>(to), static_cast<const T*>(with), count, operation);
}

}  // namespace

bool is_known(ncclDataType_t type) {
  return type == ncclFloat32 || type == ncclBfloat16 || type == ncclInt64 || type == ncclUint8;
}
bool is_known(ncclRedOp_t operation) { return operation == ncclSum || operation == ncclMax; }

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclFloat32:
      return 4;
    case ncclBfloat16:
      return 2;
    case ncclInt64:
      return 8;
    default:
      return 1;
  }
}

std::string name_of(ncclDataType_t type) {
  switch (type) {
    case ncclFloat32:
      return "fp32";
    case ncclBfloat16:
      return "bf16";
    case ncclInt64:
      return "int64";
    case ncclUint8:
      return "uint8";
    default:
      return "type " + std::to_string(type);
  }
}

void reduce(void* to, const void* with, std::size_t count, ncclDataType_t type, ncclRedOp_t operation) {
  switch (type) {
    case ncclFloat32:
      return combine<float>(to, with, count, operation);
    case ncclBfloat16:
      return combine<Bfloat>(to, with, count, operation);
    case ncclInt64:
      return combine<std::int64_t>(to, with, count, operation);
    default:
      return combine<std::uint8_t>(to, with, count, operation);
  }
}

}  // namespace orrery::fake
