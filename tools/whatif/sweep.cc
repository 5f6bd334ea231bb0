#include "tools/whatif/sweep.h"

#include <fmt/format.h>

#include <filesystem>
#include <mutex>

#include "planner/whatif/hardware.h"
#include "planner/whatif/replan.h"
#include "sim/base/units.h"
#include "sim/cost/read.h"
#include "sim/plan/read.h"
#include "tools/errors.h"
#include "tools/whatif/crew.h"
#include "tools/whatif/row_file.h"

namespace orrery {
namespace {

const std::vector<std::string> replays{"auto", "static", "shared"};

// A search inside a sweep: it may be stopped, but the progress is the sweep's.
class Inner : public Watch {
 public:
  explicit Inner(Watch& outer) : outer_(outer) {}
  bool stop() override { return outer_.stop(); }
  void progress(std::size_t, std::size_t, std::string_view) override {}

 private:
  Watch& outer_;
};

// The thread that asks.
class Inline : public Executor {
 public:
  std::size_t workers() const override { return 1; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = 0; i < count; ++i) task(i, 0);
  }
};

// FNV-1a, as the digests of inputs.
std::uint64_t digest_of(std::string_view text, std::uint64_t digest = 0xcbf29ce484222325ULL) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return digest;
}

// Hands answers on in order of points, whoever is done first. Thread-safe.
class InOrder {
 public:
  // `file` and `format`: both or none.
  InOrder(std::vector<Answer>& done, RowFile* file, const RowFormat* format)
      : done_(done), file_(file), format_(format) {}

  std::size_t put(std::size_t point, Answer answer) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(point, std::move(answer));
    std::string rows;
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == done_.size();
         next = waiting_.erase(next)) {
      if (format_) rows += format_->row(done_.size(), next->second);
      done_.push_back(std::move(next->second));
    }
    if (file_) file_->append(rows);
    return ++put_;
  }

 private:
  std::vector<Answer>& done_;
  RowFile* file_;
  const RowFormat* format_;
  std::map<std::size_t, Answer> waiting_;
  std::size_t put_ = 0;
  std::mutex mutex_;
};

}  // namespace

std::vector<Flag> SweepFlags::point_flags() {
  std::vector<Flag> out = question_.flags();
  out.push_back({"--set", "PATH=VALUES",
                 "values that a member of the scenario takes: 1,2,4 or 8..128x2 or 8..128+8; several: a grid",
                 &sets_});
  out.push_back({"--replan", "", "search for the best plan of each point (default)", &replan_});
  out.push_back(
      {"--gap", "PERCENT",
       "of a search over many points: end each where the best plan is proven to be within this of the "
       "optimum (default 0 %)",
       &gap_});
  out.push_back(
      {"--pin-plan", "", "the scenario's plan, or else the base's best one, at every point", &pin_});
  out.push_back(
      {"--replay", "KIND", "of a pinned plan: static, shared (events) or auto", &replay_, false, replays});
  return out;
}

std::vector<Flag> SweepFlags::flags() {
  std::vector<Flag> out = point_flags();
  out.push_back(
      {"--out", "FILE|-",
       "stream rows here, each as soon as all before it are done: .jsonl or .csv; - for JSON lines on stdout",
       &out_});
  out.push_back({"--resume", "", "go on with the rows that --out holds", &resume_});
  return out;
}

Replay SweepFlags::replay() const {
  return replay_ == "static" ? Replay::static_only : replay_ == "shared" ? Replay::shared : Replay::automatic;
}

double SweepFlags::gap() const {
  if (gap_.empty()) return 0;
  const std::optional<double> gap = parse_percent(gap_);
  if (!gap || *gap < 0 || *gap >= 1)
    throw UsageError("--gap takes a percentage below 100 % such as 2 %, not " + gap_);
  return *gap;
}

void SweepFlags::check() const {
  if (pin_ && replan_) throw UsageError("either --replan or --pin-plan, not both");
  if (replay_ != "auto" && !pin_)
    throw UsageError("--replay goes with --pin-plan: a search chooses the replay itself");
  if (!gap_.empty() && pin_) throw UsageError("--gap goes with --replan: a pinned plan is not searched for");
  if (resume_ && out_.empty()) throw UsageError("--resume goes with --out FILE, whose rows it keeps");
}

Sweep::Sweep(Session& session, const SweepFlags& flags, std::vector<std::string> sets)
    : session_(session),
      question_(flags.question().read(session)),
      pinned_(flags.pin()),
      replay_(flags.replay()),
      gap_(flags.gap()) {
  flags.check();
  for (std::size_t i = 0; i < session.executor().workers(); ++i)
    workers_.emplace_back(session.library().fresh());
  read_document(flags, std::move(sets));
  try_values();
  if (pinned_) plan_ = question_.scenario.plan;
  if (pinned_ && !plan() && !session.watch().stop())
    throw UsageError("--pin-plan: no plan of the scenario's space fits; give one by --plan");
}

