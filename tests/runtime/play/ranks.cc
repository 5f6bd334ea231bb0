#include "tests/runtime/play/ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "runtime/launch/plug_in.h"
#include "runtime/state/initial.h"
#include "runtime/train/weights.h"
#include "sim/base/error.h"
#include "sim/base/half.h"
#include "sim/base/hash.h"
#include "sim/program/compile.h"

#ifdef __SANITIZE_THREAD__
// oneDNN is not instrumented: the locks of the cache of primitives that all threads share are not seen.
extern "C" const char* __tsan_default_suppressions() { return "race:libdnnl.so\n"; }
#endif

namespace orrery::testing {
namespace {

// One training run; each rank is a thread.
class Run {
 public:
  Run(const Model& model, const Cluster& cluster, const Training& training, const Plan& plan,
      const TrainOptions& options)
      : setup_{model, training, plan},
        options_(options),
        program_(compile(model, cluster, training, plan, Ranks::all)),
        region_(static_cast<std::uint32_t>(plan.ranks()), {std::int64_t{64} << 20}, comm::Sharing::threads) {
    out_.losses.resize(static_cast<std::size_t>(options.steps));
    out_.gradient_norms.resize(static_cast<std::size_t>(options.steps));
    out_.gradients.resize(static_cast<std::size_t>(options.steps));
    for (const CanonicalTensor& t : canonical_tensors(model)) {
      const std::vector<float> zeros(static_cast<std::size_t>(t.rows * t.columns), 0.0F);
      columns_[t.name] = t.columns;
      out_.weights[t.name] = zeros;
      for (Tensors& g : out_.gradients) g[t.name] = zeros;
    }
  }

  Trained run() {
    std::vector<std::thread> threads;
    for (std::uint32_t r = 0; r < region_.ranks(); ++r)
      threads.emplace_back([this, r] {
        try {
          play(r);
        } catch (const DeviceError& e) {
          ADD_FAILURE() << "rank " << r << ": " << e.what();
          region_.board().abort(r, e.what());
        }
      });
    for (std::thread& t : threads) t.join();
    return std::move(out_);
  }

 private:
  void play(std::uint32_t rank) {
    const comm::Watchdog watchdog(rank, region_.board(), {.wait_ms = 20'000});
    comm::MemoryChannel channel(region_, rank);
    comm::Engine engine(rank, channel, region_.bell(rank), region_.board(), region_.arena(rank),
                        {.fixed_order = options_.fixed_order});
    if (options_.plug_in.empty()) {
      CpuBackend backend(engine, region_.arena(rank));
      return play(rank, backend);
    }
    orrery::World world(engine, rank, region_.ranks());
    BoardLink link(world, region_.board());
    play(rank, *load_backend(options_.plug_in, {rank, region_.ranks(), rank, &link}));
    world.barrier();
  }

  void play(std::uint32_t rank, Backend& backend) {
    Player player(setup_, program_, rank, backend,
                  [this](std::uint64_t step, std::int64_t first, std::int64_t sequences,
                         std::span<std::int64_t> out) { fetch(step, first, sequences, out); });
    const Coordinates at = coordinates(setup_.plan, rank);
    const InitialWeights initial(setup_.model, options_.seed);
    load_state(setup_, at, player.holdings(), from_weights(initial), backend);
    StepArguments arguments = options_.arguments;
    for (int step = 0; step < options_.steps; ++step, ++arguments.step) {
      const StepResult result = player.step(arguments);
      const std::lock_guard lock(mutex_);
      const auto s = static_cast<std::size_t>(step);
      out_.gradient_norms[s] = result.gradient_norm;
      if (result.has_loss)
        out_.losses[s] +=
            result.loss_sum / static_cast<double>(setup_.training.global_batch * setup_.training.sequence);
      for (const Holding& h : player.holdings().holdings)
        if (h.counted)
          collect(backend, at, h, h.segment.gradient, h.segment.gradient_type, out_.gradients[s]);
    }
    const std::lock_guard lock(mutex_);
    for (const Holding& h : player.holdings().holdings) {
      if (!h.counted) continue;
      if (h.segment.master)
        collect(backend, at, h, h.segment.master, DType::fp32, out_.weights);
      else
        collect(backend, at, h, h.segment.weight, h.segment.weight_type, out_.weights);
    }
  }

  void fetch(std::uint64_t step, std::int64_t first, std::int64_t sequences,
             std::span<std::int64_t> out) const {
    const std::int64_t length = setup_.training.sequence, vocab = setup_.model.vocab;
    for (std::int64_t i = 0; i < sequences; ++i) {
      const std::int64_t number = static_cast<std::int64_t>(step) * setup_.training.global_batch + first + i;
      for (std::int64_t k = 0; k < length; ++k) {
        out[static_cast<std::size_t>(i * length + k)] = token(number, k, vocab);
        out[static_cast<std::size_t>((sequences + i) * length + k)] = token(number, k + 1, vocab);
      }
    }
  }

  void collect(Backend& backend, const Coordinates& at, const Holding& h, const void* on_device, DType type,
               Tensors& to) {
    std::vector<std::byte> data(static_cast<std::size_t>(h.segment.count * size_of(type)));
    backend.copy(data.data(), on_device, {static_cast<std::int64_t>(data.size())}, Stream::to_host);
    backend.synchronize();
    for (const Placement& p : placements(setup_, at, *h.weight, h.begin, h.end)) {
      std::vector<float>& tensor = to.at(p.slice.tensor);
      const std::int64_t width = columns_.at(p.slice.tensor);
      for (std::int64_t i = 0; i < p.slice.elements(); ++i) {
        const std::int64_t row = p.slice.row + i / p.slice.columns,
                           column = p.slice.column + i % p.slice.columns;
        const std::int64_t from = p.offset + i;
        tensor[static_cast<std::size_t>(row * width + column)] =
            type == DType::fp32 ? reinterpret_cast<const float*>(data.data())[from]
                                : to_float(reinterpret_cast<const Bf16*>(data.data())[from]);
      }
    }
  }

  const Setup setup_;
  const TrainOptions& options_;
  const Program program_;
  comm::Region region_;
  std::map<std::string, std::int64_t> columns_;
  std::mutex mutex_;  // of out_
  Trained out_;
};

}  // namespace

std::int64_t token(std::int64_t sequence, std::int64_t i, std::int64_t vocab) {
  return static_cast<std::int64_t>(mix(static_cast<std::uint64_t>(sequence * 1000 + i)) %
                                   static_cast<std::uint64_t>(vocab));
}

Trained train(const Model& model, const Cluster& cluster, const Training& training, const Plan& plan,
              const TrainOptions& options) {
  return Run(model, cluster, training, plan, options).run();
}

Difference difference(const Tensors& a, const Tensors& b) {
  const auto largest = [](const std::vector<float>& values) {
    double out = 0;
    for (const float v : values) out = std::max(out, std::abs(double{v}));
    return out;
  };
  double all = 0;
  for (const auto& [name, values] : b) all = std::max(all, largest(values));
  Difference out;
  for (const auto& [name, values] : b) {
    const double scale = std::max(largest(values), all / 1000);
    const std::vector<float>& other = a.at(name);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double d = std::abs(double{values[i]} - double{other[i]}) / scale;
      if (!(d <= out.relative)) out = {d, name + "[" + std::to_string(i) + "]"};
    }
  }
  return out;
}

}  // namespace orrery::testing
