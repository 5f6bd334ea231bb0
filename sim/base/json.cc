// The parser: nlohmann/json's lexer and grammar, with a handler that builds our values and knows positions.
#include "sim/base/json.h"

#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "sim/base/error.h"
#include "sim/base/reader.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

constexpr std::size_t deepest = 64;

struct Position {
  int line = 1, column = 0;  // column: characters of this line that were read
};

// Input that counts lines as the lexer reads it.
class Counting {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Counting(const char* at, Position* position) : at_(at), position_(position) {}
  reference operator*() const { return *at_; }
  Counting& operator++() {
    if (*at_++ == '\n') {
      ++position_->line;
      position_->column = 0;
    } else {
      ++position_->column;
    }
    return *this;
  }
  bool operator==(const Counting& o) const { return at_ == o.at_; }
  bool operator!=(const Counting& o) const { return at_ != o.at_; }

 private:
  const char* at_;
  Position* position_;
};

// Builds the document; every handler returns false at the first error, which it leaves in `where` and
// `message`.
class Builder {
 public:
  using Number = nlohmann::json;
  using number_integer_t = Number::number_integer_t;
  using number_unsigned_t = Number::number_unsigned_t;
  using number_float_t = Number::number_float_t;
  using string_t = std::string;
  using binary_t = Number::binary_t;

  explicit Builder(const Position* position) : position_(position) {}

  bool null() { return place(Json(), position_->line); }
  bool boolean(bool v) { return place(Json(v), position_->line); }
  bool string(string_t& v) { return place(Json(std::move(v)), position_->line); }
  bool binary(binary_t&) { return false; }
  bool number_integer(number_integer_t v) { return place(Json(v), number_line()); }
  bool number_unsigned(number_unsigned_t v) {
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
      return refuse(number_line(), "expected an integer below 2^63, found " + std::to_string(v));
    return place(Json(static_cast<std::int64_t>(v)), number_line());
  }
  bool number_float(number_float_t v, const string_t& digits) {
    if (digits.find_first_of(".eE") == string_t::npos)
      return refuse(number_line(), "expected an integer below 2^63, found " + shortened(digits));
    return place(Json(v), number_line());
  }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    Frame& frame = open_.back();
    const auto [first, fresh] = frame.lines.try_emplace(name, position_->line);
    frame.key = std::move(name);
    return fresh ||
           refuse(position_->line, "duplicate member, first in line " + std::to_string(first->second));
  }

  template <class Exception>
  bool parse_error(std::size_t, const std::string&, const Exception& e) {
    const bool line_end = position_->column == 0;
    const std::string_view what = e.what();
    if (what.find("number overflow") != std::string_view::npos) {
      const std::size_t from = what.find('\'');
      const std::string digits(what.substr(from + 1, what.rfind('\'') - from - 1));
      return refuse(number_line(), "expected a number below 1.8e308, found " + shortened(digits));
    }
    // The library's reason, without its own position and without what it read (which may end inside a
    // character).
    std::size_t from = what.find(" - ");
    from = from == std::string_view::npos ? 0 : from + 3;
    const std::string_view reason = what.substr(from, what.find("; last read") - from);
    const int line = line_end && position_->line > 1 ? position_->line - 1 : position_->line;
    const std::string column = line_end ? "end of line" : "column " + std::to_string(position_->column);
    return refuse(line, "not JSON (" + column + "): " + std::string(reason));
  }

  Json root;
  Where where;
  std::string message;

 private:
  struct Frame {
    Json value;
    std::string key;
    std::unordered_map<std::string, int> lines;  // of the members so far
  };

  static std::string shortened(const std::string& digits) {
    return digits.size() <= 40 ? digits : digits.substr(0, 37) + "...";
  }

  // A number ends one character late, so that one at the end of a line reports the next.
  int number_line() const { return position_->column == 0 ? position_->line - 1 : position_->line; }

  bool refuse(int line, std::string text) {
    where.line = line;
    for (const Frame& frame : open_) {
      if (frame.value.is(Json::Kind::array))
        where.pointer += "/" + std::to_string(frame.value.items().size());
      else if (!frame.key.empty())
        where.pointer += "/" + pointer_part(frame.key);
    }
    message = std::move(text);
    return false;
  }

  bool place(Json value, int line) {
    value.set_line(line);
    if (open_.empty())
      root = std::move(value);
    else if (open_.back().value.is(Json::Kind::array))
      open_.back().value.items().push_back(std::move(value));
    else
      open_.back().value.members().emplace_back(std::exchange(open_.back().key, {}), std::move(value));
    return true;
  }

  bool open(Json value) {
    if (open_.size() == deepest)
      return refuse(position_->line, "expected at most 64 levels of nesting, found more");
    value.set_line(position_->line);
    open_.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    const int line = value.line();
    return place(std::move(value), line);
  }

  const Position* position_;
  std::vector<Frame> open_;
};

void check_text(std::string_view text, std::string_view file) {
  std::size_t at = not_utf8(text);
  const std::size_t zero = text.find('\0');
  if (at == std::string_view::npos && zero == std::string_view::npos) return;
  const bool nul = zero < at;
  at = nul ? zero : at;
  int line = 1;
  for (const char c : text.substr(0, at)) line += c == '\n' ? 1 : 0;
  fail({std::string(file), "", line}, "text in UTF-8",
       nul ? "a NUL character" : "the byte " + quoted(text.substr(at, 1)));
}

}  // namespace

Json parse_json(std::string_view text, std::string_view file) {
  check_text(text, file);
  Position position;
  Builder builder(&position);
  const bool good = nlohmann::json::sax_parse(Counting(text.data(), &position),
                                              Counting(text.data() + text.size(), &position), &builder,
                                              nlohmann::json::input_format_t::json, /*strict=*/true,
                                              /*ignore_comments=*/true);
  if (!good) {
    builder.where.file = file;
    fail(builder.where, builder.message);
  }
  return std::move(builder.root);
}

}  // namespace orrery
