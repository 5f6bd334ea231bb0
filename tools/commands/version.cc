// orrery version: of the binary, and where its presets come from.
#include "tools/session.h"
#include "tools/version.h"

namespace orrery {
namespace {

class Version : public Command {
 public:
  std::string_view name() const override { return "version"; }
  std::string_view summary() const override { return "Print the version and the directories of presets"; }
  int run(Session& session) override {
    session.print("orrery " + std::string(version) + "\n");
    for (const std::string& directory : session.preset_directories()) session.print("presets: " + directory + "\n");
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> version_command() { return std::make_unique<Version>(); }

}  // namespace orrery
