#include "runtime/train/world.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace orrery {
namespace {

constexpr std::uint32_t world_group = 1U << 31;  // the Program's groups count from 0

}  // namespace

World::World(comm::Engine& engine, std::uint32_t rank, std::uint32_t ranks)
    : engine_(engine), rank_(rank), ranks_(ranks) {
  std::vector<std::uint32_t> all(ranks);
  std::iota(all.begin(), all.end(), 0U);
  group_ = engine.open_group(world_group, all);
}

std::vector<std::vector<std::int64_t>> World::gather(std::span<const std::int64_t> values) {
  const std::size_t each = std::max<std::size_t>(values.size(), 1);  // a message holds something
  std::vector<std::int64_t> mine(values.begin(), values.end()), all(each * ranks_);
  mine.resize(each);
  const Transfer piece{mine.data(), all.data(), static_cast<std::int64_t>(each)};
  Communication c;
  c.kind = Kind::all_gather;
  c.group = group_;
  c.sequence = sequence_++;
  c.dtype = DType::int64;
  c.transfers = {&piece, 1};
  c.label = "control";
  engine_.run(c, Stream::host);
  std::vector<std::vector<std::int64_t>> out(ranks_);
  for (std::uint32_t r = 0; r < ranks_; ++r) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(r * each);
    out[r].assign(first, first + static_cast<std::ptrdiff_t>(values.size()));
  }
  return out;
}

std::vector<std::vector<double>> World::gather(std::span<const double> values) {
  std::vector<std::int64_t> bits(values.size());
  std::transform(values.begin(), values.end(), bits.begin(),
                 [](double v) { return std::bit_cast<std::int64_t>(v); });
  std::vector<std::vector<double>> out;
  for (const std::vector<std::int64_t>& theirs : gather(std::span<const std::int64_t>(bits))) {
    std::vector<double>& to = out.emplace_back(theirs.size());
    std::transform(theirs.begin(), theirs.end(), to.begin(),
                   [](std::int64_t v) { return std::bit_cast<double>(v); });
  }
  return out;
}

double World::sum(double value) {
  double total = 0;
  for (const std::vector<double>& theirs : gather(std::span<const double>(&value, 1))) total += theirs[0];
  return total;
}

std::vector<std::string> World::gather(const std::string& text) {
  const auto size = static_cast<std::int64_t>(text.size());
  const auto sizes = gather(std::span<const std::int64_t>(&size, 1));
  std::int64_t longest = 0;
  for (const auto& s : sizes) longest = std::max(longest, s[0]);
  std::vector<std::int64_t> words(static_cast<std::size_t>((longest + 7) / 8));
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(words.data()));
  std::vector<std::string> out;
  for (const auto& theirs : gather(std::span<const std::int64_t>(words)))
    out.emplace_back(reinterpret_cast<const char*>(theirs.data()),
                     static_cast<std::size_t>(sizes[out.size()][0]));
  return out;
}

}  // namespace orrery
