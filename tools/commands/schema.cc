// orrery schema: the JSON Schemas of our files, for editors and for people.
#include "sim/base/reader.h"
#include "tools/errors.h"
#include "tools/session.h"

namespace orrery {
namespace {

class Schema : public Command {
 public:
  std::string_view name() const override { return "schema"; }
  std::string_view summary() const override { return "Print the JSON Schema of a kind of file, or list the kinds"; }
  std::string_view example() const override { return "orrery schema scenario"; }
  std::vector<Flag> flags() override { return {{"KIND", "", "scenario, plan, result, calibration, ...", &kind_}}; }
  int run(Session& session) override {
    std::vector<std::string> kinds;
    for (const std::string& directory : session.preset_directories()) {
      for (const std::string& file : session.files().list(directory + "/schema")) {
        if (!file.ends_with(suffix)) continue;
        kinds.push_back(file.substr(0, file.size() - suffix.size()));
        if (kinds.back() != kind_) continue;
        session.print(session.files().text(directory + "/schema/" + file));
        return exit_ok;
      }
    }
    if (!kind_.empty()) {
      const auto near = nearest(kind_, kinds);
      throw UsageError("no schema " + kind_ + (near ? "; did you mean " + *near + "?" : " (orrery schema lists all)"));
    }
    for (const std::string& kind : kinds) session.print(kind + "\n");
    return exit_ok;
  }

 private:
  static constexpr std::string_view suffix = ".schema.json";
  std::string kind_;
};

}  // namespace

std::unique_ptr<Command> schema_command() { return std::make_unique<Schema>(); }

}  // namespace orrery
