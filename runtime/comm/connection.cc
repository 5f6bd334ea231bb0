#include "runtime/comm/connection.h"

#include <algorithm>

namespace orrery::comm {

void CombinedChannel::send(const Outgoing& m) {
  const std::uint32_t index = near_index_[m.peer];
  if (index == far) return far_->send(m);
  Outgoing local = m;
  local.peer = index;
  near_->send(local);
}

void CombinedChannel::receive(const Incoming& m) {
  const std::uint32_t index = near_index_[m.peer];
  if (index == far) return far_->receive(m);
  Incoming local = m;
  local.peer = index;
  near_->receive(local);
}

bool CombinedChannel::progress() {
  const bool near_moved = near_->progress();
  return far_->progress() || near_moved;
}

std::int64_t CombinedChannel::wake_at() const { return std::min(near_->wake_at(), far_->wake_at()); }

}  // namespace orrery::comm
