// orrery program: what each rank does in one step, one line an instruction.
#include <optional>

#include "sim/program/print.h"
#include "tools/errors.h"
#include "tools/question.h"

namespace orrery {
namespace {

class ProgramCommand : public Command {
 public:
  std::string_view name() const override { return "program"; }
  std::string_view summary() const override { return "Print the instructions of one step that a plan compiles to"; }
  std::string_view example() const override { return "orrery program scenarios/llama3-8b-8xh100.json --rank 5"; }
  unsigned outputs() const override { return writes_json; }
  std::vector<Flag> flags() override {
    std::vector<Flag> out = question_.flags();
    out.push_back({"--rank", "R", "only this rank", &rank_});
    out.push_back({"--unfold", "", "every rank, not one of each kind", &unfold_});
    return out;
  }

  int run(Session& session) override {
    const Question q = question_.read(session);
    const int ranks = q.scenario.cluster.ranks();
    if (rank_ < -1 || rank_ >= ranks)
      throw UsageError("--rank takes 0 to " + std::to_string(ranks - 1) + ", not " + std::to_string(rank_));
    Evaluator evaluator;
    compile_plan(q, question_.file(), evaluator, unfold_ ? Ranks::all : Ranks::folded);
    if (!session.globals().json.empty()) session.write_json(inspect(evaluator.program()));
    if (session.globals().json != "-") {
      const auto rank = rank_ < 0 ? std::nullopt : std::optional(RankId{static_cast<std::uint32_t>(rank_)});
      session.print(listing(evaluator.program(), rank));
    }
    return exit_ok;
  }

 private:
  QuestionFlags question_;
  int rank_ = -1;
  bool unfold_ = false;
};

}  // namespace

std::unique_ptr<Command> program_command() { return std::make_unique<ProgramCommand>(); }

}  // namespace orrery
