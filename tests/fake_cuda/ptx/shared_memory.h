// The shared memory of one block, with a record of who touched each byte since the last barrier. Two threads
// race if both touch a byte, one of them writes, and neither a barrier of the block nor, within a warp, a
// __syncwarp lies between; atomics do not race with each other. Reading what no thread of the block wrote is
// an error, too.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace orrery::ptx {

enum class Access : std::uint8_t { read, write, atomic };

class SharedMemory {
 public:
  // Contents and record are as new. `check`: whether to keep the record. `granule`: a power of two that the
  // sizes and addresses of all accesses are multiples of; touches are recorded of so many bytes together.
  void begin_block(std::size_t bytes, bool check, std::size_t granule);
  std::size_t size() const { return size_; }
  std::byte* data() { return bytes_.data(); }

  void barrier();  // of the whole block
  void warp_barrier(unsigned warp) { warp_since_[warp] = ++now_; }

  // A thread of the block accesses bytes in range. False: that is a mistake, which mistake() then explains.
  bool note(Access access, std::size_t address, std::size_t bytes, unsigned thread) {
    if (!check_) return true;
    for (std::size_t i = address >> shift_; i < (address + bytes) >> shift_; ++i)
      if (!note_granule(access, i, thread)) return false;
    return true;
  }
  std::string mistake(Access, std::size_t address, std::size_t bytes, unsigned thread) const;

 private:
  // When and by whom a granule was last touched; `by` may be many threads, of one warp or of several.
  struct Stamp {
    std::uint32_t when = 0;  // 0: never
    std::uint16_t by = 0;
    bool atomic = false;
  };
  static constexpr std::uint16_t many_of_warp = 1024, many = 2048;

  bool before(const Stamp& stamp, unsigned thread) const {
    if (stamp.when < block_since_ || stamp.by == thread) return true;
    const unsigned warp = thread / 32;
    const bool same_warp = stamp.by < many_of_warp ? stamp.by / 32U == warp : stamp.by == many_of_warp + warp;
    return same_warp && stamp.when < warp_since_[warp];
  }
  bool note_granule(Access access, std::size_t i, unsigned thread) {
    Stamp& written = written_[i];
    Stamp& read = read_[i];
    if (access == Access::read) {
      if (written.when == 0 || !before(written, thread)) return false;
      add_reader(read, thread);
      return true;
    }
    const bool both_atomic = access == Access::atomic && written.atomic;
    if (access == Access::atomic && written.when == 0) return false;
    if (!(both_atomic || before(written, thread)) || !before(read, thread)) return false;
    written = {now_, static_cast<std::uint16_t>(thread), access == Access::atomic};
    return true;
  }
  void add_reader(Stamp& read, unsigned thread) const {
    const unsigned warp = thread / 32;
    if (read.when == now_ && (read.by == thread || read.by == many_of_warp + warp || read.by == many)) return;
    if (before(read, thread)) {
      read.by = static_cast<std::uint16_t>(thread);
    } else {
      const bool same_warp = read.by < many_of_warp ? read.by / 32U == warp : read.by == many_of_warp + warp;
      read.by = static_cast<std::uint16_t>(same_warp ? many_of_warp + warp : many);
    }
    read.when = now_;
  }

  std::vector<std::byte> bytes_;
  std::vector<Stamp> written_, read_;
  std::array<std::uint32_t, 32> warp_since_{};
  std::uint32_t block_since_ = 1, now_ = 1;
  std::size_t size_ = 0;
  int shift_ = 0;
  bool check_ = false;
};

}  // namespace orrery::ptx
