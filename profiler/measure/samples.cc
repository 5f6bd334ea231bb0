#include "profiler/measure/samples.h"

#include <algorithm>
#include <numeric>
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
  const std::size_t counted = v.size() - v.size() / 10;
  const double sum = std::accumulate(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(counted), 0.0);
  return {median, sum / static_cast<double>(counted), median > 0 ? quartiles / 2 / median : 0, v.front()};
}

}  // namespace orrery
