#include "tools/commands/plan_published.h"

#include "tools/errors.h"
#include "tools/given_flags.h"
#include "tools/published_text.h"
#include "tools/stacks.h"
#include "tools/version.h"

namespace orrery {

std::vector<Flag> PublishedRuns::flags() {
  return {{"--published", "RUNS",
           "folders or files of measured runs: their own plans beside the best for each, in place of SCENARIO",
           &names_}};
}

int PublishedRuns::run(Session& session, std::span<const Flag> shared) const {
  const GivenFlags line(shared);
  constexpr std::string_view known[] = {"--published", "--layers", "--budget", "--calibration", "--cuts", "--rejected"};
  line.refuse_others(known, "--published, whose questions are its runs");
  std::vector<std::string> files;
  for (const std::string& name : names_)
    for (std::string& file : run_files(session.files(), name)) files.push_back(std::move(file));
  const std::vector<MeasuredRun> runs = read_runs(session.files(), files);
  const ValidationInputs inputs{session.files(), session.library(), shipped_stacks(session),
                                line.value<std::string>("--calibration")};
  const Origin origin{"", std::string(version), 0, "", {}};
  const PublishedPlans result =
      compare_published(runs, inputs, line.value<std::string>("--layers") == "each", line.value<double>("--budget"),
                        origin, session.executor(), session.watch());
  const Globals& to = session.globals();
  session.print(published_text(result));
  if (!to.json.empty()) session.write_json(published_json(result, origin));
  if (!to.csv.empty()) session.write(to.csv, published_table(result).csv());
  if (!to.markdown.empty()) session.write(to.markdown, published_table(result).markdown());
  return result.faster() > 0 ? exit_no : exit_ok;
}

}  // namespace orrery
