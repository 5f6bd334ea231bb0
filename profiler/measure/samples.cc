#include "profiler/measure/samples.h"

#include <algorithm>
#include <vector>

#include "sim/base/error.h"

namespace orrery {

Repeats summarize(std::span<const double> samples) {
  ORRERY_CHECK(!samples.empty());
  std::vector<double> v(samples.begin(), samples.end());
  std::sort(v.begin(), v.end());
  const std::size_t last = v.size() - 1;
  const double median = v[(last + 1) / 2];
  const double quartiles = v[(3 * last + 2) / 4] - v[last / 4];
  return {median, median > 0 ? quartiles / 2 / median : 0, v.front()};
}

}  // namespace orrery
