#include "tests/fake_cuda/ptx/builder.h"

#include <algorithm>
#include <array>
#include <utility>

namespace orrery::ptx {
namespace {

constexpr std::array<Decoder, 10> decoders{decode_integer, decode_bits,    decode_float, decode_half,
                                           decode_compare, decode_convert, decode_move,  decode_memory,
                                           decode_atomic,  decode_warp};

constexpr std::array<std::pair<std::string_view, Special>, 24> special_names{{
    {"%tid.x", Special::tid_x},
    {"%tid.y", Special::tid_y},
    {"%tid.z", Special::tid_z},
    {"%ntid.x", Special::ntid_x},
    {"%ntid.y", Special::ntid_y},
    {"%ntid.z", Special::ntid_z},
    {"%ctaid.x", Special::ctaid_x},
    {"%ctaid.y", Special::ctaid_y},
    {"%ctaid.z", Special::ctaid_z},
    {"%nctaid.x", Special::nctaid_x},
    {"%nctaid.y", Special::nctaid_y},
    {"%nctaid.z", Special::nctaid_z},
    {"%laneid", Special::laneid},
    {"%warpid", Special::warpid},
    {"%lanemask_eq", Special::lanemask_eq},
    {"%lanemask_le", Special::lanemask_le},
    {"%lanemask_lt", Special::lanemask_lt},
    {"%lanemask_ge", Special::lanemask_ge},
    {"%lanemask_gt", Special::lanemask_gt},
    {"%clock", Special::clock},
    {"%clock64", Special::clock64},
    {"%globaltimer", Special::globaltimer},
    {"%dynamic_smem_size", Special::dynamic_smem_size},
    {"%smid", Special::smid},
}};

bool is_wide(Type type) { return size_of(type) == 8; }
bool is_wide(Special special) { return special == Special::clock64 || special == Special::globaltimer; }

std::size_t aligned(std::size_t offset, std::size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// The statement as one reads it in the PTX, for messages.
std::string text_of(const Argument& a) {
  std::string text = a.negated ? "!" : "";
  switch (a.kind) {
    case Argument::Kind::number:
      return text + std::to_string(static_cast<std::int64_t>(a.bits));
    case Argument::Kind::name:
      return text + a.name + (a.second.empty() ? "" : "|" + a.second);
    case Argument::Kind::address:
      return "[" + a.name + (a.offset != 0 || a.name.empty() ? "+" + std::to_string(a.offset) : "") + "]";
    case Argument::Kind::list:
      break;
  }
  text += "{";
  for (const Argument& item : a.items) text += (text.size() > 1 ? ", " : "") + text_of(item);
  return text + "}";
}

std::string text_of(const Statement& s) {
  std::string text = s.guard.empty() ? "" : (s.guard_negated ? "@!" : "@") + s.guard + " ";
  text += s.opcode;
  for (std::size_t i = 0; i < s.arguments.size(); ++i)
    text += (i == 0 ? " " : ", ") + text_of(s.arguments[i]);
  return text;
}

}  // namespace

Modifiers::Modifiers(std::string_view opcode) {
  std::size_t begin = 0;
  while (begin <= opcode.size()) {
    const std::size_t end = std::min(opcode.find('.', begin), opcode.size());
    parts_.push_back(opcode.substr(begin, end - begin));
    begin = end + 1;
  }
  taken_.assign(parts_.size(), false);
  taken_[0] = true;
}

bool Modifiers::take(std::string_view name) {
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (taken_[i] || parts_[i] != name) continue;
    taken_[i] = true;
    return true;
  }
  return false;
}

std::optional<std::size_t> Modifiers::take_one_of(std::initializer_list<std::string_view> names) {
  std::size_t index = 0;
  for (std::string_view name : names) {
    if (take(name)) return index;
    ++index;
  }
  return std::nullopt;
}

std::optional<Type> Modifiers::take_type() {
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    if (taken_[i]) continue;
    if (const auto type = type_named(parts_[i])) {
      taken_[i] = true;
      return type;
    }
  }
  return std::nullopt;
}

std::optional<Type> Modifiers::peek_type() const {
  for (std::size_t i = 1; i < parts_.size(); ++i)
    if (const auto type = taken_[i] ? std::nullopt : type_named(parts_[i])) return type;
  return std::nullopt;
}

std::string_view Modifiers::unknown() const {
  for (std::size_t i = 1; i < parts_.size(); ++i)
    if (!taken_[i]) return parts_[i];
  return {};
}

Builder::Builder(const Module& module, const Function& function, const Places& places)
    : module_(module), function_(function), places_(places) {}

Kernel Builder::build() {
  kernel_.name = function_.name;
  kernel_.max_threads = function_.max_threads;
  place_parameters();
  place_variables();
  for (const auto& [name, type] : function_.registers) register_offsets_[name] = place_register(type);
  for (const Statement& s : function_.body) decode(s);
  resolve_labels();
  return std::move(kernel_);
}