// The document that paths lead into: the scenario's file with what flags replace, or what flags describe.
void Sweep::read_document(const SweepFlags& flags, std::vector<std::string> sets) {
  const QuestionFlags& question = flags.question();
  const auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
  Json document;
  std::string file = question.file();
  if (file.empty() || file == "-") {
    file = file.empty() ? "command line" : "standard input";
    document = write_scenario(question_.scenario);
    document.set("calibration", absolute(question_.scenario.calibration));
  } else {
    document = parse_json(session_.files().text(file), file);
    if (!question.plan().empty()) document.set("plan", write_plan(*question_.scenario.plan));
    if (!question.calibration().empty())
      document.set("calibration", absolute(question_.scenario.calibration));
  }
  try {
    std::vector<Axis> axes;
    for (const std::string& set : sets) axes.push_back(parse_axis(set));
    variants_ = std::make_unique<const Variants>(std::move(document), file, session_.library(),
                                                 Grid(std::move(axes)));
  } catch (const InputError& e) {
    throw UsageError(e.what());
  }
}

// Every value of a list that somebody wrote; of the thousands of a range the first and the last.
void Sweep::try_values() {
  constexpr std::size_t most_tried = 64;
  for (std::size_t axis = 0; axis < grid().axes().size(); ++axis) {
    const Axis& a = grid().axes()[axis];
    const std::size_t step = a.values.size() > most_tried ? a.values.size() - 1 : 1;
    for (std::size_t i = 0; i < a.values.size(); i += step) {
      try {
        variants_->with(axis, i, workers_.front().library);
      } catch (const InputError& e) {
        const auto near = variants_->nearest_path(axis);
        throw UsageError("--set " + a.path + "=" + shown(a.values[i]) + ": " + e.what() +
                         (near ? "; did you mean " + *near + "?" : ""));
      }
    }
  }
}

const std::optional<Plan>& Sweep::plan() {
  if (plan_) return plan_;
  Inner watch(session_.watch());
  plan_ = replan(question_.scenario, question_.calibration, session_.executor(), watch).plan;
  return plan_;
}

SweepName Sweep::name() const {
  constexpr std::string_view kinds[] = {"", " static", " shared"};
  std::string mode = pinned_ ? "pinned" + std::string(kinds[static_cast<std::size_t>(replay_)]) : "replan";
  if (gap_ > 0) mode += " within " + fmt::format("{:g} %", 100 * gap_);
  std::uint64_t digest = digest_of(variants_->document().dump(false));
  for (const Axis& axis : grid().axes()) {
    digest = digest_of(axis.path + "=", digest);
    for (const Json& value : axis.values) digest = digest_of(value.dump(false) + ",", digest);
  }
  for (const auto& [file, of_file] : question_.origin.inputs) digest = digest_of(of_file, digest);
  digest = digest_of(
      mode + question_.origin.version + (pinned_ && plan_ ? write_plan(*plan_).dump(false) : ""), digest);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return {question_.scenario.name, question_.origin.version, std::move(mode), text};
}

std::vector<Answer> Sweep::run(const std::string& out, bool resume) {
  crew_ = Crew::join();
  if (!crew_) return run_pieces(out, resume);
  try {
    return run_pieces(out, resume);
  } catch (const std::exception& e) {
    crew_->fail(e.what());
    throw;
  }
}

// A piece is as many points as ride in lanes together. A search is one by itself: several at a time on a core
// each where there are enough, else one after the other on all cores.
std::vector<Answer> Sweep::run_pieces(const std::string& out, bool resume) {
  const std::unique_ptr<RowFormat> format = out.empty() ? nullptr : row_format(out, grid(), name());
  std::vector<Answer> done;
  std::optional<RowFile> file;
  if (format && speaks()) file.emplace(out, *format, grid().size(), resume, done);
  const std::size_t first = crew_ ? crew_->agree(done.size()) : done.size(), count = grid().size() - first;
  InOrder order(done, file ? &*file : nullptr, format.get());
  TerminalWatch& watch = session_.watch();
  const std::size_t ranks = crew_ ? crew_->size() : 1, of_piece = pinned_ ? lane_count : 1;
  const std::size_t pieces = (count + of_piece - 1) / of_piece;
  const auto put = [&](std::size_t point, Answer answer) {
    watch.progress(order.put(point, std::move(answer)), count, "points");
  };
  const auto answers = [&](std::size_t piece, std::size_t worker, Executor& searches) {
    const std::size_t begin = first + piece * of_piece;
    if (watch.stop() && crew_) crew_->ask_to_end();
    if (watch.stop() || (crew_ && crew_->asked_to_end())) return std::vector<std::optional<Answer>>();
    return ask_all(begin, std::min(begin + of_piece, grid().size()), worker, searches);
  };
  Inline alone;
  const bool spread = pinned_ || pieces >= 2 * ranks * session_.executor().workers();
  Executor& over_pieces = spread ? static_cast<Executor&>(session_.executor()) : alone;
  Executor& in_a_piece = spread ? static_cast<Executor&>(alone) : session_.executor();
  const std::unique_ptr<RowFormat> wire = row_format("-", grid(), name());
  const auto work = [&](std::size_t piece, std::size_t worker) {
    std::string rows;
    std::size_t point = first + piece * of_piece;
    for (std::optional<Answer>& answer : answers(piece, worker, in_a_piece)) {
      if (!answer) return std::string();
      if (speaks())
        put(point++, std::move(*answer));
      else
        rows += wire->row(point++, *answer);
    }
    return rows;
  };
  const auto take = [&](std::size_t piece, const std::string& rows) {
    std::size_t point = first + piece * of_piece;
    for (std::size_t at = 0, end; (end = rows.find('\n', at)) != std::string::npos; at = end + 1)
      if (auto answer = wire->read(point, std::string_view(rows).substr(at, end - at)))
        put(point++, std::move(*answer));
  };
  if (crew_)
    crew_->run(pieces, over_pieces, work, take);
  else
    over_pieces.run(pieces, work);
  return done;
}

