// What a point of a what-if comes to: the plan, its step, what the run costs; or why there is none. And what
// is best among many: Pareto fronts, the smallest cluster that meets a target.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cost/calibration.h"
#include "sim/report/report.h"
#include "sim/scenario.h"

namespace orrery {

enum class Outcome : std::uint8_t {
  ok,
  nothing_fits,  // the search has no answer: `message` is the nearest miss
  memory,        // the pinned plan does not fit
  illegal,       // the pinned plan breaks a rule
  unsupported,   // nothing here models it
  invalid        // the scenario of this point can't be read or priced
};
std::string_view name(Outcome);
std::optional<Outcome> outcome_of(std::string_view name);

struct Answer {
  Outcome outcome = Outcome::ok;
  std::string message;       // of any other outcome
  std::string device, plan;  // of the first group of nodes; the plan's summary
  int gpus = 0;
  // Known where the outcome is ok.
  Seconds step{};
  double tokens_per_second = 0, mfu = 0;
  Bytes memory{};                // peak of the fullest device
  Seconds run{};                 // elapsed, with failures and checkpoints; 0: the scenario has no tokens
  Dollars cost{};                // of the run; 0: no tokens or no price of a GPU's hour
  Dollars per_million_tokens{};  // 0: no price
  bool shared = false;           // which replay
  double gap = 0;                // of the search's proof; 0 where nothing was searched
  bool operator==(const Answer&) const = default;
};

// Of a plan whose Timeline takes `makespan`.
Answer answer_of(const Scenario&, const Calibration&, const Plan&, Tick makespan, Bytes memory, bool shared);
Answer no_answer(const Scenario&, Outcome, std::string message);

enum class Measure : std::uint8_t {
  gpus,
  step_time,
  days,
  dollars,
  dollars_per_million_tokens,
  memory,
  tokens_per_second,
  mfu
};
inline constexpr std::size_t measure_count = 8;
std::string_view name(Measure);
std::span<const std::string_view> measure_names();
constexpr bool more_is_better(Measure m) { return m >= Measure::tokens_per_second; }
// Days are days, memory GiB, the step seconds; nothing if it is unknown or the outcome is not ok.
std::optional<double> measured(const Answer&, Measure);

// The answers that no other is better than in one measure and no worse in the other, by the first measure,
// equal ones in order.
std::vector<std::size_t> pareto_front(std::span<const Answer>, Measure, Measure);

// Limits; 0: none.
struct Targets {
  Seconds step{}, run{};
  Dollars cost{}, per_million_tokens{};
  bool operator==(const Targets&) const = default;
};
// What is unknown meets no limit.
bool meets(const Answer&, const Targets&);
// Of the answers that meet the targets, the one of fewest GPUs; of those the cheapest, then the fastest, then
// the first.
std::optional<std::size_t> smallest(std::span<const Answer>, const Targets&);

}  // namespace orrery