void Builder::place_parameters() {
  std::size_t offset = 0;
  for (const Variable& p : function_.parameters) {
    offset = aligned(offset, p.alignment);
    own_variables_[p.name] = offset;
    kernel_.parameters.push_back({offset, p.bytes});
    offset += p.bytes;
  }
  kernel_.parameter_bytes = offset;
}

void Builder::place_variables() {
  std::size_t shared = places_.shared_bytes, local = 0;
  for (const Variable& v : function_.variables) {
    if (v.space == Space::shared && v.bytes != 0) {
      shared = aligned(shared, v.alignment);
      own_variables_[v.name] = shared;
      shared += v.bytes;
    } else if (v.space == Space::local || v.space == Space::param) {  // the parameters of a call
      local = aligned(local, v.alignment);
      own_variables_[v.name] = local;
      local += v.bytes;
    }
  }
  kernel_.shared_bytes = shared;
  kernel_.dynamic_shared = aligned(shared, 128);
  kernel_.local_bytes = aligned(local, 16);
  for (const Variable& v : function_.variables)
    if (v.space == Space::shared && v.bytes == 0) own_variables_[v.name] = kernel_.dynamic_shared;
}

std::uint32_t Builder::place_register(Type type) {
  const auto offset = static_cast<std::uint32_t>(kernel_.register_bytes);
  kernel_.register_bytes += type == Type::pred ? 4U : is_wide(type) ? 256U : 128U;
  return offset;
}

std::uint32_t Builder::constant(std::uint64_t bits, bool wide) {
  if (!wide) bits &= 0xffffffffU;
  const auto [found, added] = constants_.try_emplace({bits, wide}, 0U);
  if (added) {
    found->second = place_register(wide ? Type::b64 : Type::b32);
    kernel_.constants.push_back({bits, found->second, wide});
  }
  return found->second;
}

