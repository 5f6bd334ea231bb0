#include "runtime/comm/channel.h"

#include <time.h>

#include "sim/base/error.h"

namespace orrery::comm {

std::int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::string describe(const Signature& s) {
  std::string text = s.kind == Kind::send ? "message" : std::string(name(s.kind));
  text += " " + std::to_string(s.sequence) + " of group " + std::to_string(s.group) + " (";
  if (s.apply != Apply::copy) text += s.apply == Apply::sum ? "sum, " : "max, ";
  return text + std::string(name(s.dtype)) + ", " + std::to_string(s.bytes) + " bytes)";
}

void check_agreement(std::uint32_t me, std::uint32_t peer, const Signature& mine, const Signature& theirs,
                     std::size_t expected, std::size_t sent) {
  if (mine == theirs && expected == sent) return;
  const std::string here = "rank " + std::to_string(me), there = "rank " + std::to_string(peer);
  if (mine != theirs)
    throw DeviceError("ranks do not agree: " + here + " is in " + describe(mine) + ", " + there + " in " +
                      describe(theirs));
  throw DeviceError("a message in " + describe(mine) + " is cut: " + here + " expects " +
                    std::to_string(expected) + " bytes, " + there + " sent " + std::to_string(sent));
}

}  // namespace orrery::comm
