#include "tests/scenario/json_schema.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace orrery {
namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;
const std::string folder = std::string(ORRERY_SOURCE_DIR) + "/scenarios/schema/";

nlohmann::json parse(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

nlohmann::json load(const std::string& path) { return parse(text_of(path)); }

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema;
};

JsonSchema::JsonSchema(const std::string& kind) : compiled_(std::make_unique<Compiled>()) {
  const nlohmann::json document = load(folder + kind + ".schema.json");
  valijson::SchemaParser parser;
  const auto fetch = [](const std::string& uri) { return new nlohmann::json(load(folder + uri)); };
  const auto free = [](const nlohmann::json* fetched) { delete fetched; };
  parser.populateSchema(Adapter(document), compiled_->schema, fetch, free);
}

JsonSchema::~JsonSchema() = default;

bool JsonSchema::accepts(const std::string& path, std::string* why) const {
  return accepts_text(text_of(path), why);
}

bool JsonSchema::accepts_text(const std::string& json, std::string* why) const {
  const nlohmann::json document = parse(json);
  valijson::Validator validator;
  valijson::ValidationResults results;
  const bool good = validator.validate(compiled_->schema, Adapter(document), &results);
  valijson::ValidationResults::Error error;
  if (why != nullptr && results.popError(error)) {
    *why = error.description;
    for (const std::string& part : error.context) *why += " " + part;
  }
  return good;
}

}  // namespace orrery
