// What failures and checkpoints leave of a long run. Failures are a Poisson process of rate ranks / MTBF; a
// checkpoint stalls the run for d, every t of useful time; a failure costs a restart R and what was computed
// since the last checkpoint. With M the mean time between failures of the whole run:
//   elapsed time per useful time = exp(R/M) * M * (exp((t + d)/M) - 1) / t   (exact)
// Intervals: Young 1974, sqrt(2 d M); Daly 2006, sqrt(2 d M) * (1 + sqrt(d/2M)/3 + d/18M) - d if d < 2M,
// else M.
#pragma once
#include "sim/cluster/cluster.h"

namespace orrery {

Seconds young_interval(Seconds checkpoint, Seconds mtbf);
Seconds daly_interval(Seconds checkpoint, Seconds mtbf);

struct Goodput {
  bool modelled = false;  // some of failures and checkpoints is given; else useful is 1
  Seconds mtbf{};         // of the whole run; 0: no failures
  Seconds interval{};     // between checkpoints: as given, else Daly's; 0: none
  bool interval_given = false;
  Seconds best_interval{};  // Daly's; 0: no failures or no cost of a checkpoint
  double useful = 1;        // useful time over elapsed time
  double useful_best = 1;   // ... with best_interval
  double checkpoints = 0;   // share of elapsed time in checkpoints
  double failures = 0;      // ... in restarts and work done twice
  bool operator==(const Goodput&) const = default;
};
Goodput goodput(const Reliability&, int ranks);

}  // namespace orrery
