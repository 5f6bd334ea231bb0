// docs/formats.md against the readers and the schemas: its examples read, and it names every member and constant.
#include <set>

#include "sim/cost/constants.h"
#include "tests/base/error_of.h"
#include "tests/scenario/input_files.h"

namespace orrery {
namespace {

class FormatsPage : public InputFiles {
 protected:
  void SetUp() override {
    InputFiles::SetUp();
    page_ = DiskFiles().text("docs/formats.md");
  }
  bool names(std::string_view member) const {  // in code: `member`, `member` with more around it, or in an example
    for (std::size_t at = page_.find(member); at != std::string::npos; at = page_.find(member, at + 1)) {
      const char before = at == 0 ? ' ' : page_[at - 1], after = page_[at + member.size()];
      const auto inside = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
      if (!inside(before) && !inside(after)) return true;
    }
    return false;
  }
  std::string page_;
};

// Files of the disk, and one more.
class WithExample : public DiskFiles {
 public:
  WithExample(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}
  std::string text(std::string_view name) override { return name == name_ ? text_ : DiskFiles::text(name); }
  bool exists(std::string_view name) override { return name == name_ || DiskFiles::exists(name); }

 private:
  std::string name_, text_;
};

TEST_F(FormatsPage, ExamplesRead) {
  const std::string fence = "```json\n";
  std::set<std::string> kinds;
  for (std::size_t at = page_.find(fence); at != std::string::npos; at = page_.find(fence, at + 1)) {
    const std::size_t from = at + fence.size();
    const std::string example = page_.substr(from, page_.find("```", from) - from);
    const std::size_t schema = example.find("\"schema\": \"orrery.");
    if (schema == std::string::npos) continue;
    const std::size_t kind_at = schema + 18;
    const std::string kind = example.substr(kind_at, example.find('/', kind_at) - kind_at);
    const std::string path = "scenarios/" + (kind == "scenario" ? "" : kind + "s/") + "example-of-the-page.json";
    WithExample files(path, example);
    EXPECT_EQ(error_of([&] { read_as(kind, path, files); }), "no error") << example;
    kinds.insert(kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"calibration", "cluster", "model", "scenario"}));
}

// The names of all members in the "properties" of a schema.
void members_of(const Json& schema, std::set<std::string>& out) {
  for (const auto& [key, value] : schema.members()) {
    if (key == "properties")
      for (const Json::Member& property : value.members()) out.insert(property.first);
    members_of(value, out);
  }
  for (const Json& item : schema.items()) members_of(item, out);
}

TEST_F(FormatsPage, NamesEveryMember) {
  for (const std::string kind :
       {"scenario", "plan", "model", "cluster", "device", "calibration", "checkpoint", "runs", "defaults"}) {
    const std::string path = "scenarios/schema/" + kind + ".schema.json";
    std::set<std::string> members;
    members_of(parse_json(DiskFiles().text(path), path), members);
    EXPECT_FALSE(members.empty());
    for (const std::string& member : members) EXPECT_TRUE(names(member)) << kind << ": " << member;
  }
}

TEST_F(FormatsPage, NamesEveryConstant) {
  for (const std::string& name : constant_names()) {
    if (name.starts_with("ops.")) continue;
    const std::string last = name.substr(name.rfind('.') + 1);
    EXPECT_TRUE(names(last)) << name;
  }
}

}  // namespace
}  // namespace orrery
