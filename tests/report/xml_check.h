// Whether a text is well-formed XML of the kind that we write: elements, attributes in double quotes, text
// with the five entities; no comments, no processing instructions. Returns what is wrong, or nothing.
#pragma once
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace orrery::testing {

class XmlCheck {
 public:
  explicit XmlCheck(std::string_view text) : s_(text) {}

  std::string run() {
    while (error_.empty() && at_ < s_.size()) s_[at_] == '<' ? tag() : content();
    if (error_.empty() && !open_.empty()) fail("unclosed " + open_.back());
    if (error_.empty() && roots_ != 1) fail("not one root");
    return error_;
  }

 private:
  void fail(std::string what) { error_ = what + " at " + std::to_string(at_); }
  bool eat(std::string_view what) {
    if (s_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }
  static bool is_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == ':' || c == '_';
  }
  std::string name() {
    const std::size_t from = at_;
    while (at_ < s_.size() && is_name(s_[at_])) ++at_;
    return std::string(s_.substr(from, at_ - from));
  }
  void reference() {
    for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
      if (eat(entity)) return;
    fail("bare &");
  }
  void content() {
    if (open_.empty() && !std::isspace(static_cast<unsigned char>(s_[at_])))
      return fail("text outside the root");
    s_[at_] == '&' ? reference() : void(++at_);
  }
  void attributes() {
    std::vector<std::string> seen;
    while (error_.empty() && at_ < s_.size() && s_[at_] == ' ') {
      ++at_;
      seen.push_back(name());
      for (std::size_t i = 0; i + 1 < seen.size(); ++i)
        if (seen[i] == seen.back()) return fail("attribute twice");
      if (seen.back().empty() || !eat("=\"")) return fail("attribute");
      while (at_ < s_.size() && s_[at_] != '"') {
        if (s_[at_] == '<') return fail("< in an attribute");
        s_[at_] == '&' ? reference() : void(++at_);
        if (!error_.empty()) return;
      }
      if (!eat("\"")) return fail("open attribute");
    }
  }
  void tag() {
    ++at_;
    if (eat("/")) {
      if (open_.empty() || name() != open_.back() || !eat(">")) return fail("closing tag");
      open_.pop_back();
      return;
    }
    if (open_.empty()) ++roots_;
    const std::string element = name();
    if (element.empty()) return fail("tag");
    attributes();
    if (!error_.empty() || eat("/>")) return;
    if (!eat(">")) return fail("tag");
    open_.push_back(element);
  }

  std::string_view s_;
  std::size_t at_ = 0, roots_ = 0;
  std::vector<std::string> open_;
  std::string error_;
};

inline std::string xml_error(std::string_view text) { return XmlCheck(text).run(); }

}  // namespace orrery::testing
