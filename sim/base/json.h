// A JSON document as a value that knows where each part stands. nlohmann/json does the lexing, inside json.cc
// alone. Objects keep the order of their members.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orrery {

class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, real, string, array, object };
  using Member = std::pair<std::string, Json>;

  Json() = default;
  Json(bool v) : kind_(Kind::boolean), integer_(v) {}
  Json(int v) : kind_(Kind::integer), integer_(v) {}
  Json(std::int64_t v) : kind_(Kind::integer), integer_(v) {}
  Json(std::size_t v) : kind_(Kind::integer), integer_(static_cast<std::int64_t>(v)) {}
  Json(double v) : kind_(Kind::real), real_(v) {}
  Json(std::string v) : kind_(Kind::string), string_(std::move(v)) {}
  Json(std::string_view v) : Json(std::string(v)) {}
  Json(const char* v) : Json(std::string(v)) {}
  static Json array(std::vector<Json> items = {});
  static Json object(std::vector<Member> members = {});

  Kind kind() const { return kind_; }
  bool is(Kind k) const { return kind_ == k; }
  bool boolean() const { return integer_ != 0; }
  std::int64_t integer() const { return integer_; }
  double real() const { return kind_ == Kind::integer ? static_cast<double>(integer_) : real_; }
  const std::string& string() const { return string_; }
  const std::vector<Json>& items() const { return items_; }
  const std::vector<Member>& members() const { return members_; }
  std::vector<Member>& members() { return members_; }
  std::vector<Json>& items() { return items_; }
  int line() const { return line_; }
  void set_line(int line) { line_ = line; }

  const Json* find(std::string_view key) const;        // of an object; nullptr if it has no such member
  Json& set(std::string key, Json value);              // appends or replaces a member; returns *this
  Json& push(Json item);                               // appends an item; returns *this

  // Deterministic text: two-space indent when `indent` (arrays of plain values on one line), else one line.
  // Doubles are the shortest digits that read back the same, always with a point or an exponent; those that are
  // not finite are null. Bytes that are not UTF-8 become U+FFFD. Ends without a newline.
  std::string dump(bool indent = true) const;

 private:
  Kind kind_ = Kind::null;
  int line_ = 0;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string string_;
  std::vector<Json> items_;
  std::vector<Member> members_;
};

// Parses a document; comments (// and /* */) are accepted. Ends in fail() with file, line and the pointer of
// what was being read on a syntax error, text that is not UTF-8 or holds a NUL, a duplicate key, nesting deeper
// than 64, numbers out of range of int64 and double.
Json parse_json(std::string_view text, std::string_view file);

}  // namespace orrery
