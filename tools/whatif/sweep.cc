#include "tools/whatif/sweep.h"

#include <filesystem>
#include <mutex>

#include "planner/whatif/hardware.h"
#include "planner/whatif/replan.h"
#include "sim/cost/read.h"
#include "sim/plan/read.h"
#include "tools/errors.h"
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

void SweepFlags::check() const {
  if (pin_ && replan_) throw UsageError("either --replan or --pin-plan, not both");
  if (replay_ != "auto" && !pin_)
    throw UsageError("--replay goes with --pin-plan: a search chooses the replay itself");
  if (resume_ && out_.empty()) throw UsageError("--resume goes with --out FILE, whose rows it keeps");
}

Sweep::Sweep(Session& session, const SweepFlags& flags, std::vector<std::string> sets)
    : session_(session),
      question_(flags.question().read(session)),
      pinned_(flags.pin()),
      replay_(flags.replay()) {
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
  const std::unique_ptr<RowFormat> format = out.empty() ? nullptr : row_format(out, grid(), name());
  std::vector<Answer> done;
  std::optional<RowFile> file;
  if (format) file.emplace(out, *format, grid().size(), resume, done);
  const std::size_t first = done.size(), count = grid().size() - first;
  InOrder order(done, file ? &*file : nullptr, format.get());
  TerminalWatch& watch = session_.watch();
  const auto one = [&](std::size_t i, std::size_t worker) {
    if (watch.stop()) return;
    std::optional<Answer> answer = ask(first + i, worker);
    if (answer) watch.progress(order.put(first + i, std::move(*answer)), count, "points");
  };
  if (pinned_) {
    session_.executor().run(count, one);
  } else {
    for (std::size_t i = 0; i < count; ++i) one(i, 0);  // a search is on all cores by itself
  }
  return done;
}

std::optional<Scenario> Sweep::scenario(std::size_t point) {
  try {
    return variants_->at(point, workers_.front().library);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

std::optional<Answer> Sweep::ask(std::size_t point, std::size_t worker) {
  Worker& w = workers_[worker];
  std::optional<Scenario> s;
  try {
    s = variants_->at(point, w.library);
    const Calibration& constants = calibration(s->calibration, w);
    const Cluster& base = question_.scenario.cluster;
    if (same_figures(base, s->cluster)) return answer(*s, constants, w);
    return answer(*s, at_hardware(constants, base, s->cluster), w);
  } catch (const InputError& e) {
    return no_answer(s ? *s : question_.scenario, s ? Outcome::unsupported : Outcome::invalid, e.what());
  }
}

std::optional<Answer> Sweep::ask(const Scenario& s, const Calibration& c) {
  try {
    return answer(s, c, workers_.front());
  } catch (const InputError& e) {
    return no_answer(s, Outcome::unsupported, e.what());
  }
}

const Calibration& Sweep::calibration(const std::string& path, Worker& w) {
  const auto known = w.calibrations.find(path);
  if (known != w.calibrations.end()) return known->second;
  return w.calibrations.emplace(path, read_calibration(session_.files(), path)).first->second;
}

std::optional<Answer> Sweep::answer(const Scenario& s, const Calibration& c, Worker& w) {
  if (pinned_ && !s.plan && !plan_) return std::nullopt;  // the search for it was stopped
  if (pinned_) return w.pinned.ask(s, c, s.plan ? *s.plan : *plan_, replay_);
  Inner watch(session_.watch());
  const Replanned found = replan(s, c, session_.executor(), watch);
  if (!found.complete) return std::nullopt;
  return found.answer;
}

}  // namespace orrery
