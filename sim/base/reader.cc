#include "sim/base/reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "sim/base/units.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

std::string shortest(double v) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, v).ptr};
}

std::string integer_range(std::int64_t low, std::int64_t high) {
  const std::string from = std::to_string(low);
  if (high == std::numeric_limits<std::int64_t>::max()) return "an integer of at least " + from;
  return "an integer from " + from + " to " + std::to_string(high);
}

std::string number_range(double low, double high) {
  if (high >= std::numeric_limits<double>::max()) return "a number of at least " + shortest(low);
  return "a number from " + shortest(low) + " to " + shortest(high);
}

std::string one_of(std::span<const std::string_view> words) {
  std::string out = words.size() == 1 ? "" : "one of ";
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : ", ") + quoted(words[i]);
  return out;
}

std::string items_text(std::size_t count) {
  return count == 0 ? "an empty array"
                    : "an array of " + std::to_string(count) + (count == 1 ? " item" : " items");
}

}  // namespace

std::string describe(const Json& v) {
  switch (v.kind()) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return v.boolean() ? "true" : "false";
    case Json::Kind::integer:
      return std::to_string(v.integer());
    case Json::Kind::real:
      return v.dump(false);
    case Json::Kind::string:
      return quoted(v.string());
    case Json::Kind::array:
      return items_text(v.items().size());
    case Json::Kind::object:
      break;
  }
  return v.members().empty() ? "an empty object" : "an object";
}

std::string pointer_part(std::string_view key) {
  std::string out;
  for (const char c : key) c == '~' ? out += "~0" : c == '/' ? out += "~1" : out += c;
  return out;
}

Reader::Reader(const Json& document, std::string_view file)
    : Reader(&document, std::make_shared<const std::string>(file), "") {}

Reader::Reader(const Json* value, std::shared_ptr<const std::string> file, std::string pointer)
    : value_(value),
      file_(std::move(file)),
      pointer_(std::move(pointer)),
      asked_(std::make_shared<std::vector<std::string>>()) {}

Where Reader::where() const { return {*file_, pointer_, value_->line()}; }

Where Reader::where(std::string_view key) const {
  const Json* found = value_->find(key);
  if (found == nullptr) return where();
  return {*file_, pointer_ + "/" + pointer_part(key), found->line()};
}

void Reader::fail_at(std::string_view key, std::string_view expected) const {
  const Json* found = value_->find(key);
  if (found != nullptr) fail(where(key), expected, describe(*found));
  std::vector<std::string> strangers;
  for (const Json::Member& m : value_->members())
    if (std::find(asked_->begin(), asked_->end(), m.first) == asked_->end()) strangers.push_back(m.first);
  const std::optional<std::string> slip = nearest(key, strangers);
  fail(where(), "a member " + quoted(key) + " (" + std::string(expected) + ")",
       slip ? quoted(*slip) : "none");
}

void Reader::expect(bool good, std::string_view expected) const {
  if (!good) fail(where(), expected, describe(*value_));
}

bool Reader::has(std::string_view key) const {
  expect(value_->is(Json::Kind::object), "an object");
  if (std::find(asked_->begin(), asked_->end(), key) == asked_->end()) asked_->emplace_back(key);
  return value_->find(key) != nullptr;
}

bool Reader::given(std::string_view key) const {
  return has(key) && !value_->find(key)->is(Json::Kind::null);
}

const Json& Reader::member(std::string_view key, std::string_view expected) const {
  if (!has(key)) fail_at(key, expected);
  return *value_->find(key);
}

Reader Reader::child(std::string_view key, const Json& value) const {
  return {&value, file_, pointer_ + "/" + pointer_part(key)};
}

void Reader::schema(std::string_view expected) {
  has("$schema");  // editors look there for the JSON Schema of a file
  const std::string wanted = quoted(expected);
  const Json& found = member("schema", wanted);
  if (!found.is(Json::Kind::string) || found.string() != expected) fail_at("schema", wanted);
}

Reader Reader::object(std::string_view key) const {
  const Json& found = member(key, "an object");
  if (!found.is(Json::Kind::object)) fail_at(key, "an object");
  return child(key, found);
}

std::optional<Reader> Reader::object_if(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return object(key);
}

std::vector<Reader> Reader::array(std::string_view key) const {
  return child(key, member(key, "an array")).items();
}

std::vector<Reader> Reader::array_if(std::string_view key) const {
  return has(key) ? array(key) : std::vector<Reader>{};
}

std::vector<Reader> Reader::items() const {
  expect(value_->is(Json::Kind::array), "an array");
  std::vector<Reader> out;
  for (std::size_t i = 0; i < value_->items().size(); ++i)
    out.push_back(child(std::to_string(i), value_->items()[i]));
  return out;
}

std::vector<std::string> Reader::keys() const {
  expect(value_->is(Json::Kind::object), "an object");
  std::vector<std::string> out;
  for (const Json::Member& m : value_->members()) out.push_back(m.first);
  *asked_ = out;
  return out;
}

Reader Reader::part(std::string_view key) const { return child(key, member(key, "a value")); }

bool Reader::boolean(std::string_view key) const {
  return child(key, member(key, "true or false")).as_boolean();
}

bool Reader::boolean_or(std::string_view key, bool otherwise) const {
  return has(key) ? boolean(key) : otherwise;
}

std::int64_t Reader::integer(std::string_view key, std::int64_t low, std::int64_t high) const {
  return child(key, member(key, integer_range(low, high))).as_integer(low, high);
}

