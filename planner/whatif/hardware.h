// The knobs of a machine: figures that one can buy more of, and what a step gains by each.
//
// Rates that a calibration holds in absolute numbers (fused attention, NVLink curves) were measured on a
// device as it is. A what-if that changes the device's figure scales them in proportion: at_hardware().
//
// A shadow price is the change of the step for one more unit of a knob, the derivative at the present figure.
// Under static replay it comes from the critical path: a class that lies on it n times adds n times the
// change of its price (critical_path.h says where that is exact). Under shared replay it is a central
// difference of two simulations at
// +-1/128, since a faster link may lengthen a step there.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "planner/whatif/answer.h"
#include "sim/scenario.h"

namespace orrery {

enum class Knob : std::uint8_t { flops, memory_bandwidth, memory, nvlink, nic, latency, launch };
inline constexpr std::size_t knob_count = 7;
std::string_view name(Knob);  // "NIC bandwidth"
std::string_view key(Knob);   // "nic"
std::string_view unit(Knob);  // that a shadow price is of: "Gb/s"; empty: none
// The first group's present figure in that unit.
double figure(Knob, const Scenario&);

// The calibration for devices and links of `now` where it was made for those of `base`. The same one where
// the two are different devices.
Calibration at_hardware(const Calibration&, const Cluster& base, const Cluster& now);

// Whether that is the calibration itself.
bool same_figures(const Cluster& base, const Cluster& now);

// Multiplies a knob's figures: of all groups of nodes, and the calibration's that mean the same.
void turn(Knob, double factor, Scenario&, Calibration&);

using Ask = std::function<Answer(const Scenario&, const Calibration&)>;

struct Effect {
  Knob knob = Knob::flops;
  Answer less, more;  // with the knob turned down and up
};
// Of each of the knobs turned by +-`by` (0.1: 10 %), the greatest change of the step first; without an answer
// counts as greatest.
std::vector<Effect> tornado(const Scenario&, const Calibration&, const Answer& base, double by,
                            std::span<const Knob>, const Ask&);
// Whether the better figure of a knob (more, of a latency or a launch less) gives the longer step. Static
// replay knows no such thing: shared replay does, where a transfer that ends sooner meets others.
bool hurts(const Effect&, const Answer& base);

struct ShadowPrice {
  Knob knob = Knob::flops;
  double step = 0;       // seconds of a step for one more unit; below 0: it gains
  double run = 0;        // dollars of the run at the present price of a GPU's hour
  bool by_path = false;  // by critical path, else by differences
};
// Of the rates, for a plan that fits. Ends in fail() where something can't be priced.
std::vector<ShadowPrice> shadow_prices(const Scenario&, const Calibration&, const Plan&);
// Of one more GiB of memory, which matters only to who may choose another plan: by `ask` at one GiB more.
ShadowPrice price_of_memory(const Scenario&, const Calibration&, const Answer& base, const Ask&);

}  // namespace orrery
