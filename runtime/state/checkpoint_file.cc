#include "runtime/state/checkpoint_file.h"

#include <charconv>

#include "runtime/state/hash64.h"
#include "sim/model/read.h"
#include "sim/plan/read.h"

namespace orrery {
namespace {

std::uint64_t read_count(const Reader& r, std::string_view key) {
  return static_cast<std::uint64_t>(r.integer(key, 0, INT64_MAX));
}

CheckpointInfo read_info(const Reader& r) {
  CheckpointInfo info;
  info.step = read_count(r, "step");
  info.seed = read_count(r, "seed");
  const Reader data = r.object("data");
  info.sequences = read_count(data, "sequences");
  info.dataset = data.string("path");
  info.dataset_digest = read_digest(data, "digest");
  data.done();
  info.model = read_model(r.object("model"));
  if (!info.model.unpriced.empty())
    r.fail_at("model", "a dense decoder, without " + info.model.unpriced.front());
  info.training = read_training(r.object("train"));
  info.plan = read_plan(r.object("plan"));
  info.settings = r.object("settings").value();
  return info;
}

}  // namespace

std::uint64_t read_digest(const Reader& r, std::string_view key) {
  const std::string digits = r.string(key);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 16 || error != std::errc() || end != digits.data() + digits.size())
    r.fail_at(key, "16 hexadecimal digits");
  return value;
}

std::string write_checkpoint_file(const CheckpointFile& c) {
  const CheckpointInfo& i = c.info;
  Json shards = Json::array();
  for (const CheckpointFile::Shard& s : c.shards)
    shards.push(Json::object({{"file", s.name}, {"bytes", s.size}, {"header", hex(s.header_digest)}}));
  return Json::object({{"schema", "orrery.checkpoint/1"},
                       {"step", static_cast<std::int64_t>(i.step)},
                       {"seed", static_cast<std::int64_t>(i.seed)},
                       {"data", Json::object({{"sequences", static_cast<std::int64_t>(i.sequences)},
                                              {"path", i.dataset},
                                              {"digest", hex(i.dataset_digest)}})},
                       {"model", write_model(i.model)},
                       {"train", write_training(i.training)},
                       {"plan", write_plan(i.plan)},
                       {"settings", i.settings},
                       {"shards", std::move(shards)}})
             .dump() +
         "\n";
}

CheckpointFile read_checkpoint_file(std::string_view text, const std::string& file) {
  const Json document = parse_json(text, file);
  Reader r(document, file);
  r.schema("orrery.checkpoint/1");
  CheckpointFile out{read_info(r), {}};
  for (const Reader& shard : r.array("shards")) {
    out.shards.push_back(
        {shard.string("file"), shard.integer("bytes", 0, INT64_MAX), read_digest(shard, "header")});
    if (out.shards.back().name.find('/') != std::string::npos)
      shard.fail_at("file", "a name without a directory");
    shard.done();
  }
  r.done();
  return out;
}

CheckpointFile open_checkpoint(const std::string& directory) {
  const std::string path = directory + "/" + std::string(checkpoint_file_name);
  CheckpointFile out = read_checkpoint_file(MappedFile(path).text(), path);
  for (const CheckpointFile::Shard& s : out.shards) {
    const std::int64_t size = file_size(directory + "/" + s.name);
    if (size != s.size)
      fail({directory + "/" + s.name, {}}, std::to_string(s.size) + " bytes, as checkpoint.json says",
           size < 0 ? "no such file" : std::to_string(size));
  }
  return out;
}

}  // namespace orrery
