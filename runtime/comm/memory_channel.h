// The Channel between the ranks of one machine: processes, or threads of one process. A message of more than
// `slot_bytes` from the sender's arena is a descriptor, and the receiver reads or reduces from there; all
// others pass through slots. One ring a pair and lane, so that a late receive holds up no other lane.
#pragma once
#include <deque>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/region.h"

namespace orrery::comm {

class MemoryChannel final : public Channel {
 public:
  // `rank` and peers: of the region. `names`: the world's ranks of them, for errors; empty: the same.
  MemoryChannel(Region&, std::uint32_t rank, std::vector<std::uint32_t> names = {});
  ~MemoryChannel() override;

  void send(const Outgoing&) override;
  void receive(const Incoming&) override;
  bool progress() override;
  std::int64_t wake_at() const override { return never; }

 private:
  struct Sending;
  struct Receiving;
  struct Lane;
  bool push(std::uint32_t peer, std::uint32_t lane, Lane&);
  bool pull(std::uint32_t peer, std::uint32_t lane, Lane&);
  bool write_slot(Ring&, Sending&) const;
  Lane& busy(std::uint32_t peer, Stream);

  Region& region_;
  std::uint32_t rank_;
  std::vector<std::uint32_t> names_;
  std::vector<Lane> lanes_;          // by peer and lane
  std::vector<std::uint32_t> busy_;  // indices of lanes with something queued
};

}  // namespace orrery::comm
