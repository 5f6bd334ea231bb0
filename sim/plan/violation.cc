// Legality of a plan, rule by rule, in the order in which a user would mend them.
#include <algorithm>

#include "sim/plan/plan.h"

namespace orrery {
namespace {

using Found = std::optional<Violation>;

std::string number(std::int64_t v) { return std::to_string(v); }

Found mistake(std::string pointer, std::string message) {
  return Violation{std::move(pointer), std::move(message)};
}
Found unsupported(std::string pointer, std::string what) {
  return Violation{std::move(pointer), "not supported: " + std::move(what), true};
}

Found degrees(const Cluster& cluster, const Plan& plan) {
  const std::pair<const char*, int> all[] = {
      {"/tp", plan.tp}, {"/cp", plan.cp}, {"/dp", plan.dp}, {"/pp", plan.pp}, {"/ep", plan.ep}};
  for (const auto& [pointer, degree] : all)
    if (degree < 1) return mistake(pointer, "a degree is at least 1, not " + number(degree));
  const std::int64_t product = std::int64_t{plan.tp} * plan.cp * plan.dp * plan.pp;
  if (product != cluster.ranks()) {
    return mistake("", "tp*cp*dp*pp = " + number(product) + " ranks, but the cluster has " +
                           number(cluster.ranks()) + " devices");
  }
  if (plan.ep > 1) return unsupported("/ep", "expert parallelism (ep = " + number(plan.ep) + ")");
  return {};
}

Found shards(const Model& model, const Training& training, const Plan& plan) {
  for (const Layer& layer : model.kinds) {
    const Attention& a = layer.attention;
    if (a.heads % plan.tp != 0)
      return mistake("/tp", "tensor parallelism of " + number(plan.tp) + " does not divide " +
                                number(a.heads) + " heads");
    if (a.kv_heads % plan.tp != 0 && plan.tp % a.kv_heads != 0) {
      return mistake("/tp", "tensor parallelism of " + number(plan.tp) +
                                " neither divides nor is a multiple of " + number(a.kv_heads) +
                                " key/value heads");
    }
    if (const Mlp* mlp = std::get_if<Mlp>(&layer.mlp); mlp && mlp->ffn % plan.tp != 0)
      return mistake("/tp", "tensor parallelism of " + number(plan.tp) +
                                " does not divide the feed-forward width " + number(mlp->ffn));
  }
  if (plan.sequence_parallel && plan.tp == 1)
    return mistake("/sequence_parallel", "sequence parallelism needs tensor parallelism (tp > 1)");
  // In zig-zag order a rank holds one part from either end, so that causal work is equal (Megatron-LM has
  // this rule).
  if (plan.cp > 1 && training.sequence % (2 * std::int64_t{plan.cp}) != 0) {
    return mistake("/cp", "context parallelism of " + number(plan.cp) + " cuts a sequence into " +
                              number(2 * std::int64_t{plan.cp}) + " equal parts, which " +
                              number(training.sequence) + " tokens do not allow");
  }
  if (plan.cp > 1 && plan.attention == AttentionKernel::unfused)
    return unsupported("/cp", "context parallelism with unfused attention");
  if (plan.sequence_parallel && plan.micro_batch * training.sequence / plan.cp % plan.tp != 0) {
    return mistake("/sequence_parallel",
                   "sequence parallelism over " + number(plan.tp) + " ranks does not divide " +
                       number(plan.micro_batch * training.sequence / plan.cp) + " tokens of a micro-batch");
  }
  const bool scattered = plan.pp > 1 && plan.tp > 1 && !plan.sequence_parallel && plan.scatter_gather;
  if (scattered && model.hidden % plan.tp != 0) {
    return mistake("/scatter_gather", "tensor parallelism of " + number(plan.tp) +
                                          " does not divide a message of hidden width " +
                                          number(model.hidden) + "; without scatter_gather it is sent whole");
  }
  return {};
}

Found batches(const Training& training, const Plan& plan) {
  if (plan.micro_batch < 1) return mistake("/micro_batch", "a micro-batch has at least 1 sequence");
  const std::int64_t wave = plan.micro_batch * plan.dp;
  if (training.global_batch % wave != 0 || training.global_batch < wave) {
    return mistake("/micro_batch", "micro-batch * dp = " + number(wave) +
                                       " does not divide the global batch of " +
                                       number(training.global_batch));
  }
  return {};
}

Found stages(const Model& model, const Training& training, const Plan& plan) {
  const std::int64_t chunks = std::int64_t{plan.pp} * plan.virtual_stages;
  if (plan.virtual_stages < 1) return mistake("/virtual_stages", "a rank has at least 1 virtual stage");
  if (plan.stage_layers.empty() && chunks > model.depth())
    return mistake("/pp", number(chunks) + " virtual stages for " + number(model.depth()) + " layers");
  if (!plan.stage_layers.empty()) {
    if (static_cast<std::int64_t>(plan.stage_layers.size()) != chunks)
      return mistake("/stage_layers", number(static_cast<std::int64_t>(plan.stage_layers.size())) +
                                          " entries for " + number(chunks) + " virtual stages");
    std::int64_t sum = 0;
    for (int n : plan.stage_layers) {
      if (n < 0) return mistake("/stage_layers", "a virtual stage of " + number(n) + " layers");
      sum += n;
    }
    for (std::size_t i = 1; i + 1 < plan.stage_layers.size(); ++i)
      if (plan.stage_layers[i] == 0)
        return unsupported("/stage_layers", "a virtual stage without layers between others");
    if (chunks == 1 && plan.stage_layers[0] == 0)
      return mistake("/stage_layers", "the only stage has no layers");
    if (sum != model.depth())
      return mistake("/stage_layers",
                     "the stages hold " + number(sum) + " layers, the model has " + number(model.depth()));
  }
  if (plan.layers.size() != 1 && plan.layers.size() != static_cast<std::size_t>(model.depth())) {
    return mistake("/layers", number(static_cast<std::int64_t>(plan.layers.size())) +
                                  " layer strategies for " + number(model.depth()) +
                                  " layers (one for all, or one a layer)");
  }
  const bool interleaved = plan.schedule == Schedule::interleaved;
  if (interleaved != (plan.virtual_stages > 1) || (interleaved && plan.pp == 1)) {
    return mistake("/schedule", interleaved ? "the interleaved schedule needs pp > 1 and virtual_stages > 1"
                                            : "virtual stages need the interleaved schedule");
  }
  if (interleaved && micro_batches(training, plan) % plan.pp != 0) {
    return mistake("/schedule", "the interleaved schedule needs a multiple of pp = " + number(plan.pp) +
                                    " micro-batches, not " + number(micro_batches(training, plan)));
  }
  return {};
}

Found options(const Plan& plan) {
  if (plan.prefetch < 0 || plan.prefetch > 64) return mistake("/prefetch", "prefetch is 0 to 64 units");
  if (plan.receive_ahead < 0 || plan.receive_ahead > 1)
    return mistake("/receive_ahead", "a receive is posted 0 or 1 actions ahead");
  if (plan.send_slots < 1) return mistake("/send_slots", "a stage has at least 1 send slot");
  if (plan.bucket_parameters < 1) return mistake("/bucket_parameters", "a bucket has at least 1 parameter");
  for (const LayerStrategy& s : plan.layers)
    if (s.zero == Zero::full && !s.reshard && plan.pp > 1)
      return unsupported("/layers", "keeping gathered parameters (reshard false) in a pipeline");
  return {};
}

// The gradients of the embedding and of its copy in the head are summed part by part.
Found tied_ends(const Model& model, const Plan& plan) {
  if (model.tied && plan.pp > 1 && plan.dp * plan.cp > 1 &&
      plan.layers.front().zero != plan.layers.back().zero)
    return unsupported("/layers",
                       "tied embeddings in a pipeline whose first and last layer are cut differently (zero " +
                           number(static_cast<int>(plan.layers.front().zero)) + " and " +
                           number(static_cast<int>(plan.layers.back().zero)) + ")");
  return {};
}

// Gathered weights that are kept from the forward to the backward pass (the head's, and layers' without
// resharding) are there for one micro-batch.
Found kept_weights(const Plan& plan) {
  const bool full = std::any_of(plan.layers.begin(), plan.layers.end(),
                                [](const LayerStrategy& s) { return s.zero == Zero::full; });
  if (full && plan.pp == 1 && plan.schedule == Schedule::gpipe)
    return unsupported(
        "/schedule", "fully sharded parameters (zero 3) with all forward passes first (GPipe) on one stage");
  return {};
}

// What a Program can hold: a team's slot has 8 bits, a place of a stash and a buffer of a block 16. A step of
// 2^28 instructions has a timeline of 4 GiB; ids have 32 bits, so that some ranks a stage may differ. Rows
// and buffers of a layer are bounded from above (tests/plan holds the bounds against compile()).
Found sizes(const Model& model, const Training& training, const Plan& plan) {
  constexpr std::int64_t most_slots = 256, most_places = 65'536, most_instructions = 268'435'456;
  const std::int64_t m = micro_batches(training, plan), chunks = std::int64_t{plan.pp} * plan.virtual_stages;
  if (plan.pp > most_slots)
    return unsupported("/pp", "more than 256 pipeline stages (" + number(plan.pp) + ")");
  if (plan.virtual_stages > most_slots)
    return unsupported("/virtual_stages",
                       "more than 256 virtual stages a rank (" + number(plan.virtual_stages) + ")");
  if (plan.schedule == Schedule::gpipe && m > most_places)
    return unsupported("/schedule", "GPipe with more than 65,536 micro-batches (" + number(m) + ")");
  const std::vector<int> layers = stage_layers(model, plan);
  const std::int64_t longest = *std::max_element(layers.begin(), layers.end());
  const std::int64_t buffers = longest * (48 + 2 * std::int64_t{plan.cp}) + 64;
  if (buffers > most_places) {
    return unsupported("/pp", "a virtual stage of " + number(longest) +
                                  " layers with cp = " + number(plan.cp) + ": up to " + number(buffers) +
                                  " buffers in a pass, more than 65,536");
  }
  const std::int64_t rows = m * (model.depth() * (64 + 6 * std::int64_t{plan.cp}) + 64 * chunks);
  if (rows > most_instructions)
    return unsupported("/micro_batch", "a step of up to " + number(rows) +
                                           " instructions of one rank a stage, more than 268,435,456");
  return {};
}

// Every rank of a stage computes on the same kind of device: a stage over several node groups has no one
// price.
Found devices(const Cluster& cluster, const Plan& plan) {
  const std::uint32_t stage = static_cast<std::uint32_t>(plan.tp * plan.cp * plan.dp);
  for (std::uint32_t s = 0; s < static_cast<std::uint32_t>(plan.pp); ++s)
    if (seat(cluster, {s * stage}).group != seat(cluster, {s * stage + stage - 1}).group)
      return unsupported("", "a pipeline stage over node groups of different devices");
  return {};
}

}  // namespace

std::optional<Violation> violation(const Model& model, const Cluster& cluster, const Training& training,
                                   const Plan& plan) {
  if (training.sequence < 1) return mistake("", "a sequence has at least 1 token");
  if (auto part = not_priced(model, training.sequence)) return unsupported("", std::move(*part));
  if (model.position == Position::learned && training.sequence > model.max_positions &&
      model.max_positions > 0) {
    return mistake("", "sequences of " + number(training.sequence) + " tokens, but " + model.name + " has " +
                           number(model.max_positions) + " learned positions");
  }
  if (Found v = degrees(cluster, plan)) return v;
  if (Found v = shards(model, training, plan)) return v;
  if (Found v = batches(training, plan)) return v;
  if (Found v = stages(model, training, plan)) return v;
  if (Found v = options(plan)) return v;
  if (Found v = tied_ends(model, plan)) return v;
  if (Found v = kept_weights(plan)) return v;
  if (Found v = sizes(model, training, plan)) return v;
  return devices(cluster, plan);
}

}  // namespace orrery