std::int64_t Reader::integer_or(std::string_view key, std::int64_t otherwise, std::int64_t low,
                                std::int64_t high) const {
  return has(key) ? integer(key, low, high) : otherwise;
}

double Reader::number(std::string_view key, double low, double high) const {
  return child(key, member(key, number_range(low, high))).as_number(low, high);
}

double Reader::number_or(std::string_view key, double otherwise, double low, double high) const {
  return has(key) ? number(key, low, high) : otherwise;
}

std::string Reader::string(std::string_view key) const {
  return child(key, member(key, "a string")).as_string();
}

std::string Reader::string_or(std::string_view key, std::string_view otherwise) const {
  return has(key) ? string(key) : std::string(otherwise);
}

std::size_t Reader::word(std::string_view key, std::span<const std::string_view> words) const {
  return child(key, member(key, one_of(words))).as_word(words);
}

std::size_t Reader::word_or(std::string_view key, std::size_t otherwise,
                            std::span<const std::string_view> words) const {
  return has(key) ? word(key, words) : otherwise;
}

template <class Parse>
auto Reader::quantity(std::string_view key, std::string_view expected, Parse parse) const {
  const Json& found = member(key, expected);
  const auto parsed = found.is(Json::Kind::string) ? parse(found.string()) : decltype(parse("")){};
  if (!parsed) fail_at(key, expected);
  return *parsed;
}

Seconds Reader::duration(std::string_view key) const {
  return quantity(key, "a duration such as \"2.5 us\"", parse_duration);
}

Bytes Reader::bytes(std::string_view key) const {
  return quantity(key, "a size such as \"80 GiB\"", parse_bytes);
}

BytesPerSecond Reader::bandwidth(std::string_view key) const {
  const BytesPerSecond rate = quantity(key, "a bandwidth such as \"400 Gb/s\"", parse_bandwidth);
  if (rate.v <= 0) fail_at(key, "a bandwidth above 0");
  return rate;
}

FlopsPerSecond Reader::flop_rate(std::string_view key) const {
  const FlopsPerSecond rate = quantity(key, "a rate such as \"312 TFLOP/s\"", parse_flop_rate);
  if (rate.v <= 0) fail_at(key, "a rate above 0");
  return rate;
}

double Reader::count(std::string_view key) const {
  constexpr std::string_view expected = "a count such as 300000 or \"2 T\"";
  const Json& found = member(key, expected);
  const bool bare = found.is(Json::Kind::integer) || found.is(Json::Kind::real);
  const double value = bare ? found.real() : quantity(key, expected, parse_count);
  if (value <= 0) fail_at(key, "a count above 0");
  return value;
}

double Reader::percent(std::string_view key) const {
  const double value = quantity(key, "a percentage such as \"92 %\"", parse_percent);
  if (value > 10) fail_at(key, "a percentage up to 1000 %");
  return value;
}

Watts Reader::power(std::string_view key) const {
  return quantity(key, "a power such as \"700 W\"", parse_power);
}

Dollars Reader::dollars(std::string_view key) const {
  return quantity(key, "an amount such as \"1.5 MUSD\"", parse_dollars);
}

double Reader::price(std::string_view key, std::string_view per) const {
  return quantity(key, "a price such as \"2.50 USD/" + std::string(per) + "\"",
                  [per](std::string_view s) { return parse_price(s, per); });
}

bool Reader::as_boolean() const {
  expect(value_->is(Json::Kind::boolean), "true or false");
  return value_->boolean();
}

std::int64_t Reader::as_integer(std::int64_t low, std::int64_t high) const {
  constexpr double exact_below = 9007199254740992.0;  // 2^53
  const double real = value_->real();
  const bool whole = value_->is(Json::Kind::real) && std::abs(real) < exact_below && real == std::floor(real);
  const std::int64_t v = whole ? static_cast<std::int64_t>(real) : value_->integer();
  expect((whole || value_->is(Json::Kind::integer)) && v >= low && v <= high, integer_range(low, high));
  return v;
}

double Reader::as_number(double low, double high) const {
  const bool number = value_->is(Json::Kind::integer) || value_->is(Json::Kind::real);
  const double v = value_->real();
  expect(number && v >= low && v <= high, number_range(low, high));
  return v;
}

std::string Reader::as_string() const {
  expect(value_->is(Json::Kind::string), "a string");
  return value_->string();
}

std::size_t Reader::as_word(std::span<const std::string_view> words) const {
  if (value_->is(Json::Kind::string)) {
    const auto found = std::find(words.begin(), words.end(), value_->string());
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    const std::vector<std::string> candidates(words.begin(), words.end());
    if (const auto slip = nearest(value_->string(), candidates))
      fail(where(), one_of(words), describe(*value_) + " (did you mean " + quoted(*slip) + "?)");
  }
  fail(where(), one_of(words), describe(*value_));
}

void Reader::done() const {
  expect(value_->is(Json::Kind::object), "an object");
  for (const Json::Member& m : value_->members()) {
    if (std::find(asked_->begin(), asked_->end(), m.first) != asked_->end()) continue;
    std::vector<std::string> free;
    std::string known;
    for (const std::string& name : *asked_) {
      if (value_->find(name) == nullptr) free.push_back(name);
      if (!name.starts_with('$')) known += (known.empty() ? "" : ", ") + name;
    }
    if (const auto slip = nearest(m.first, free))
      fail(where(m.first), "unknown member, did you mean " + quoted(*slip) + "?");
    fail(where(m.first),
         known.empty() ? "unknown member, none is known here" : "unknown member; known here: " + known);
  }
}

}  // namespace orrery
