#include "planner/galvatron/cost.h"

#include <algorithm>
#include <cmath>

namespace orrery::galvatron {
namespace {

constexpr double mega = 1048576.0;
constexpr double context = 1024;  // MB that CUDA and PyTorch take
constexpr double bytes = 2;       // of an element of activations and gradients
constexpr double millisecond = 1e-3;

std::int64_t local_batch(const Division& d, const Strategy& s) { return d.batch / d.micro_batches / s.dp; }

// Backward and gradient reduction at once, each slowed by `overlap`.
double overlapped(double backward, double reduction, double overlap) {
  return std::max(backward, reduction) + (overlap - 1) * std::min(backward, reduction);
}

// The same for embedding and head, where only computing is slowed.
double beside_overlapped(double compute, double communication, double overlap) {
  return compute * overlap > communication ? compute + communication * (1 - 1 / overlap) : communication;
}

// Of states of 16 bytes a parameter, what stays on a device. Eighths are the 2-byte pieces that are not
// sharded; 0.003 is Galvatron's allowance.
double kept(const Division& d, const Strategy& s) {
  const double share = 1.0 / s.shards() + 0.003;
  const bool once = d.micro_batches == 1;
  switch (s.sharding) {
    case Sharding::zero3:
      return once ? share : 7.0 / 8 * share + 1.0 / 8;
    case Sharding::zero2:
      return once ? 7.0 / 8 * share + 1.0 / 8 : 6.0 / 8 * share + 2.0 / 8;
    case Sharding::ddp:
      break;
  }
  return 1;
}

const Beside& beside_of(const Profile& p, int stages, int stage) {
  return stages == 1 ? p.whole : stage == 0 ? p.first : p.last;
}

}  // namespace

double CostModel::message(double sequences) const {
  return sequences * static_cast<double>(profile_.sequence * profile_.hidden) * bytes / mega;
}

double CostModel::gradient_rate(const Strategy& s) const {
  const int ranks = s.shards();
  if (ranks == 1) return 0;
  const bool strided = s.tp > 1 && ranks < profile_.gpus();
  return 1 / (strided ? profile_.strided : profile_.adjacent).at(ranks);
}

double CostModel::all_gather(const Division& d, const Strategy& s) const {
  return s.tp == 1 ? 0 : profile_.all_gather.at(s.tp).of(message(static_cast<double>(local_batch(d, s))));
}

bool CostModel::knows_layer(const Strategy& s) const {
  return profile_.activation.count(s.split()) && (s.tp == 1 || profile_.all_gather.count(s.tp)) &&
         (s.sp == 1 || profile_.all_to_all.count(s.sp));
}

bool CostModel::knows_beside(const Strategy& s, int stages) const {
  const auto has = [&](const Beside& b) { return b.states.count(s.tp) && b.activation.count(s.split()); };
  if (s.tp > 1 && !profile_.all_gather.count(s.tp)) return false;
  return stages == 1 ? has(profile_.whole) : has(profile_.first) && has(profile_.last);
}

Cost CostModel::layer(const Division& d, const Strategy& s, int stage) const {
  const Profile& p = profile_;
  const auto sequences = static_cast<double>(local_batch(d, s));
  const double forward = p.layer.at(sequences / s.split());
  const double backward = (s.recompute ? 3 : 2) * forward;
  const double shards = s.shards();
  const double reduction = (shards - 1) / shards * p.parameters / s.tp * gradient_rate(s);

  double rest = forward;
  const double again = s.recompute ? 1.5 : 1;
  if (s.tp > 1) rest += 6 * again * all_gather(d, s);
  if (s.sp > 1) rest += 4 * again * p.all_to_all.at(s.sp).of(message(sequences));
  if (s.sharding == Sharding::zero3) rest += 0.5 * reduction;
  if (d.stages > 1) rest += d.stages * 2 * message(sequences) / p.messages.at(d.stages) / p.layers;

  const double in_flight = d.stages - stage;
  return {.synchronised =
              millisecond * (rest + (s.dp > 1 ? overlapped(backward, reduction, p.overlap) : backward)),
          .plain = millisecond * (rest + backward),
          .states = 4 * p.parameters / s.tp * kept(d, s),
          .activation =
              (s.recompute ? p.recomputed / s.split() : p.activation.at(s.split())) * sequences * in_flight};
}

Cost CostModel::beside(const Division& d, const Strategy& s, int stage) const {
  if (stage > 0 && stage < d.stages - 1) return {.states = context};
  const Profile& p = profile_;
  const Beside& memory = beside_of(p, d.stages, stage);
  const auto sequences = static_cast<double>(local_batch(d, s));
  const double ends = d.stages == 1 ? 1 : 2;
  const double forward = p.other.at(sequences / s.split() / s.cp) / ends;
  const double shards = s.shards();
  const double states = memory.states.at(s.tp);
  const double reduction = states / 4 / 2 * gradient_rate(s) * (shards - 1) / shards;
  const bool zero3 = s.sharding == Sharding::zero3;

  const double gathers = (d.stages == 1 ? 2 : 1) * all_gather(d, s);
  const double head = gathers + beside_overlapped(forward, zero3 ? 0.5 * reduction : 0, p.overlap);
  const auto tail = [&](double share) {
    return beside_overlapped(2 * forward, share * reduction, p.overlap);
  };
  const double in_flight = d.stages - stage;
  return {.synchronised = millisecond * (head + tail(zero3 ? 1 : 0.5)),
          .plain = millisecond * (head + tail(zero3 ? 0.5 : 0)),
          .states = states * kept(d, s) + context,
          .activation = memory.activation.at(s.split()) * sequences * in_flight};
}

std::int64_t CostModel::gather_buffer(const Division& d, int widest) const {
  const double replicas = static_cast<double>(profile_.gpus() / d.stages / widest);
  const double sequences = static_cast<double>(d.batch) / static_cast<double>(d.micro_batches) / replicas;
  return static_cast<std::int64_t>(message(sequences));
}

std::int64_t usable(std::int64_t megabytes) {
  return megabytes / 1024 > 20 ? megabytes - static_cast<std::int64_t>(static_cast<double>(megabytes) * 0.2)
                               : megabytes;
}

Tick step_time(std::span<const StageTime> stages, std::int64_t micro_batches, Bottleneck bottleneck) {
  Tick sum{}, slowest{}, exposed{};
  for (const StageTime& s : stages) {
    sum += s.plain;
    slowest = std::max(slowest, s.plain);
    exposed = std::max(exposed, s.synchronised - sum);
  }
  if (bottleneck == Bottleneck::every_stage) return sum + (micro_batches - 1) * slowest + exposed;
  const auto p = static_cast<std::int64_t>(stages.size());
  const Tick first = stages.front().plain;
  const Tick by_last = sum + (micro_batches - 1) * stages.back().plain;
  const Tick by_first = std::max((p - 1) * first, sum - first) + (micro_batches + 1 - p) * first;
  return std::max(by_last, by_first) + exposed;
}

}  // namespace orrery::galvatron
