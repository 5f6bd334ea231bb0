// orrery compare: scenarios, or plans for the first scenario, side by side.
#include "sim/report/compare.h"
#include "sim/report/csv.h"
#include "tools/errors.h"
#include "tools/question.h"

namespace orrery {
namespace {

bool is_plan(Session& session, const std::string& file) {
  const Json document = parse_json(session.files().text(file), file);
  const Json* const schema = document.is(Json::Kind::object) ? document.find("schema") : nullptr;
  return schema && schema->is(Json::Kind::string) && schema->string() == Library::schema(Library::Kind::plan);
}

class Compare : public Command {
 public:
  std::string_view name() const override { return "compare"; }
  std::string_view summary() const override { return "Compare scenarios, or plans of one scenario, side by side"; }
  std::string_view example() const override { return "orrery compare scenarios/llama3-70b-64xh100.json other-plan.json"; }
  unsigned outputs() const override { return writes_json | writes_csv | writes_markdown; }
  std::vector<Flag> flags() override {
    return {{"FILE", "", "a scenario, then scenarios or plans for the first one", &files_, true}};
  }

  int run(Session& session) override {
    if (files_.size() < 2) throw UsageError("compare takes two files or more");
    if (is_plan(session, files_.front())) throw UsageError("the first file must be a scenario, not a plan: " + files_.front());
    std::vector<Report> reports(files_.size());
    session.executor().run(files_.size(), [&](std::size_t i, std::size_t) { reports[i] = report(session, files_[i]); });
    const Globals& to = session.globals();
    session.print(compare_text(reports));
    if (!to.json.empty()) session.write_json(compare_json(reports));
    if (!to.csv.empty()) session.write(to.csv, csv(reports));
    if (!to.markdown.empty()) session.write(to.markdown, compare_markdown(reports));
    return exit_ok;
  }

 private:
  Report report(Session& session, const std::string& file) const {
    const bool plan = is_plan(session, file);
    Question q = plan ? read_question(session, files_.front(), beside("", file)) : read_question(session, file);
    if (plan) q.origin.scenario = file;
    Evaluator evaluator;
    compile_plan(q, file, evaluator);
    evaluator.simulate();
    return evaluator.report(q.origin);
  }

  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> compare_command() { return std::make_unique<Compare>(); }

}  // namespace orrery
