// Turns the statements of one function into a Kernel: places of registers, constants and variables, and for
// each opcode the handler that executes it. Refuses, by name, every opcode, modifier and operand that it does
// not know.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fake_cuda/ptx/floats.h"
#include "tests/fake_cuda/ptx/kernel.h"

namespace orrery::ptx {

// The parts of an opcode between its dots, each of which must be taken.
class Modifiers {
 public:
  explicit Modifiers(std::string_view opcode);
  std::string_view base() const { return parts_[0]; }
  bool take(std::string_view);
  // The first of `names` that is there.
  std::optional<std::size_t> take_one_of(std::initializer_list<std::string_view> names);
  std::optional<Type> take_type();  // the leftmost type
  std::optional<Type> peek_type() const;
  std::string_view unknown() const;  // a part that nobody took, or empty

 private:
  std::vector<std::string_view> parts_;
  std::vector<bool> taken_;
};

// Where variables of module scope lie: global ones at device addresses, shared ones from 0.
struct Places {
  std::map<std::string, std::uint64_t> global;
  std::map<std::string, std::uint64_t> shared;
  std::size_t shared_bytes = 0;
};

class Builder {
 public:
  Builder(const Module&, const Function&, const Places&);
  Kernel build();

  // For the decoders of opcodes.
  const Statement& statement() const { return *statement_; }
  const Argument& argument(std::size_t) const;
  std::size_t arguments() const { return statement_->arguments.size(); }
  void expect_arguments(std::size_t) const;
  Type type(Modifiers&) const;                       // an opcode without a type is refused
  std::uint32_t source(const Argument&, Type);       // register, constant, special register or address
  std::uint32_t destination(const Argument&, Type);  // register of that width
  std::uint32_t destination_at_least(const Argument&, Type, Instruction&);  // may be wider; sets width
  std::uint32_t list(const std::vector<std::uint32_t>& registers);
  void set_address(const Argument&, Space, Type element, Instruction&);
  // The offset of a parameter of the kernel that the address names by itself; none for others.
  std::optional<std::size_t> parameter_at(const Argument&, std::size_t bytes) const;
  std::uint64_t offset_of(const std::string& variable) const;  // of the function's own variables
  std::optional<Type> register_type(const std::string& name) const;
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  void place_parameters();
  void place_variables();
  std::uint32_t place_register(Type);
  std::uint32_t constant(std::uint64_t bits, bool wide);
  std::optional<std::uint32_t> special(const std::string& name);
  std::optional<std::uint64_t> address_of(const std::string& variable) const;
  std::uint32_t register_of(const std::string& name);
  bool is_call_parameter(const std::string& name) const;
  void decode(const Statement&);
  void resolve_labels();

  const Module& module_;
  const Function& function_;
  const Places& places_;
  Kernel kernel_;
  const Statement* statement_ = nullptr;
  std::map<std::string, std::uint32_t> register_offsets_;
  std::map<std::pair<std::uint64_t, bool>, std::uint32_t> constants_;
  std::map<std::string, std::uint32_t> specials_;
  std::map<std::string, std::uint64_t> own_variables_;  // shared, local and param: offsets
  std::map<std::string, std::uint32_t> labels_;
  std::map<std::size_t, std::string> branches_;  // instruction to label
};

// False if the family does not know the opcode. Each takes its modifiers; the builder refuses those left
// over.
using Decoder = bool (*)(Builder&, Modifiers&, Instruction&);
bool decode_integer(Builder&, Modifiers&, Instruction&);
bool decode_bits(Builder&, Modifiers&, Instruction&);
bool decode_float(Builder&, Modifiers&, Instruction&);
bool decode_half(Builder&, Modifiers&, Instruction&);
bool decode_compare(Builder&, Modifiers&, Instruction&);
bool decode_convert(Builder&, Modifiers&, Instruction&);
bool decode_move(Builder&, Modifiers&, Instruction&);
bool decode_memory(Builder&, Modifiers&, Instruction&);
bool decode_atomic(Builder&, Modifiers&, Instruction&);
bool decode_warp(Builder&, Modifiers&, Instruction&);

}  // namespace orrery::ptx
