// What both trace formats say about a Program. Internal to sim/report.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/rank_view.h"
#include "sim/report/trace.h"

namespace orrery::report {

struct TracedRank {
  std::uint32_t team = 0, player = 0;
  RankId rank;
  std::string name;  // "rank 8, stage 1 (stands for 128 ranks)"
};
std::vector<TracedRank> traced_ranks(const Program&, const TraceOptions&);

// "qkv forward", "ncclDevKernel_AllGather tensor", "Memcpy HtoD": HTA tells kinds of kernels by these
// beginnings.
std::string slice_name(const Program&, const Row&);
std::string_view category_word(const Row&);  // "kernel", "gpu_memcpy", "cpu_op"
std::string_view collective_name(Kind);  // as Kineto spells it: "allreduce", "_allgather_base"; else empty

// Equal for the two ends of a message.
std::uint32_t flow_id(const RankView&, const RankView::Item&);

// Live bytes of a team over time: times never go back.
struct MemorySample {
  Tick at;
  Bytes bytes;
};
std::vector<MemorySample> memory_samples(const Program&, const Timeline&, std::uint32_t team,
                                         std::uint32_t player);

// A sink behind a buffer.
class Buffered {
 public:
  explicit Buffered(const Sink& sink) : sink_(sink) {}
  ~Buffered() { flush(); }
  Buffered(const Buffered&) = delete;
  Buffered& operator=(const Buffered&) = delete;
  std::string& text() {
    if (text_.size() > 60'000) flush();
    return text_;
  }

 private:
  void flush() {
    if (!text_.empty()) sink_(text_);
    text_.clear();
  }
  const Sink& sink_;
  std::string text_;
};

}  // namespace orrery::report
