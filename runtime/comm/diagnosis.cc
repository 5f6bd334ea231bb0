#include "runtime/comm/diagnosis.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace orrery::comm {
namespace {

std::optional<std::uint32_t> awaited_by(const Board& board, std::uint32_t rank) {
  const Waiting w = board.waiting(rank);
  if (w.since == 0) return {};
  if (w.receive_from >= 0) return static_cast<std::uint32_t>(w.receive_from);
  if (w.send_to >= 0) return static_cast<std::uint32_t>(w.send_to);
  return {};
}

}  // namespace

std::string culprit(const Board& board, std::uint32_t rank) {
  std::vector<std::uint32_t> chain{rank};
  for (;;) {
    const auto next = awaited_by(board, chain.back());
    if (!next) break;
    const auto seen = std::find(chain.begin(), chain.end(), *next);
    if (seen == chain.end()) {
      chain.push_back(*next);
      continue;
    }
    std::rotate(seen, std::min_element(seen, chain.end()), chain.end());  // the same words on all ranks
    std::string text = "ranks ";
    for (auto r = seen; r != chain.end(); ++r) text += (r == seen ? "" : ", ") + std::to_string(*r);
    return text + " wait for each other";
  }
  const std::string who = "rank " + std::to_string(chain.back());
  switch (board.life(chain.back())) {
    case Life::absent:
      return who + " has never started";
    case Life::finished:
      return who + " has left";
    default:
      return who + " has not come";
  }
}

std::string who_waits(const Board& board) {
  std::string text;
  for (std::uint32_t r = 0; r < board.world(); ++r) {
    const Waiting w = board.waiting(r);
    const std::string rank = "\n  rank " + std::to_string(r), in = std::string(" in ") + w.operation;
    if (w.since != 0 && w.receive_from >= 0)
      text += rank + " waits for rank " + std::to_string(w.receive_from) + in;
    if (w.since != 0 && w.receive_from < 0 && w.send_to >= 0)
      text += rank + " waits until rank " + std::to_string(w.send_to) + " receives" + in;
  }
  return text;
}

}  // namespace orrery::comm
