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
#include "planner/whatif/variants.h"
#include "tools/question.h"
#include "tools/whatif/rows.h"

namespace orrery {

class SweepFlags {
 public:
  std::vector<Flag> point_flags();  // what is asked at which points
  std::vector<Flag> flags();        // and where rows go
  const QuestionFlags& question() const { return question_; }
  const std::vector<std::string>& sets() const { return sets_; }
  bool pin() const { return pin_; }
  Replay replay() const;
  const std::string& out() const { return out_; }
  bool resume() const { return resume_; }
  void check() const;  // that they go together

 private:
  QuestionFlags question_;
  std::vector<std::string> sets_;
  bool replan_ = false, pin_ = false, resume_ = false;
  std::string replay_ = "auto", out_;
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

  // Every point, in order, to `out` as soon as all before it are done. Interrupted: those that are.
  std::vector<Answer> run(const std::string& out, bool resume);
  // One point, or a changed scenario and its constants. Nothing: stopped on the way.
  std::optional<Answer> ask(std::size_t point, std::size_t worker = 0);
  std::optional<Answer> ask(const Scenario&, const Calibration&);

 private:
  struct Worker {
    explicit Worker(Library own) : library(std::move(own)) {}
    Library library;
    Pinned pinned;
    std::map<std::string, Calibration> calibrations;  // by path
  };
  void read_document(const SweepFlags&, std::vector<std::string> sets);
  void try_values();
  const Calibration& calibration(const std::string& path, Worker&);
  std::optional<Answer> answer(const Scenario&, const Calibration&, Worker&);

  Session& session_;
  Question question_;
  std::unique_ptr<const Variants> variants_;
  bool pinned_;
  Replay replay_;
  std::optional<Plan> plan_;
  std::vector<Worker> workers_;
};

}  // namespace orrery
