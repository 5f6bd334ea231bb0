// What Galvatron (PKU-DAIR/Hetu-Galvatron, version 3.0) knows before it searches, in its own units:
// milliseconds, and MB of 2^20 bytes. Filled from measurements that profiler/import has read; what its search
// needs and the files don't hold ends in fail(), with the member that would do.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "profiler/import/profile.h"

namespace orrery::galvatron {

struct Line {
  double slope = 0, intercept = 0;
  double at(double x) const { return slope * x + intercept; }
};

// Times of a collective of one group size, by message.
struct Latency {
  std::map<double, double> points;  // ms by MB
  Line fit;                         // through all of them, for other sizes
  double of(double megabytes) const;
};

// Memory beside the layers on one kind of stage, MB: fp32 states by tensor-parallel degree, activations of a
// sequence by the degree that splits it.
struct Beside {
  std::map<int, double> states, activation;
};

// What the profile files don't say.
struct Shape {
  int nodes = 1, gpus_per_node = 1;
  int layers = 0;
  std::int64_t hidden = 0, sequence = 0;

  int gpus() const { return nodes * gpus_per_node; }
};

struct Profile : Shape {
  Line layer, other;                 // forward time of x sequences: of one layer, of embedding and head
  double parameters = 0;             // of one layer, MB in fp32
  std::map<int, double> activation;  // of one layer and sequence, MB by tp or sp
  double recomputed = 0;             // the same of a layer that is recomputed, on one device
  Beside whole, first, last;         // without a pipeline; its first and last stage

  std::map<int, double> adjacent, strided;  // all-reduce bus bandwidth, MB/ms by group size
  std::map<int, double> messages;           // MB/ms by stages
  std::map<int, Latency> all_gather, all_to_all;
  double overlap = 0;  // slowdown of compute and communication that run together

  std::vector<std::string> notes;  // what was taken in place of something missing
};

// One source a file. `collectives` may be empty: all-gathers are then priced by all-reduce bandwidth, and
// all-to-alls are not to be had.
struct ProfileFiles {
  Source bandwidths, messages, overlap, collectives, computation, memory;
};
Profile make_profile(const ProfileFiles&, const Shape&);

}  // namespace orrery::galvatron
