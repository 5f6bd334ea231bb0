// The shared memory of one block, with a record of who touched each byte since the last barrier. Two threads
// race if both touch a byte, one of them writes, and neither a barrier of the block nor, within a warp, a
// __syncwarp lies between; atomics do not race with each other. Reading what no thread of the block wrote is
// an error, too.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace orrery::ptx {

enum class Access : std::uint8_t { read, write, atomic };

class SharedMemory {
 public:
  // Contents and record are as new. `check`: whether to keep the record.
  void begin_block(std::size_t bytes, bool check);
  std::size_t size() const { return size_; }
  std::byte* data() { return bytes_.data(); }

  void barrier();  // of the whole block
  void warp_barrier(unsigned warp) { warp_since_[warp] = ++now_; }

  // A thread of the block accesses bytes in range. Returns what is wrong with that, if anything.
  std::optional<std::string> note(Access access, std::size_t address, std::size_t bytes, unsigned thread) {
    if (!check_) return std::nullopt;
    for (std::size_t i = address; i < address + bytes; ++i)
      if (!note_byte(access, i, thread)) return explain(access, i, thread);
    return std::nullopt;
  }

 private:
  // When and by whom a byte was last touched; `by` may be many threads, of one warp or of several.
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
  bool note_byte(Access access, std::size_t i, unsigned thread) {
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
  void add_reader(Stamp& read, unsigned thread) const;
  std::string explain(Access, std::size_t address, unsigned thread) const;

  std::vector<std::byte> bytes_;
  std::vector<Stamp> written_, read_;
  std::array<std::uint32_t, 32> warp_since_{};
  std::uint32_t block_since_ = 1, now_ = 1;
  std::size_t size_ = 0;
  bool check_ = false;
};

}  // namespace orrery::ptx
