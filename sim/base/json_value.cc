// Json as a value: building, finding, writing.
#include <charconv>
#include <cmath>

#include "sim/base/json.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

void write_string(std::string_view text, std::string& out) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const auto c = static_cast<unsigned char>(text[at]);
    if (length == 0)
      out += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
    else if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, text[at]);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c < 0x20)
      out.append("\\u00").append(1, hex[c >> 4U]).append(1, hex[c & 15U]);
    else
      out += text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  out += '"';
}

void write_real(double v, std::string& out) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  char digits[32];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, v);
  const std::string_view text(digits, static_cast<std::size_t>(end.ptr - digits));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void write(const Json& json, bool indent, int depth, std::string& out);

void new_line(bool indent, int depth, std::string& out) {
  if (!indent) return;
  out += '\n';
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

void write_array(const Json& json, bool indent, int depth, std::string& out) {
  bool flat = true;  // numbers and words stay on one line
  for (const Json& item : json.items())
    flat = flat && !item.is(Json::Kind::array) && !item.is(Json::Kind::object);
  out += '[';
  bool first = true;
  for (const Json& item : json.items()) {
    if (!first) out += flat && indent ? ", " : ",";
    first = false;
    if (!flat) new_line(indent, depth + 1, out);
    write(item, indent, depth + 1, out);
  }
  if (!flat) new_line(indent, depth, out);
  out += ']';
}

void write_object(const Json& json, bool indent, int depth, std::string& out) {
  if (json.members().empty()) {
    out += "{}";
    return;
  }
  out += '{';
  bool first = true;
  for (const auto& [key, value] : json.members()) {
    if (!first) out += ',';
    first = false;
    new_line(indent, depth + 1, out);
    write_string(key, out);
    out += indent ? ": " : ":";
    write(value, indent, depth + 1, out);
  }
  new_line(indent, depth, out);
  out += '}';
}

void write(const Json& json, bool indent, int depth, std::string& out) {
  switch (json.kind()) {
    case Json::Kind::null:
      out += "null";
      break;
    case Json::Kind::boolean:
      out += json.boolean() ? "true" : "false";
      break;
    case Json::Kind::integer:
      out += std::to_string(json.integer());
      break;
    case Json::Kind::real:
      write_real(json.real(), out);
      break;
    case Json::Kind::string:
      write_string(json.string(), out);
      break;
    case Json::Kind::array:
      write_array(json, indent, depth, out);
      break;
    case Json::Kind::object:
      write_object(json, indent, depth, out);
      break;
  }
}

}  // namespace

Json Json::array(std::vector<Json> items) {
  Json out;
  out.kind_ = Kind::array;
  out.items_ = std::move(items);
  return out;
}

Json Json::object(std::vector<Member> members) {
  Json out;
  out.kind_ = Kind::object;
  out.members_ = std::move(members);
  return out;
}

const Json* Json::find(std::string_view key) const {
  for (const Member& member : members_)
    if (member.first == key) return &member.second;
  return nullptr;
}

Json& Json::set(std::string key, Json value) {
  for (Member& member : members_) {
    if (member.first != key) continue;
    member.second = std::move(value);
    return *this;
  }
  members_.emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json item) {
  items_.push_back(std::move(item));
  return *this;
}

std::string Json::dump(bool indent) const {
  std::string out;
  write(*this, indent, 0, out);
  return out;
}

}  // namespace orrery
