// atom and red.
#include "tests/fake_cuda/ptx/access.h"
#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

enum class Operation : std::uint8_t {
  add,
  min,
  max,
  increment,
  decrement,
  and_,
  or_,
  xor_,
  exchange,
  compare
};

template <class T>
T apply(Operation operation, T old, T value, T compare) {
  using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  const auto bits = [](T x) { return std::bit_cast<U>(x); };
  const auto back = [](U x) { return std::bit_cast<T>(x); };
  switch (operation) {
    case Operation::add:
      if constexpr (std::is_integral_v<T>) {
        return back(bits(old) + bits(value));
      } else {
        return old + value;
      }
    case Operation::min:
      return value < old ? value : old;
    case Operation::max:
      return value > old ? value : old;
    case Operation::increment:
      return old >= value ? T{0} : old + 1;
    case Operation::decrement:
      return old == T{0} || old > value ? value : old - 1;
    case Operation::and_:
      return back(bits(old) & bits(value));
    case Operation::or_:
      return back(bits(old) | bits(value));
    case Operation::xor_:
      return back(bits(old) ^ bits(value));
    case Operation::exchange:
      return value;
    case Operation::compare:
      return bits(old) == bits(value) ? compare : old;
  }
  return old;
}

// Other streams may update the same place.
template <class T>
T update(std::byte* at, Operation operation, T value, T compare) {
  using U = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  auto* place = reinterpret_cast<U*>(at);
  U seen = __atomic_load_n(place, __ATOMIC_SEQ_CST);
  for (;;) {
    const U wanted = std::bit_cast<U>(apply(operation, std::bit_cast<T>(seen), value, compare));
    if (__atomic_compare_exchange_n(place, &seen, wanted, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return std::bit_cast<T>(seen);
  }
}

template <class T>
void atomic(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  Pointers at;
  resolve(lanes, i, active, sizeof(T), Access::atomic, at);
  const View<T> value(lanes, i.source[1]), compare(lanes, i.source[2]);
  for (std::uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const T old = update<T>(at[lane], static_cast<Operation>(i.option), value[lane], compare[lane]);
    if (i.second != Instruction::none) View<T>(lanes, i.second).set(lane, old);
  }
}

Handler handler_of(Type t) {
  switch (t) {
    case Type::b32:
    case Type::u32:
      return atomic<std::uint32_t>;
    case Type::s32:
      return atomic<std::int32_t>;
    case Type::b64:
    case Type::u64:
      return atomic<std::uint64_t>;
    case Type::s64:
      return atomic<std::int64_t>;
    case Type::f32:
      return atomic<float>;
    case Type::f64:
      return atomic<double>;
    default:
      return nullptr;
  }
}

}  // namespace

bool decode_atomic(Builder& b, Modifiers& m, Instruction& i) {
  const bool returns = m.base() == "atom";
  if (!returns && m.base() != "red") return false;
  m.take_one_of({"relaxed", "acquire", "release", "acq_rel"});
  m.take_one_of({"cta", "cluster", "gpu", "sys"});
  const auto space = m.take_one_of({"global", "shared", "shared::cta"});
  const auto operation =
      m.take_one_of({"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"});
  if (!operation) b.refuse("this operation is not supported");
  i.option = static_cast<std::uint8_t>(*operation);
  const Type t = b.type(m);
  i.run = handler_of(t);
  const auto op = static_cast<Operation>(i.option);
  if (i.run == nullptr || (is_float(t) && op != Operation::add)) b.refuse("this type is not supported");
  const std::size_t first = returns ? 1 : 0;
  b.expect_arguments(first + (op == Operation::compare ? 3 : 2));
  b.set_address(b.argument(first),
                !space        ? Space::generic
                : *space == 0 ? Space::global
                              : Space::shared,
                t, i);
  i.source[1] = b.source(b.argument(first + 1), t);
  i.source[2] = op == Operation::compare ? b.source(b.argument(first + 2), t) : i.source[1];
  if (returns) i.second = b.destination(b.argument(0), t);
  return true;
}

}  // namespace orrery::ptx
