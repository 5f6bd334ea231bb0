// The shipped models, read as a user would.
#pragma once
#include <fstream>
#include <iterator>
#include <string>

#include "sim/model/read.h"

namespace orrery {

inline Model model_from(std::string_view text, std::string_view file = "model.json") {
  const Json document = parse_json(text, file);
  return read_model(Reader(document, file));
}

inline std::string preset_text(const std::string& name) {
  std::ifstream in(std::string(ORRERY_SOURCE_DIR) + "/scenarios/models/" + name + ".json");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline Model preset(const std::string& name) { return model_from(preset_text(name), name + ".json"); }

}  // namespace orrery
