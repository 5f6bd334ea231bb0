// A what-if as the command line asks it: SCENARIO, --set PATH=VALUES ..., how each point gets its plan, and
// where rows go. Shared by whatif and recommend.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "planner/whatif/answer.h"
#include "planner/whatif/pinned.h"
#include "planner/whatif/replanner.h"
#include "planner/whatif/variants.h"
#include "tools/question.h"
#include "tools/whatif/crew.h"
#include "tools/whatif/rows.h"

namespace orrery {

class SweepFlags {
 public:
  std::vector<Flag> point_flags();  // what is asked at which points
  std::vector<Flag> flags();        // and where rows go
  const QuestionFlags& question() const { return question_; }
  const std::vector<std::string>& sets() const { return sets_; }
  bool pin() const { return pin_; }
  double gap() const;  // that a search may leave unproven, 0.02 for 2 %; throws UsageError
  Replay replay() const;
  const std::string& out() const { return out_; }
  bool resume() const { return resume_; }
  void check() const;  // that they go together

 private:
  QuestionFlags question_;
  std::vector<std::string> sets_;
  bool replan_ = false, pin_ = false, resume_ = false;
  std::string replay_ = "auto", gap_, out_;
};

// All that the points share. Points may be asked by several threads at once, each as a `worker` of its own.
class Sweep {
 public:
  // Reads the scenario and tries each value alone: what can't be read ends in UsageError. Pinned without a
  // plan in the scenario: the best one of the base.
  Sweep(Session&, const SweepFlags&, std::vector<std::string> sets);

  const Question& base() const { return question_; }
  const Variants& variants() const { return *variants_; }
  const Grid& grid() const { return variants_->grid(); }
  std::optional<Scenario> scenario(std::size_t point);  // nothing: it can't be read
  bool pinned() const { return pinned_; }
  // Of a pinned sweep, or the best plan of the base once it was asked; nothing if the base has none.
  const std::optional<Plan>& plan();
  SweepName name() const;

  // Every point, in order, to `out` as soon as all before it are done. Interrupted: those that are. Under an
  // MPI launcher all ranks share the points, and rank 0 has the answers.
  std::vector<Answer> run(const std::string& out, bool resume);
  // Whether this process has the answers of run().
  bool speaks() const { return !crew_ || crew_->rank() == 0; }
  // One point, or a changed scenario and its constants. Nothing: stopped on the way.
  std::optional<Answer> ask(std::size_t point);
  std::optional<Answer> ask(const Scenario&, const Calibration&);

 private:
  struct Worker {
    explicit Worker(Library own) : library(std::move(own)) {}
    Library library;
    Pinned pinned;
    Replanner replanner;
    std::map<std::string, Calibration> calibrations;  // by path
  };
  void read_document(const SweepFlags&, std::vector<std::string> sets);
  void try_values();
  const Calibration& calibration(const std::string& path, Worker&);
  std::vector<Answer> run_pieces(const std::string& out, bool resume);
  std::vector<std::optional<Answer>> ask_all(std::size_t begin, std::size_t end, std::size_t worker,
                                             Executor& searches);
  std::optional<Answer> search_at(const Scenario&, const Calibration&, Executor&, Replanner* warm);

  Session& session_;
  Question question_;
  std::unique_ptr<const Variants> variants_;
  bool pinned_;
  Replay replay_;
  double gap_;
  std::optional<Plan> plan_;
  std::vector<Worker> workers_;
  std::unique_ptr<Crew> crew_;
};

}  // namespace orrery
