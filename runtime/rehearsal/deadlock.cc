// Who waits for whom: from a rank in a meeting to a member that has not come, to what holds that one up.
#include <algorithm>

#include "runtime/rehearsal/world.h"

namespace orrery::rehearsal {

// `rank` waits for `other` in a meeting.
struct World::Step {
  std::uint32_t rank = 0, other = 0;
  const Invitation* in = nullptr;
};

// What a stream of a rank waits for in the end; nothing if that is not a meeting.
std::optional<World::Step> World::blocked(std::uint32_t rank, Stream stream) const {
  const Rank& r = ranks_[rank];
  for (;;) {
    const Lane& lane = r.lanes[static_cast<std::size_t>(stream)];
    if (lane.items.empty()) return {};
    const Item& first = lane.items.front();
    if (first.what == What::wait && first.awaits->stream != stream) {
      stream = first.awaits->stream;
      continue;
    }
    if (!lane.met) return {};
    const auto meeting = meetings_.find(key(first.meeting));
    for (const std::uint32_t member : groups_.at(first.meeting.group)) {
      const auto& come = meeting->second.come;
      if (std::none_of(come.begin(), come.end(), [member](const Member& m) { return m.rank == member; }))
        return Step{rank, member, &first.meeting};
    }
    return {};
  }
}

// The stream on which a rank has the meeting queued.
std::optional<Stream> World::stream_of(std::uint32_t rank, const Invitation& meeting) const {
  for (std::size_t s = 0; s < stream_count; ++s)
    for (const Item& item : ranks_[rank].lanes[s].items)
      if (item.what == What::meet && key(item.meeting) == key(meeting)) return static_cast<Stream>(s);
  return {};
}

std::string World::deadlock() const {
  std::vector<Step> path;
  for (std::uint32_t r = 0; r < ranks_.size() && path.empty(); ++r)
    for (std::size_t s = 0; s < stream_count && path.empty(); ++s)
      if (const auto step = blocked(r, static_cast<Stream>(s))) path.push_back(*step);
  if (path.empty()) return "deadlock: hosts wait for each other";
  std::string end;
  for (;;) {
    const Step& last = path.back();
    const auto stream = stream_of(last.other, *last.in);
    const auto next = stream ? blocked(last.other, *stream) : std::nullopt;
    if (!next) {
      end = "\n  rank " + std::to_string(last.other) +
            (ranks_[last.other].left ? " has left" : " never comes: it has nothing more to do");
      break;
    }
    const auto seen =
        std::find_if(path.begin(), path.end(), [&next](const Step& s) { return s.in == next->in; });
    if (seen != path.end()) {
      path.erase(path.begin(), seen);
      break;
    }
    path.push_back(*next);
  }
  std::string text = end.empty() ? "deadlock: ranks wait in a circle" : "deadlock: a rank does not come";
  for (const Step& s : path)
    text += "\n  rank " + std::to_string(s.rank) + " waits for rank " + std::to_string(s.other) + " in " +
            (s.in->label.empty() ? std::string(name(s.in->kind)) : std::string(s.in->label)) + ", meeting " +
            std::to_string(s.in->sequence) + " of group " + std::to_string(s.in->group);
  return text + end;
}

}  // namespace orrery::rehearsal
