// orrery check: reads files as the other commands would, and says what is wrong with them.
#include <cstdio>
#include <optional>

#include "sim/cluster/read.h"
#include "sim/cost/read.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"
#include "sim/scenario.h"
#include "tools/errors.h"
#include "tools/session.h"

namespace orrery {
namespace {

using Kind = Library::Kind;
constexpr Kind kinds[] = {Kind::scenario, Kind::model, Kind::cluster, Kind::device, Kind::plan, Kind::calibration};

// By its "schema"; a document without one that names a model_type is a config.json of Hugging Face.
Kind kind_of(const Json& document, const std::string& file) {
  const Reader r(document, file);
  if (!r.has("schema") && r.has("model_type")) return Kind::model;
  std::vector<std::string_view> known;
  for (const Kind k : kinds) known.push_back(Library::schema(k));
  return kinds[r.word("schema", known)];
}

std::string check_scenario(Library& library, const std::string& file) {
  const Scenario s = read_scenario(file, library);
  if (s.plan)
    if (const auto broken = violation(s.model, s.cluster, s.training, *s.plan))
      fail({file, "/plan" + broken->pointer, 0}, broken->message);
  return s.plan ? "scenario with a legal plan" : "scenario";
}

std::string check_file(Session& session, const std::string& given) {
  const std::string file = given.find('/') == std::string::npos ? "./" + given : given;  // never a preset's name
  Library library = session.library().fresh();
  const Json document = parse_json(session.files().text(given), given);
  switch (kind_of(document, given)) {
    case Kind::scenario: return check_scenario(library, given);
    case Kind::model: find_model(library, file); return "model";
    case Kind::cluster: find_cluster(library, file); return "cluster";
    case Kind::device: read_device(Reader(document, given)); return "device";
    case Kind::plan: find_plan(library, file); return "plan";
    case Kind::calibration: read_calibration(session.files(), given); return "calibration";
  }
  return {};
}

class Check : public Command {
 public:
  std::string_view name() const override { return "check"; }
  std::string_view summary() const override { return "Check scenario, plan, model, cluster, device or calibration files"; }
  std::string_view example() const override { return "orrery check my-scenario.json my-cluster.json"; }
  std::vector<Flag> flags() override { return {{"FILE", "", "files to check", &files_, true}}; }
  int run(Session& session) override {
    int worst = exit_ok;
    for (const std::string& file : files_) {
      const int code = guarded([&] {
        session.print(file + ": ok, a " + check_file(session, file) + "\n");
        return int{exit_ok};
      });
      worst = std::max(worst, code);
    }
    return worst;
  }

 private:
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> check_command() { return std::make_unique<Check>(); }

}  // namespace orrery
