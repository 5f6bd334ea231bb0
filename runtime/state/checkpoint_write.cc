#include <algorithm>
#include <charconv>
#include <map>

#include "runtime/state/checkpoint.h"
#include "runtime/state/checkpoint_file.h"
#include "runtime/state/hash64.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

std::string digits(std::uint64_t value, std::size_t width) {
  const std::string text = std::to_string(value);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

std::string shard_name(std::uint32_t rank) { return "rank-" + digits(rank, 5) + ".safetensors"; }

// The step of "step-000050".
std::optional<std::uint64_t> step_of(std::string_view name) {
  constexpr std::string_view prefix = "step-";
  if (!name.starts_with(prefix)) return {};
  std::uint64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + prefix.size(), end, step);
  if (error != std::errc() || at != end) return {};
  return step;
}

ByteSpan bytes_of(const OwnedSlice& owned) {
  return {static_cast<const std::byte*>(owned.data),
          static_cast<std::size_t>(owned.slice.elements() * size_of(owned.dtype))};
}

Json slice_metadata(const OwnedSlice& owned, const CanonicalTensor& tensor) {
  const Slice& s = owned.slice;
  return Json::object({{"state", name(owned.state)},
                       {"tensor", s.tensor},
                       {"shape", Json::array({tensor.rows, tensor.columns})},
                       {"begin", Json::array({s.row, s.column})},
                       {"digest", hex(hash64(bytes_of(owned)))}});
}

}  // namespace

void append_owned(State state, std::span<const Placement> placements, DType dtype, const void* data,
                  std::vector<OwnedSlice>& out) {
  for (const Placement& p : placements)
    if (p.owned)
      out.push_back({state, p.slice, dtype, static_cast<const std::byte*>(data) + p.offset * size_of(dtype)});
}

std::string Checkpoints::path(std::uint64_t step) const { return directory_ + "/step-" + digits(step, 6); }

std::string Checkpoints::partial(std::uint64_t step) const {
  return directory_ + "/.step-" + digits(step, 6) + ".partial";
}

void Checkpoints::begin(std::uint64_t step) {
  disk_.make_directory(directory_);
  for (const std::string& name : list_directory(directory_))
    if (name.starts_with(".step-")) remove_tree(disk_, directory_ + "/" + name);
  disk_.make_directory(partial(step));
}

void Checkpoints::write_shard(const Model& model, std::uint64_t step, std::uint32_t rank,
                              std::span<const OwnedSlice> owned) {
  std::map<std::string, CanonicalTensor, std::less<>> tensors;
  for (CanonicalTensor& t : canonical_tensors(model)) tensors.emplace(t.name, t);
  std::vector<NewTensor> entries;
  std::vector<std::pair<std::string, std::string>> metadata{{"format", "orrery.checkpoint/1"}};
  for (const OwnedSlice& o : owned) {
    const auto tensor = tensors.find(o.slice.tensor);
    ORRERY_CHECK(tensor != tensors.end());
    std::string entry = std::string(name(o.state)) + " " + text(o.slice);
    metadata.emplace_back(entry, slice_metadata(o, tensor->second).dump(false));
    entries.push_back({std::move(entry),
                       o.dtype,
                       {o.slice.rows, o.slice.columns},
                       [bytes = bytes_of(o)](const auto& append) { append(bytes); }});
  }
  write_safetensors(disk_, partial(step) + "/" + shard_name(rank), entries, metadata);
}

void Checkpoints::commit(const CheckpointInfo& info, std::uint32_t ranks) {
  const std::string from = partial(info.step), to = path(info.step);
  CheckpointFile file{info, {}};
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    const Safetensors shard(from + "/" + shard_name(rank));
    file.shards.push_back({shard_name(rank), shard.size(), shard.header_digest()});
  }
  write_whole(disk_, from + "/" + std::string(checkpoint_file_name), write_checkpoint_file(file));
  disk_.sync_directory(from);
  const std::vector<std::string> names = list_directory(directory_);
  const bool replaces = std::ranges::binary_search(names, to.substr(directory_.size() + 1));
  if (replaces)
    disk_.exchange(from, to);
  else
    disk_.rename(from, to);
  disk_.sync_directory(directory_);
  if (replaces) remove_tree(disk_, from);
}

void Checkpoints::prune(std::size_t keep) {
  std::vector<Found> complete = list();
  std::erase_if(complete, [](const Found& f) { return !f.problem.empty(); });
  for (std::size_t i = 0; i + keep < complete.size(); ++i) {
    const std::string hidden = partial(complete[i].step);
    remove_tree(disk_, hidden);
    disk_.rename(complete[i].path, hidden);
    remove_tree(disk_, hidden);
  }
}

std::vector<Checkpoints::Found> Checkpoints::list() const {
  std::vector<Found> out;
  for (const std::string& name : list_directory(directory_)) {
    const std::optional<std::uint64_t> step = step_of(name);
    if (!step) continue;
    out.push_back({*step, directory_ + "/" + name, {}});
    try {
      if (open_checkpoint(out.back().path).info.step != *step) out.back().problem = "it is of another step";
    } catch (const InputError& error) {
      out.back().problem = error.what();
    }
  }
  std::ranges::stable_sort(out, {}, &Found::step);
  return out;
}

std::optional<Checkpoints::Found> Checkpoints::latest() const {
  const std::vector<Found> all = list();
  const auto newest =
      std::find_if(all.rbegin(), all.rend(), [](const Found& f) { return f.problem.empty(); });
  if (newest == all.rend()) return {};
  return *newest;
}

}  // namespace orrery
