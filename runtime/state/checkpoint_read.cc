#include <algorithm>
#include <map>
#include <tuple>

#include "runtime/state/checkpoint.h"
#include "runtime/state/checkpoint_file.h"
#include "runtime/state/hash64.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

bool meet(const Slice& a, const Slice& b) {
  return a.row < b.row + b.rows && b.row < a.row + a.rows && a.column < b.column + b.columns &&
         b.column < a.column + a.columns;
}

std::pair<std::int64_t, std::int64_t> read_pair(const Reader& r, std::string_view key) {
  const std::vector<Reader> both = r.array(key);
  if (both.size() != 2) r.fail_at(key, "two numbers");
  return {both[0].as_integer(0, INT64_MAX), both[1].as_integer(0, INT64_MAX)};
}

}  // namespace

CheckpointReader::CheckpointReader(const std::string& path) {
  CheckpointFile file = open_checkpoint(path);
  info_ = std::move(file.info);
  for (const CheckpointFile::Shard& s : file.shards) open_shard(path + "/" + s.name, s.header_digest);
  std::ranges::sort(stored_, {}, [](const Stored& s) {
    return std::tuple<State, std::string_view, std::int64_t, std::int64_t>(s.state, s.slice.tensor,
                                                                           s.slice.row, s.slice.column);
  });
  check_tiling(path);
}

void CheckpointReader::open_shard(const std::string& path, std::uint64_t header_digest) {
  files_.push_back(std::make_unique<Safetensors>(path));
  const Safetensors& file = *files_.back();
  if (file.header_digest() != header_digest)
    fail({path, {}}, "a header with the digest that checkpoint.json says", "another: the file is damaged");
  for (const auto& [entry, description] : file.header().metadata) {
    if (entry == "format") continue;
    const std::string where = path + ": __metadata__ of " + entry;
    const SafeTensor* tensor = file.find(entry);
    if (tensor == nullptr || tensor->shape.size() != 2)
      fail({where, {}}, "a matrix of this name in the file");
    const Json document = parse_json(description, where);
    const Reader r(document, where);
    const auto [rows, columns] = read_pair(r, "shape");
    const auto [row, column] = read_pair(r, "begin");
    stored_.push_back({static_cast<State>(r.word("state", state_words)),
                       {r.string("tensor"), row, tensor->shape[0], column, tensor->shape[1]},
                       files_.size() - 1,
                       tensor,
                       read_digest(r, "digest")});
    const Slice& s = stored_.back().slice;
    if (s.row > rows || s.rows > rows - s.row || s.column > columns || s.columns > columns - s.column)
      r.fail_at("shape", "a tensor that holds " + text(s));
    r.done();
  }
}

// Slices within their tensors that don't meet, and as many elements as the tensors have: each exactly once.
void CheckpointReader::check_tiling(const std::string& path) const {
  std::size_t found = 0;
  for (std::size_t state = 0; state < state_words.size(); ++state) {
    if (!has(static_cast<State>(state)) && state > 0) continue;
    for (const CanonicalTensor& t : canonical_tensors(info_.model)) {
      std::int64_t elements = 0;
      const std::span<const Stored> all = stored(static_cast<State>(state), t.name);
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Slice& s = all[i].slice;
        if (s.row + s.rows > t.rows || s.column + s.columns > t.columns)
          fail({files_[all[i].file]->path(), {}}, "slices of " + text(t.whole()), text(s));
        elements += s.elements();
        for (std::size_t k = i + 1; k < all.size() && all[k].slice.row < s.row + s.rows; ++k)
          if (meet(s, all[k].slice))
            fail({files_[all[i].file]->path(), {}}, "slices that don't overlap",
                 text(s) + " and " + text(all[k].slice));
      }
      if (elements != t.rows * t.columns)
        fail({path, {}},
             "all " + std::to_string(t.rows * t.columns) + " elements of " + t.name + " (" +
                 std::string(state_words[state]) + ")",
             std::to_string(elements));
      found += all.size();
    }
  }
  if (found != stored_.size()) fail({path, {}}, "slices of the model's tensors", "others");
}

std::span<const CheckpointReader::Stored> CheckpointReader::stored(State state,
                                                                   std::string_view tensor) const {
  using Key = std::pair<State, std::string_view>;
  const auto key = [](const Stored& s) { return Key(s.state, s.slice.tensor); };
  return {std::ranges::lower_bound(stored_, Key(state, tensor), {}, key),
          std::ranges::upper_bound(stored_, Key(state, tensor), {}, key)};
}

bool CheckpointReader::has(State state) const {
  return std::ranges::any_of(stored_, [&](const Stored& s) { return s.state == state; });
}

void CheckpointReader::verify(const Stored& s) const {
  if (s.verified) return;
  const Safetensors& file = *files_[s.file];
  if (hash64(file.bytes(*s.tensor)) != s.digest)
    fail({file.path(), "byte " + std::to_string(file.header().data + s.tensor->begin)},
         s.tensor->name + " with the digest " + hex(s.digest), "other data: the file is damaged");
  s.verified = true;
}

void CheckpointReader::verify() const {
  for (const Stored& s : stored_) verify(s);
}

void CheckpointReader::read(State state, const Slice& want, std::span<float> to) const {
  ORRERY_CHECK(std::ssize(to) == want.elements());
  std::int64_t copied = 0;
  for (const Stored& s : stored(state, want.tensor)) {
    if (!meet(s.slice, want)) continue;
    verify(s);
    const std::int64_t row = std::max(s.slice.row, want.row), column = std::max(s.slice.column, want.column);
    const std::int64_t row_end = std::min(s.slice.row + s.slice.rows, want.row + want.rows);
    const std::int64_t columns =
        std::min(s.slice.column + s.slice.columns, want.column + want.columns) - column;
    for (std::int64_t r = row; r < row_end; ++r) {
      const std::int64_t from = (r - s.slice.row) * s.slice.columns + column - s.slice.column;
      const std::int64_t at = (r - want.row) * want.columns + column - want.column;
      files_[s.file]->read(*s.tensor, from,
                           to.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(columns)));
    }
    copied += (row_end - row) * columns;
  }
  ORRERY_CHECK(copied == want.elements());
}

}  // namespace orrery
