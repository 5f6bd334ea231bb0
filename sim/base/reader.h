// The one way to read JSON input: a cursor that knows its file, line and pointer, has typed getters with
// bounds, and at the end refuses members that nobody asked for, suggesting the nearest name that was.
//
//   const Json document = parse_json(text, name);
//   Reader r(document, name);
//   r.schema("orrery.scenario/1");
//   Reader model = r.object("model");
//   plan.tp = r.integer("tp", 1, 1024);                 // required
//   plan.pp = r.integer_or("pp", 1, 1, 1024);           // with a default
//   r.done();                                           // unknown members end in fail()
//
// Every getter ends in fail() with file, line, pointer, what would do and what was found.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/json.h"
#include "sim/base/quantity.h"

namespace orrery {

class Reader {
 public:
  // `document` must outlive the Reader and all Readers taken from it.
  Reader(const Json& document, std::string_view file);
  Reader(Json&&, std::string_view) = delete;

  Where where() const;                       // of this value
  Where where(std::string_view key) const;   // of a member (of this object if it is absent)
  const Json& value() const { return *value_; }
  [[noreturn]] void fail_at(std::string_view key, std::string_view expected) const;  // "found" is the value
  bool has(std::string_view key) const;      // also marks the key as known
  bool given(std::string_view key) const;    // has() and not null, for formats of others that write null for none

  // The member "schema", checked before anything else; "$schema", which is for editors, is then known too.
  void schema(std::string_view expected);
  Reader object(std::string_view key) const;
  std::optional<Reader> object_if(std::string_view key) const;
  std::vector<Reader> array(std::string_view key) const;       // of any values; Readers of the items
  std::vector<Reader> array_if(std::string_view key) const;    // empty if absent
  std::vector<Reader> items() const;                           // this value as an array
  std::vector<std::string> keys() const;                       // this object's members, marked as known

  bool boolean(std::string_view key) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  // A number without a fraction: 8.0 is an integer, as JSON Schema has it.
  std::int64_t integer(std::string_view key, std::int64_t low, std::int64_t high) const;
  std::int64_t integer_or(std::string_view key, std::int64_t otherwise, std::int64_t low, std::int64_t high) const;
  double number(std::string_view key, double low, double high) const;     // a bare number, finite
  double number_or(std::string_view key, double otherwise, double low, double high) const;
  std::string string(std::string_view key) const;
  std::string string_or(std::string_view key, std::string_view otherwise) const;
  // One of `words`, as its index; the error lists them and suggests the nearest.
  std::size_t word(std::string_view key, std::span<const std::string_view> words) const;
  std::size_t word_or(std::string_view key, std::size_t otherwise, std::span<const std::string_view> words) const;

  Seconds duration(std::string_view key) const;                // > = 0
  Bytes bytes(std::string_view key) const;
  BytesPerSecond bandwidth(std::string_view key) const;        // > 0
  FlopsPerSecond flop_rate(std::string_view key) const;        // > 0
  double count(std::string_view key) const;                    // a bare number or "2 T"; > 0
  double percent(std::string_view key) const;                  // "92 %" as 0.92; 0 ... 10 (1000 %)
  Watts power(std::string_view key) const;
  Dollars dollars(std::string_view key) const;                 // "1.5 MUSD"
  double price(std::string_view key, std::string_view per) const;  // "2.50 USD/h"

  Reader part(std::string_view key) const;                     // of any value; "a value" if it is absent

  // This value itself (an item of an array).
  bool as_boolean() const;
  std::int64_t as_integer(std::int64_t low, std::int64_t high) const;
  double as_number(double low, double high) const;
  std::string as_string() const;
  std::size_t as_word(std::span<const std::string_view> words) const;

  void done() const;                         // refuses members of this object that nobody asked for

 private:
  Reader(const Json* value, std::shared_ptr<const std::string> file, std::string pointer);
  // Marks the key and returns its value; an absent one fails with `expected` ("an integer from 1 to 8").
  const Json& member(std::string_view key, std::string_view expected) const;
  Reader child(std::string_view key, const Json& value) const;
  void expect(bool good, std::string_view expected) const;     // of this value
  template <class Parse>
  auto quantity(std::string_view key, std::string_view expected, Parse parse) const;
  const Json* value_;
  std::shared_ptr<const std::string> file_;
  std::string pointer_;
  std::shared_ptr<std::vector<std::string>> asked_;            // shared by copies of this cursor
};

// What stands in the document, for messages: 400, "fast", an array of 3 items, an object.
std::string describe(const Json&);

// `key` as a part of a JSON pointer (RFC 6901).
std::string pointer_part(std::string_view key);

// The candidate with the smallest edit distance to `name` (insert, delete, replace, swap neighbours; case, - and _
// don't count), if it is close enough to be a slip of the pen: one in three characters. The first of equals.
std::optional<std::string> nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace orrery
