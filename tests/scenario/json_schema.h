// The JSON Schemas under scenarios/schema, checked by valijson: an opinion on our files that is independent
// of our readers. In one .cc, for nlohmann/json and valijson take seconds to compile.
#pragma once
#include <memory>
#include <string>

namespace orrery {

class JsonSchema {
 public:
  explicit JsonSchema(const std::string& kind);  // "plan": scenarios/schema/plan.schema.json
  ~JsonSchema();
  // Whether the schema accepts the file; `why` gets its first complaint if it does not.
  bool accepts(const std::string& path, std::string* why = nullptr) const;
  bool accepts_text(const std::string& json, std::string* why = nullptr) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace orrery
