#include "runtime/comm/delay_line.h"

#include <algorithm>
#include <cmath>

namespace orrery::comm {
namespace {

// Whole messages would come late: their receiver would begin only after the last byte.
constexpr std::size_t piece_bytes = 128 << 10;

}  // namespace

DelayLine::DelayLine(std::unique_ptr<Channel> under, std::vector<Link> links,
                     std::vector<std::uint32_t> link_of)
    : ChannelDecorator(std::move(under)), line_of_(std::move(link_of)) {
  for (const Link& link : links) lines_.push_back({link, 0, {}});
}

void DelayLine::send(const Outgoing& m) {
  Line& line = lines_[line_of_[m.peer]];
  for (std::size_t at = 0; at < m.bytes; at += piece_bytes) {
    Outgoing piece = m;
    piece.from += at;
    piece.bytes = std::min(piece_bytes, m.bytes - at);
    const double seconds = line.link.rate.v > 0 ? static_cast<double>(piece.bytes) / line.link.rate.v : 0;
    line.free = std::max(line.free, now_ns()) + std::llround(seconds * 1e9);
    ++m.request->pending;
    line.held.push_back({piece, line.free + std::llround(line.link.latency.v * 1e9)});
  }
}

void DelayLine::receive(const Incoming& m) {
  for (std::size_t at = 0; at < m.bytes; at += piece_bytes) {
    Incoming piece = m;
    piece.to += at;
    if (m.apply != Apply::copy) piece.with += at;
    piece.bytes = std::min(piece_bytes, m.bytes - at);
    ChannelDecorator::receive(piece);
  }
}

bool DelayLine::progress() {
  bool moved = false;
  for (Line& line : lines_) {
    while (!line.held.empty() && line.held.front().due <= now_ns()) {
      const Outgoing piece = line.held.front().piece;
      line.held.pop_front();
      ChannelDecorator::send(piece);
      --piece.request->pending;  // that of holding it
      moved = true;
    }
  }
  return ChannelDecorator::progress() || moved;
}

std::int64_t DelayLine::wake_at() const {
  std::int64_t first = ChannelDecorator::wake_at();
  for (const Line& line : lines_)
    if (!line.held.empty()) first = std::min(first, line.held.front().due);
  return first;
}

}  // namespace orrery::comm
