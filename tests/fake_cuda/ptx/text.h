// PTX text to a syntax tree: variables, functions, statements. Names of registers and variables are resolved
// to their scope here ("%t" of an inner block becomes "%t#2"), so that a function is one flat list of
// statements. What an opcode means is decode.h's.
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fake_cuda/ptx/type.h"

namespace orrery::ptx {

// A text or an instruction that this interpreter does not know; the message names kernel, line and what.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Argument {
  enum class Kind : std::uint8_t { name, number, address, list };
  Kind kind = Kind::name;
  std::string name;             // a register, variable or label; of an address: its base, empty if absolute
  std::string second;           // "%p2" of "%p1|%p2"
  bool negated = false;         // "!%p1"
  std::uint64_t bits = 0;       // of a number: two's complement, or the bits of a 0f or 0d literal
  std::int64_t offset = 0;      // of an address
  std::vector<Argument> items;  // of {a, b} and (a, b)
};

struct Statement {
  int line = 0;
  std::string label;   // set: this is only a label
  std::string opcode;  // "ld.global.v4.f32"
  std::string guard;   // the predicate of "@%p1", or empty
  bool guard_negated = false;
  std::vector<Argument> arguments;
};

enum class Space : std::uint8_t { generic, global, shared, local, param };

struct Variable {
  std::string name;
  Type type = Type::b8;
  std::size_t alignment = 1, bytes = 0;  // bytes 0: an extern array, sized at launch
  Space space = Space::global;
  std::vector<std::uint8_t> initial;  // of globals and constants: may be shorter than bytes
  bool is_array = false, is_external = false;
};

struct Function {
  std::string name;
  bool is_entry = false, has_body = false;
  int line = 0;
  std::vector<Variable> results, parameters;
  std::vector<Variable> variables;        // shared, local and param, of the body
  std::map<std::string, Type> registers;  // by resolved name
  std::vector<Statement> body;
  unsigned max_threads = 1024;  // .maxntid
};

struct Module {
  unsigned target = 0;              // 80 of sm_80
  std::vector<Variable> variables;  // of module scope: global (constants too) and shared
  std::map<std::string, Function> functions;
};

// Throws Unsupported.
Module parse(std::string_view text);

}  // namespace orrery::ptx