std::optional<std::uint32_t> Builder::special(const std::string& name) {
  if (name == "%WARP_SZ" || name == "WARP_SZ") return constant(32, false);
  for (const auto& [known, which] : special_names) {
    if (known != name) continue;
    const auto [found, added] = specials_.try_emplace(name, 0U);
    if (added) {
      found->second = place_register(is_wide(which) ? Type::b64 : Type::b32);
      kernel_.specials.push_back({which, found->second});
    }
    return found->second;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Builder::address_of(const std::string& variable) const {
  if (const auto own = own_variables_.find(variable); own != own_variables_.end()) return own->second;
  if (const auto global = places_.global.find(variable); global != places_.global.end())
    return global->second;
  if (const auto shared = places_.shared.find(variable); shared != places_.shared.end())
    return shared->second;
  for (const Variable& v : module_.variables)
    if (v.name == variable && v.space == Space::shared && v.bytes == 0) return kernel_.dynamic_shared;
  return std::nullopt;
}

std::optional<Type> Builder::register_type(const std::string& name) const {
  const auto found = function_.registers.find(name);
  if (found == function_.registers.end()) return std::nullopt;
  return found->second;
}

std::uint32_t Builder::register_of(const std::string& name) {
  const auto found = register_offsets_.find(name);
  if (found == register_offsets_.end()) refuse("'" + name + "' is not known");
  return found->second;
}

const Argument& Builder::argument(std::size_t i) const {
  if (i >= arguments()) refuse("operand " + std::to_string(i) + " is missing");
  return statement_->arguments[i];
}

void Builder::expect_arguments(std::size_t n) const {
  if (arguments() != n)
    refuse("expected " + std::to_string(n) + " operands, found " + std::to_string(arguments()));
}

Type Builder::type(Modifiers& m) const {
  const auto type = m.take_type();
  if (!type) refuse("the opcode has no type");
  return *type;
}

std::uint32_t Builder::source(const Argument& a, Type type) {
  if (a.negated) refuse("a negated operand is not supported here");
  if (a.kind == Argument::Kind::number) return constant(a.bits, is_wide(type));
  if (a.kind != Argument::Kind::name) refuse("operand " + text_of(a) + " is not supported here");
  if (const auto t = register_type(a.name)) {
    if ((*t == Type::pred) != (type == Type::pred) || is_wide(*t) != is_wide(type))
      refuse("register " + a.name + " has not the width of ." + std::string(name(type)));
    return register_of(a.name);
  }
  if (const auto offset = special(a.name)) return *offset;
  if (const auto address = address_of(a.name))
    return constant(*address + static_cast<std::uint64_t>(a.offset), is_wide(type));
  refuse("'" + a.name + "' is not known");
}

std::uint32_t Builder::destination(const Argument& a, Type type) {
  if (a.kind != Argument::Kind::name) refuse("the destination " + text_of(a) + " is not supported");
  if (a.name == "_") return place_register(type);
  const auto t = register_type(a.name);
  if (!t) refuse("the destination " + a.name + " is not a register");
  if ((*t == Type::pred) != (type == Type::pred) || is_wide(*t) != is_wide(type))
    refuse("register " + a.name + " has not the width of ." + std::string(name(type)));
  return register_of(a.name);
}

std::uint32_t Builder::destination_at_least(const Argument& a, Type type, Instruction& i) {
  if (a.kind != Argument::Kind::name) refuse("the destination " + text_of(a) + " is not supported");
  if (a.name == "_") {
    i.width = is_wide(type) ? Width::w64 : Width::w32;
    return place_register(type);
  }
  const auto t = register_type(a.name);
  if (!t || *t == Type::pred || size_of(*t) < size_of(type))
    refuse("the destination " + a.name + " is too narrow for ." + std::string(name(type)));
  i.width = size_of(*t) == 8 ? Width::w64 : size_of(*t) == 4 ? Width::w32 : Width::w16;
  return register_of(a.name);
}

std::uint32_t Builder::list(const std::vector<std::uint32_t>& registers) {
  const auto first = static_cast<std::uint32_t>(kernel_.lists.size());
  kernel_.lists.insert(kernel_.lists.end(), registers.begin(), registers.end());
  return first;
}

void Builder::set_address(const Argument& a, Space space, Type element, Instruction& i) {
  if (a.kind != Argument::Kind::address) refuse("expected an address, found " + text_of(a));
  i.space = space;
  if (space == Space::shared || space == Space::generic)
    kernel_.granule = std::min(kernel_.granule, size_of(element));
  i.offset = a.offset;
  i.wide_address = true;
  if (a.name.empty()) {
    i.source[0] = constant(0, true);
  } else if (const auto t = register_type(a.name)) {
    i.wide_address = is_wide(*t);
    i.source[0] = register_of(a.name);
  } else if (const auto address = address_of(a.name)) {
    i.source[0] = constant(*address, true);
    if (space == Space::param && is_call_parameter(a.name)) i.space = Space::local;
  } else {
    refuse("'" + a.name + "' is not known");
  }
}

std::optional<std::size_t> Builder::parameter_at(const Argument& a, std::size_t bytes) const {
  const auto own = own_variables_.find(a.name);
  if (own == own_variables_.end() || is_call_parameter(a.name)) return std::nullopt;
  const auto at = static_cast<std::int64_t>(own->second) + a.offset;
  if (at < 0 || static_cast<std::size_t>(at) + bytes > kernel_.parameter_bytes) return std::nullopt;
  return static_cast<std::size_t>(at);
}

// A parameter declared in the body is passed to a function that is called.
bool Builder::is_call_parameter(const std::string& name) const {
  for (const Variable& v : function_.variables)
    if (v.name == name) return v.space == Space::param;
  return false;
}

std::uint64_t Builder::offset_of(const std::string& variable) const {
  const auto own = own_variables_.find(variable);
  if (own == own_variables_.end()) refuse("'" + variable + "' is not known");
  return own->second;
}

void Builder::refuse(const std::string& what) const {
  throw Unsupported("kernel " + function_.name + ", PTX line " + std::to_string(statement_->line) + ": " +
                    text_of(*statement_) + ": " + what);
}

void Builder::decode(const Statement& s) {
  statement_ = &s;
  if (!s.label.empty()) {
    if (!labels_.try_emplace(s.label, static_cast<std::uint32_t>(kernel_.code.size())).second)
      refuse("label " + s.label + " is defined twice");
    return;
  }
  Instruction i;
  i.statement = static_cast<std::uint32_t>(kernel_.texts.size());
  if (!s.guard.empty()) {
    i.guard = register_of(s.guard);
    i.guard_negated = s.guard_negated;
  }
  Modifiers modifiers(s.opcode);
  bool known = modifiers.base() == "bra";
  if (known) {
    modifiers.take("uni");
    i.flow = Flow::branch;
    branches_[kernel_.code.size()] = argument(0).name;
  }
  for (std::size_t d = 0; d < decoders.size() && !known; ++d) known = decoders[d](*this, modifiers, i);
  if (!known) refuse("the opcode '" + std::string(modifiers.base()) + "' is not supported");
  if (!modifiers.unknown().empty()) refuse("'." + std::string(modifiers.unknown()) + "' is not supported");
  kernel_.texts.push_back({s.line, text_of(s)});
  kernel_.code.push_back(i);
}

void Builder::resolve_labels() {
  for (const auto& [index, label] : branches_) {
    const auto found = labels_.find(label);
    if (found == labels_.end()) throw Unsupported("kernel " + function_.name + ": no label " + label);
    kernel_.code[index].target = found->second;
  }
  kernel_.code.emplace_back();  // the end of the text is an exit
  kernel_.code.back().flow = Flow::exit;
  kernel_.code.back().statement = static_cast<std::uint32_t>(kernel_.texts.size());
  kernel_.texts.push_back({function_.line, "end of the kernel"});
}

}  // namespace orrery::ptx
