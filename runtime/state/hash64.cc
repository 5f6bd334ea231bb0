#include "runtime/state/hash64.h"

#include <bit>
#include <cstring>

namespace orrery {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f, p3 = 0x165667b19e3779f9,
                        p4 = 0x85ebca77c2b2ae63, p5 = 0x27d4eb2f165667c5;

template <class Word>
std::uint64_t take(const std::byte*& at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  at += sizeof word;
  return word;
}

std::uint64_t round(std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * p2, 31) * p1; }

std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) { return (hash ^ round(0, lane)) * p1 + p4; }

}  // namespace

std::uint64_t hash64(ByteSpan bytes, std::uint64_t seed) {
  const std::byte *at = bytes.data(), *const end = at + bytes.size();
  std::uint64_t hash = seed + p5;
  if (bytes.size() >= 32) {
    std::uint64_t lanes[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    while (end - at >= 32)
      for (std::uint64_t& lane : lanes) lane = round(lane, take<std::uint64_t>(at));
    hash =
        std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = merge(hash, lane);
  }
  hash += bytes.size();
  while (end - at >= 8) hash = std::rotl(hash ^ round(0, take<std::uint64_t>(at)), 27) * p1 + p4;
  if (end - at >= 4) hash = std::rotl(hash ^ take<std::uint32_t>(at) * p1, 23) * p2 + p3;
  while (at < end) hash = std::rotl(hash ^ take<std::uint8_t>(at) * p5, 11) * p1;
  hash = (hash ^ hash >> 33) * p2;
  hash = (hash ^ hash >> 29) * p3;
  return hash ^ hash >> 32;
}

std::string hex(std::uint64_t value) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

}  // namespace orrery
