// What repeats of one measurement say: the median, which other work on the machine moves least; the mean,
// which sums of many add up to; and the spread.
#pragma once
#include <span>

namespace orrery {

struct Repeats {
  double median = 0;
  double mean = 0;    // without the largest tenth
  double spread = 0;  // half the distance of the quartiles, over the median
  double least = 0;
};

// Of one sample or more. Quantiles fall on samples, so that few repeats do not invent values.
Repeats summarize(std::span<const double> samples);

}  // namespace orrery
