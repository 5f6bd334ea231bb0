// ld and st. Caching and ordering modifiers have no effect: memory here is sequentially consistent.
#include "tests/fake_cuda/ptx/access.h"
#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

template <class T>
void extend(const Lanes& lanes, Width width, std::uint32_t to, int lane, T value) {
  const auto extended = static_cast<std::int64_t>(value);
  switch (width) {
    case Width::w16:
      lanes.at<std::uint32_t>(to)[lane] = static_cast<std::uint16_t>(extended);
      break;
    case Width::w32:
      lanes.at<std::uint32_t>(to)[lane] = static_cast<std::uint32_t>(extended);
      break;
    case Width::w64:
      lanes.at<std::uint64_t>(to)[lane] = static_cast<std::uint64_t>(extended);
      break;
  }
}

template <class T>
void load(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  Pointers from;
  resolve(lanes, i, active, sizeof(T) * i.count, Access::read, from);
  const std::uint32_t* to = &lanes.kernel().lists[i.list];
  for (int k = 0; k < i.count; ++k) {
    for_lanes(active, [&, k](int lane) {
      T value;
      std::memcpy(&value, from[lane] + static_cast<std::size_t>(k) * sizeof(T), sizeof(T));
      extend(lanes, i.width, to[k], lane, value);
    });
  }
}

// A parameter of the kernel, equal in all lanes, `offset` bytes from the first.
template <class T>
void load_parameter(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::byte* from = lanes.environment->parameters + i.offset;
  const std::uint32_t* to = &lanes.kernel().lists[i.list];
  for (int k = 0; k < i.count; ++k) {
    T value;
    std::memcpy(&value, from + static_cast<std::size_t>(k) * sizeof(T), sizeof(T));
    for_lanes(active, [&, k](int lane) { extend(lanes, i.width, to[k], lane, value); });
  }
}

template <class T>
void store(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  Pointers to;
  resolve(lanes, i, active, sizeof(T) * i.count, Access::write, to);
  const std::uint32_t* from = &lanes.kernel().lists[i.list];
  // Lane by lane, since lanes may write the same place.
  for (std::uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    for (int k = 0; k < i.count; ++k) {
      const auto value = i.width == Width::w64 ? static_cast<T>(lanes.at<std::uint64_t>(from[k])[lane])
                                               : static_cast<T>(lanes.at<std::uint32_t>(from[k])[lane]);
      std::memcpy(to[lane] + static_cast<std::size_t>(k) * sizeof(T), &value, sizeof(T));
    }
  }
}

Handler load_handler(Type t) {
  switch (size_of(t)) {
    case 1:
      return t == Type::s8 ? load<std::int8_t> : load<std::uint8_t>;
    case 2:
      return t == Type::s16 ? load<std::int16_t> : load<std::uint16_t>;
    case 4:
      return t == Type::s32 ? load<std::int32_t> : load<std::uint32_t>;
    default:
      return load<std::uint64_t>;
  }
}

Handler parameter_handler(Type t) {
  switch (size_of(t)) {
    case 1:
      return t == Type::s8 ? load_parameter<std::int8_t> : load_parameter<std::uint8_t>;
    case 2:
      return t == Type::s16 ? load_parameter<std::int16_t> : load_parameter<std::uint16_t>;
    case 4:
      return t == Type::s32 ? load_parameter<std::int32_t> : load_parameter<std::uint32_t>;
    default:
      return load_parameter<std::uint64_t>;
  }
}

Handler store_handler(Type t) {
  switch (size_of(t)) {
    case 1:
      return store<std::uint8_t>;
    case 2:
      return store<std::uint16_t>;
    case 4:
      return store<std::uint32_t>;
    default:
      return store<std::uint64_t>;
  }
}

void take_ordering(Modifiers& m) {
  m.take_one_of({"volatile", "relaxed", "acquire", "release", "weak"});
  m.take_one_of({"cta", "cluster", "gpu", "sys"});
  m.take_one_of({"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  m.take_one_of(
      {"L1::no_allocate", "L1::evict_normal", "L1::evict_first", "L1::evict_last", "L1::evict_unchanged"});
  m.take_one_of({"L2::64B", "L2::128B", "L2::256B"});
}

Width width_of(Builder& b, const Argument& a, Type t) {
  if (a.kind == Argument::Kind::name)
    if (const auto r = b.register_type(a.name))
      return size_of(*r) == 8 ? Width::w64 : size_of(*r) == 4 ? Width::w32 : Width::w16;
  return size_of(t) == 8 ? Width::w64 : Width::w32;
}

}  // namespace

bool decode_memory(Builder& b, Modifiers& m, Instruction& i) {
  const bool loads = m.base() == "ld";
  if (!loads && m.base() != "st") return false;
  take_ordering(m);
  const auto space = m.take_one_of(
      {"global", "const", "shared", "shared::cta", "local", "param", "param::entry", "param::func"});
  constexpr Space spaces[] = {Space::global, Space::global, Space::shared, Space::shared,
                              Space::local,  Space::param,  Space::param,  Space::param};
  const bool vector = m.take("v2") || m.take("v4");
  const Type t = b.type(m);
  b.expect_arguments(2);
  b.set_address(b.argument(loads ? 1 : 0), space ? spaces[*space] : Space::generic, t, i);
  if (!loads && i.space == Space::param) b.refuse("writing parameters is not supported");
  const Argument& value = b.argument(loads ? 0 : 1);
  if (vector != (value.kind == Argument::Kind::list)) b.refuse("only vectors of 2 and of 4 are supported");
  const std::vector<Argument> one{value};
  const std::vector<Argument>& items = vector ? value.items : one;
  i.count = static_cast<std::uint8_t>(items.size());
  std::vector<std::uint32_t> registers;
  for (const Argument& item : items) {
    if (loads) {
      registers.push_back(b.destination_at_least(item, t, i));
      continue;
    }
    i.width = width_of(b, item, t);
    registers.push_back(b.source(item, i.width == Width::w64 ? Type::b64 : t));
  }
  i.list = b.list(registers);
  i.run = loads ? load_handler(t) : store_handler(t);
  if (loads && i.space == Space::param)
    if (const auto at = b.parameter_at(b.argument(1), size_of(t) * i.count)) {
      i.run = parameter_handler(t);
      i.offset = static_cast<std::int64_t>(*at);
    }
  return true;
}

}  // namespace orrery::ptx
