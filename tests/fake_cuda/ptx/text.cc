#include "tests/fake_cuda/ptx/text.h"

#include <optional>

#include "tests/fake_cuda/ptx/tokens.h"

namespace orrery::ptx {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokens_of(text)) {}

  Module module() {
    while (!peek().empty()) top_level();
    return std::move(module_);
  }

 private:
  struct Scope {
    std::map<std::string, std::string> names;
  };

  // --- tokens
  std::string_view peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)].text;
  }
  int line() const { return tokens_[at_].line; }
  std::string_view next() {
    const std::string_view text = peek();
    if (text.empty()) fail("the text ends too early");
    ++at_;
    return text;
  }
  bool take(std::string_view text) {
    if (peek() != text) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view text) {
    if (!take(text)) fail("expected '" + std::string(text) + "', found '" + std::string(peek()) + "'");
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Unsupported((function_ != nullptr ? "kernel " + function_->name + ", " : std::string()) +
                      "PTX line " + std::to_string(line()) + ": " + what);
  }
  void skip_to(std::string_view end) {
    while (!take(end)) next();
  }
  std::int64_t integer() {
    const bool negative = take("-");
    const auto value = static_cast<std::int64_t>(number(next()));
    return negative ? -value : value;
  }

  // --- declarations
  void top_level() {
    const std::string_view word = peek();
    if (word == ".version" || word == ".address_size") {
      next();
      next();
    } else if (word == ".target") {
      next();
      const std::string_view target = next();
      module_.target = static_cast<unsigned>(std::stoul(std::string(target.substr(target.find('_') + 1))));
      while (take(",")) next();
    } else if (word == ".file" || word == ".alias") {
      const int here = line();
      while (!peek().empty() && line() == here) next();
    } else if (word == ".section") {
      skip_to("}");
    } else {
      linked_declaration();
    }
  }

  void linked_declaration() {
    bool external = false;
    while (peek() == ".visible" || peek() == ".extern" || peek() == ".weak" || peek() == ".common")
      external = next() == ".extern" || external;
    if (peek() == ".entry" || peek() == ".func") {
      function();
      return;
    }
    std::optional<Space> space = variable_space(peek());
    if (!space) fail("directive '" + std::string(peek()) + "' is not supported");
    next();
    for (Variable& v : variables(*space)) {
      v.is_external = external;
      module_.variables.push_back(std::move(v));
    }
  }

  static std::optional<Space> variable_space(std::string_view word) {
    if (word == ".global" || word == ".const") return Space::global;
    if (word == ".shared") return Space::shared;
    if (word == ".local") return Space::local;
    if (word == ".param") return Space::param;
    return std::nullopt;
  }

  // After the space: [.align n] .type [.ptr ...] name[n] [= initial] {, name ...} ;
  std::vector<Variable> variables(Space space) {
    std::vector<Variable> all;
    Variable common = declared_type(space);
    do {
      all.push_back(declared_name(common));
    } while (take(","));
    expect(";");
    return all;
  }

  Variable declared_type(Space space) {
    Variable v;
    v.space = space;
    bool typed = false;
    std::size_t alignment = 0;
    while (peek().substr(0, 1) == ".") {
      const std::string_view word = next();
      if (word == ".align") {
        const std::size_t n = number(next());
        if (!pointer_) alignment = n;
      } else if (word == ".ptr") {
        pointer_ = true;  // .ptr .global .align n: of what a parameter points at
      } else if (word == ".attribute") {
        fail("attributes of variables are not supported");
      } else if (pointer_ && variable_space(word)) {
        continue;
      } else if (const auto type = type_named(word.substr(1))) {
        v.type = *type;
        typed = true;
      } else {
        fail("'" + std::string(word) + "' in a declaration is not supported");
      }
    }
    pointer_ = false;
    if (!typed) fail("a declaration without a type");
    v.alignment = alignment != 0 ? alignment : size_of(v.type);
    return v;
  }

  Variable declared_name(Variable v) {
    v.name = std::string(next());
    std::size_t count = 1;
    while (take("[")) {
      v.is_array = true;
      count *= peek() == "]" ? 0 : number(next());
      expect("]");
    }
    v.bytes = count * size_of(v.type);
    if (take("=")) initial_values(v);
    return v;
  }

  void initial_values(Variable& v) {
    const auto append = [&] {
      if (!starts_number(peek()) && peek() != "-")
        fail("an initial value that is an address is not supported");
      const auto value = static_cast<std::uint64_t>(integer());
      for (std::size_t byte = 0; byte < size_of(v.type); ++byte)
        v.initial.push_back(static_cast<std::uint8_t>(value >> (8 * byte)));
    };
    if (!take("{")) {
      append();
      return;
    }
    while (!take("}")) {
      append();
      take(",");
    }
  }

  // --- functions
  void function() {
    Function f;
    f.is_entry = next() == ".entry";
    f.line = line();
    if (peek() == "(") f.results = parameter_list();
    f.name = std::string(next());
    if (peek() == "(") f.parameters = parameter_list();
    function_ = &f;
    while (peek() != "{" && peek() != ";") performance_directive(f);
    if (!take(";")) {
      f.has_body = true;
      scopes_.clear();
      block(f);
    }
    function_ = nullptr;
    Function& stored = module_.functions[f.name];
    if (!stored.has_body) stored = std::move(f);
  }

  std::vector<Variable> parameter_list() {
    std::vector<Variable> all;
    expect("(");
    while (!take(")")) {
      if (!take(".param")) fail("a parameter in a register is not supported");
      all.push_back(declared_name(declared_type(Space::param)));
      take(",");
    }
    return all;
  }

  void performance_directive(Function& f) {
    const std::string_view word = next();
    if (word == ".maxntid" || word == ".reqntid") {
      unsigned threads = static_cast<unsigned>(number(next()));
      while (take(",")) threads *= static_cast<unsigned>(number(next()));
      f.max_threads = threads;
    } else if (word == ".minnctapersm" || word == ".maxnreg" || word == ".pragma") {
      next();
      take(";");
    } else if (word != ".noreturn") {
      fail("directive '" + std::string(word) + "' is not supported");
    }
  }

  void block(Function& f) {
    expect("{");
    scopes_.emplace_back();
    ++scopes_opened_;
    while (!take("}")) {
      if (peek() == "{") {
        block(f);
      } else if (peek().substr(0, 1) == ".") {
        body_directive(f);
      } else {
        statement(f);
      }
    }
    scopes_.pop_back();
  }

  void body_directive(Function& f) {
    const std::string_view word = next();
    if (word == ".reg") {
      registers(f);
    } else if (word == ".loc") {
      const int here = line();
      while (line() == here) next();
    } else if (word == ".pragma") {
      skip_to(";");
    } else if (const auto space = variable_space(word)) {
      for (Variable& v : variables(*space)) {
        v.name = declare(v.name);
        f.variables.push_back(std::move(v));
      }
    } else {
      fail("directive '" + std::string(word) + "' is not supported");
    }
  }

  void registers(Function& f) {
    if (peek() == ".v2" || peek() == ".v4") fail("vector registers are not supported");
    const std::string_view word = next();
    const auto type = type_named(word.substr(1));
    if (!type) fail("registers of type " + std::string(word) + " are not supported");
    do {
      const std::string stem(next());
      if (take("<")) {
        const std::uint64_t n = number(next());
        expect(">");
        for (std::uint64_t i = 0; i < n; ++i) f.registers[declare(stem + std::to_string(i))] = *type;
      } else {
        f.registers[declare(stem)] = *type;
      }
    } while (take(","));
    expect(";");
  }

  std::string declare(const std::string& name) {
    const std::string unique = scopes_.size() > 1 ? name + "#" + std::to_string(scopes_opened_) : name;
    scopes_.back().names[name] = unique;
    return unique;
  }

  std::string resolve(std::string_view name) const {
    const std::string key(name);
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto found = scope->names.find(key); found != scope->names.end()) return found->second;
    return key;
  }

  // --- statements
  void statement(Function& f) {
    Statement s;
    s.line = line();
    if (peek(1) == ":") {
      s.label = std::string(next());
      next();
    } else {
      if (take("@")) {
        s.guard_negated = take("!");
        s.guard = resolve(next());
      }
      s.opcode = std::string(next());
      while (!take(";")) {
        s.arguments.push_back(argument());
        take(",");
      }
    }
    f.body.push_back(std::move(s));
  }

  Argument argument() {
    if (peek() == "[") return address();
    if (peek() == "{" || peek() == "(") return list();
    Argument a;
    a.negated = take("!");
    if (starts_number(peek()) || peek() == "-") {
      a.kind = Argument::Kind::number;
      a.bits = static_cast<std::uint64_t>(integer());
      return a;
    }
    a.name = resolve(next());
    if (take("|")) a.second = resolve(next());
    return a;
  }

  Argument address() {
    Argument a;
    a.kind = Argument::Kind::address;
    expect("[");
    if (starts_number(peek())) {
      a.offset = integer();
    } else {
      a.name = resolve(next());
      if (take("+")) {
        a.offset = integer();
      } else if (peek() == "-") {
        a.offset = integer();
      }
    }
    expect("]");
    return a;
  }

  Argument list() {
    Argument a;
    a.kind = Argument::Kind::list;
    const std::string_view end = next() == "{" ? "}" : ")";
    while (!take(end)) {
      a.items.push_back(argument());
      take(",");
    }
    return a;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Module module_;
  Function* function_ = nullptr;
  bool pointer_ = false;
  std::vector<Scope> scopes_;
  int scopes_opened_ = 0;
};

}  // namespace

Module parse(std::string_view text) { return Parser(text).module(); }

}  // namespace orrery::ptx
