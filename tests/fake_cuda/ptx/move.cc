// mov, with packing and unpacking, and conversions between generic addresses and those of one space.
#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

template <class T>
struct Same {
  T operator()(T a) const { return a; }
};

void move_predicate(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  std::uint32_t& to = lanes.predicate(i.destination);
  to = (to & ~active) | (lanes.predicate(i.source[0]) & active);
}

std::uint64_t read(const Lanes& lanes, std::uint32_t offset, bool wide, int lane) {
  return wide ? lanes.at<std::uint64_t>(offset)[lane] : lanes.at<std::uint32_t>(offset)[lane];
}
void write(const Lanes& lanes, std::uint32_t offset, bool wide, int lane, std::uint64_t value) {
  if (wide) {
    lanes.at<std::uint64_t>(offset)[lane] = value;
  } else {
    lanes.at<std::uint32_t>(offset)[lane] = static_cast<std::uint32_t>(value);
  }
}

// `count` elements of `option` bits each, the first in the low bits.
void pack(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t* from = &lanes.kernel().lists[i.list];
  const std::uint64_t mask = (1ULL << i.option) - 1;
  for_lanes(active, [&](int lane) {
    std::uint64_t value = 0;
    for (int k = 0; k < i.count; ++k)
      value |= (lanes.at<std::uint32_t>(from[k])[lane] & mask) << (k * i.option);
    write(lanes, i.destination, i.width == Width::w64, lane, value);
  });
}

void unpack(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t* to = &lanes.kernel().lists[i.list];
  const std::uint64_t mask = (1ULL << i.option) - 1;
  for_lanes(active, [&](int lane) {
    const std::uint64_t value = read(lanes, i.source[0], i.width == Width::w64, lane);
    for (int k = 0; k < i.count; ++k)
      lanes.at<std::uint32_t>(to[k])[lane] = static_cast<std::uint32_t>((value >> (k * i.option)) & mask);
  });
}

bool decode_vector(Builder& b, Instruction& i, Type t, bool packs) {
  const std::vector<Argument>& items = b.argument(packs ? 1 : 0).items;
  i.count = static_cast<std::uint8_t>(items.size());
  i.width = size_of(t) == 8 ? Width::w64 : Width::w32;
  if (items.empty() || size_of(t) % items.size() != 0) b.refuse("elements of this width are not supported");
  i.option = static_cast<std::uint8_t>(8 * size_of(t) / items.size());
  if (i.option > 32) b.refuse("elements of this width are not supported");
  const Type element = i.option == 32 ? Type::b32 : i.option == 16 ? Type::b16 : Type::b8;
  std::vector<std::uint32_t> registers;
  for (const Argument& item : items)
    registers.push_back(packs ? b.source(item, element) : b.destination(item, element));
  i.list = b.list(registers);
  i.run = packs ? pack : unpack;
  if (packs) {
    i.destination = b.destination(b.argument(0), t);
  } else {
    i.source[0] = b.source(b.argument(1), t);
  }
  return true;
}

bool decode_mov(Builder& b, Modifiers& m, Instruction& i) {
  const Type t = b.type(m);
  b.expect_arguments(2);
  if (b.argument(0).kind == Argument::Kind::list) return decode_vector(b, i, t, false);
  if (b.argument(1).kind == Argument::Kind::list) return decode_vector(b, i, t, true);
  const std::size_t bytes = size_of(t);
  i.run = t == Type::pred ? move_predicate
          : bytes == 2    ? compute<std::uint16_t, Same<std::uint16_t>, std::uint16_t>
          : bytes == 4    ? compute<std::uint32_t, Same<std::uint32_t>, std::uint32_t>
                          : compute<std::uint64_t, Same<std::uint64_t>, std::uint64_t>;
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  return true;
}

template <std::uint64_t window, bool to_space>
struct Rebase {
  std::uint64_t operator()(std::uint64_t a) const { return to_space ? a - window : a + window; }
};

template <std::uint64_t window>
Handler rebase(bool to_space) {
  using U64 = std::uint64_t;
  return to_space ? compute<U64, Rebase<window, true>, U64> : compute<U64, Rebase<window, false>, U64>;
}

bool decode_cvta(Builder& b, Modifiers& m, Instruction& i) {
  const bool to_space = m.take("to");
  const auto space = m.take_one_of({"global", "const", "shared", "shared::cta", "local", "param"});
  if (!space) b.refuse("the space is missing");
  const Type t = b.type(m);
  if (t != Type::u64) b.refuse("only addresses of 64 bits are supported");
  i.run = *space < 2    ? rebase<0>(to_space)
          : *space < 4  ? rebase<shared_window>(to_space)
          : *space == 4 ? rebase<local_window>(to_space)
                        : rebase<param_window>(to_space);
  m.take("param");
  b.expect_arguments(2);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  return true;
}

void is_in_space(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<std::uint64_t> from(lanes, i.source[0]);
  std::uint32_t is = 0;
  for_lanes(active, [&](int lane) {
    is |= static_cast<std::uint32_t>(from[lane] >> window_shift == i.option) << lane;
  });
  std::uint32_t& to = lanes.predicate(i.destination);
  to = (to & ~active) | (is & active);
}

bool decode_isspacep(Builder& b, Modifiers& m, Instruction& i) {
  const auto space = m.take_one_of({"global", "shared", "local", "param"});
  if (!space) b.refuse("this space is not supported");
  i.option = static_cast<std::uint8_t>(*space);  // the number of its window
  i.run = is_in_space;
  b.expect_arguments(2);
  i.destination = b.destination(b.argument(0), Type::pred);
  i.source[0] = b.source(b.argument(1), Type::u64);
  return true;
}

}  // namespace

bool decode_move(Builder& b, Modifiers& m, Instruction& i) {
  if (m.base() == "mov") return decode_mov(b, m, i);
  if (m.base() == "cvta") return decode_cvta(b, m, i);
  if (m.base() == "isspacep") return decode_isspacep(b, m, i);
  return false;
}

}  // namespace orrery::ptx
