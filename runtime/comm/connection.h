// What joins one rank to all others: shared memory within a machine, and between machines whatever started
// them offers. The CPU backend plays a rank over one.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/region.h"

namespace orrery::comm {

class Connection {
 public:
  virtual ~Connection() = default;
  virtual std::uint32_t rank() const = 0;          // of the world
  virtual std::uint32_t world() const = 0;         // ranks
  virtual std::uint32_t local_rank() const = 0;    // of the region
  virtual Region& region() = 0;                    // of this machine
  // The world's ranks on each machine, by the first of them.
  virtual const std::vector<std::vector<std::uint32_t>>& machines() const = 0;
  virtual std::unique_ptr<Channel> channel() = 0;  // once
};

// Near peers by one channel, far ones by another. `near_index[peer]` is the near channel's number of the
// peer, or `far`.
class CombinedChannel final : public Channel {
 public:
  static constexpr std::uint32_t far = ~0U;
  CombinedChannel(std::unique_ptr<Channel> near_one, std::unique_ptr<Channel> far_one,
                  std::vector<std::uint32_t> near_index)
      : near_(std::move(near_one)), far_(std::move(far_one)), near_index_(std::move(near_index)) {}

  void send(const Outgoing&) override;
  void receive(const Incoming&) override;
  bool progress() override;
  std::int64_t wake_at() const override;
  std::int64_t attend_every() const override { return far_->attend_every(); }

 private:
  std::unique_ptr<Channel> near_, far_;
  std::vector<std::uint32_t> near_index_;
};

}  // namespace orrery::comm