std::optional<Scenario> Sweep::scenario(std::size_t point) {
  try {
    return variants_->at(point, workers_.front().library);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

// Answers of points that read as Scenarios; those that are pinned are replayed together as far as they can
// be.
std::vector<std::optional<Answer>> Sweep::ask_all(std::size_t begin, std::size_t end, std::size_t worker,
                                                  Executor& searches) {
  struct Point {
    std::optional<Scenario> scenario;
    std::optional<Calibration> scaled;
    const Calibration* constants = nullptr;
    std::optional<Answer>* answer = nullptr;
  };
  Worker& w = workers_[worker];
  std::vector<std::optional<Answer>> answers(end - begin);
  std::vector<Point> points(end - begin);
  std::vector<Point*> waiting;
  const auto play = [&] {
    std::vector<Answer> played = w.pinned.play();
    for (std::size_t i = 0; i < played.size(); ++i) *waiting[i]->answer = std::move(played[i]);
    waiting.clear();
  };
  const auto read = [&](Point& p, std::size_t point) {
    p.scenario = variants_->at(point, w.library);
    p.constants = &calibration(p.scenario->calibration, w);
    const Cluster& base = question_.scenario.cluster;
    if (same_figures(base, p.scenario->cluster)) return;
    p.scaled = at_hardware(*p.constants, base, p.scenario->cluster);
    p.constants = &*p.scaled;
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    Point& p = points[i];
    p.answer = &answers[i];
    try {
      read(p, begin + i);
      if (!pinned_) {
        answers[i] = search_at(*p.scenario, *p.constants, searches, &w.replanner);
        continue;
      }
      if (!p.scenario->plan && !plan_) continue;  // the search for it was stopped
      const Plan& plan = p.scenario->plan ? *p.scenario->plan : *plan_;
      if (!w.pinned.takes(*p.scenario, plan)) play();
      answers[i] = w.pinned.put(*p.scenario, *p.constants, plan, replay_);
      if (!answers[i]) waiting.push_back(&p);
    } catch (const InputError& e) {
      answers[i] = no_answer(p.scenario ? *p.scenario : question_.scenario,
                             p.scenario ? Outcome::unsupported : Outcome::invalid, e.what());
    }
  }
  play();
  return answers;
}

std::optional<Answer> Sweep::ask(std::size_t point) {
  return ask_all(point, point + 1, 0, session_.executor()).front();
}

std::optional<Answer> Sweep::ask(const Scenario& s, const Calibration& c) {
  try {
    if (!pinned_) return search_at(s, c, session_.executor(), nullptr);
    if (!s.plan && !plan_) return std::nullopt;
    return workers_.front().pinned.ask(s, c, s.plan ? *s.plan : *plan_, replay_);
  } catch (const InputError& e) {
    return no_answer(s, Outcome::unsupported, e.what());
  }
}

const Calibration& Sweep::calibration(const std::string& path, Worker& w) {
  const auto known = w.calibrations.find(path);
  if (known != w.calibrations.end()) return known->second;
  return w.calibrations.emplace(path, read_calibration(session_.files(), path)).first->second;
}

// `warm`: of a worker that is asked many points, each on one core. It alone stops at a gap.
std::optional<Answer> Sweep::search_at(const Scenario& s, const Calibration& c, Executor& executor,
                                       Replanner* warm) {
  Inner watch(session_.watch());
  const bool is_warm = warm != nullptr && (executor.workers() == 1 || gap_ > 0);
  const Replanned found = is_warm ? warm->ask(s, c, executor, watch, gap_) : replan(s, c, executor, watch);
  if (!found.complete) return std::nullopt;
  return found.answer;
}

}  // namespace orrery
