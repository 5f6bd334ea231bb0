#include "sim/model/model.h"

namespace orrery {

std::vector<std::string> unpriced_parts(const Model& model) {
  bool latent = false, experts = false, encoder = false, cross = false, widths = false, bidirectional = false,
       parallel = false;
  for (const Layer& layer : model.kinds) {
    latent = latent || layer.attention.latent.has_value();
    experts = experts || std::holds_alternative<Moe>(layer.mlp);
    encoder = encoder || layer.encoder;
    cross = cross || layer.cross.has_value();
    bidirectional = bidirectional || !layer.attention.causal;
    parallel = parallel || layer.parallel_residual;
    widths = widths || layer.hidden != model.hidden || layer.token_divisor != 1;
  }
  std::vector<std::string> parts;
  if (model.patches) parts.push_back("image models");
  if (cross)
    parts.push_back("encoder-decoder models");
  else if (encoder || bidirectional)
    parts.push_back("bidirectional encoders");
  if (experts) parts.push_back("mixture-of-experts layers");
  if (latent) parts.push_back("multi-head latent attention");
  if (parallel) parts.push_back("parallel residuals");
  if (widths) parts.push_back("layers of different widths");
  return parts;
}

std::optional<std::string> not_priced(const Model& model, std::int64_t sequence) {
  if (!model.unpriced.empty()) return model.unpriced.front() + " (" + model.name + ")";
  for (const Layer& layer : model.kinds) {
    const int window = layer.attention.window;
    if (window > 0 && window < sequence) {
      return "attention windows of " + std::to_string(window) + " tokens, smaller than the sequence of " +
             std::to_string(sequence);
    }
  }
  return {};
}

}  // namespace orrery
