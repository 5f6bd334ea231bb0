#include "profiler/gzip.h"

#include <zlib.h>

#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::size_t largest = std::size_t{1} << 30;

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.size() > 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b'; }

std::string gunzip(std::string_view bytes, std::string_view file) {
  const Where where{std::string(file), "", 0};
  z_stream stream{};
  constexpr int window_of_gzip = 15 + 16;  // zlib.h: 16 asks for the gzip header
  if (inflateInit2(&stream, window_of_gzip) != Z_OK) fail(where, "gzip data (zlib can't start)");
  std::string out;
  char block[1 << 16];
  std::size_t at = 0;
  int state = Z_OK;
  while (state == Z_OK && out.size() <= largest) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - at, 1 << 20);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof block;
    state = inflate(&stream, Z_NO_FLUSH);
    at += piece - stream.avail_in;
    out.append(block, sizeof block - stream.avail_out);
    if (state == Z_STREAM_END && at < bytes.size())
      state = inflateReset(&stream);  // members may follow each other
  }
  inflateEnd(&stream);
  if (out.size() > largest) fail(where, "at most 1 GiB when unpacked");
  if (state != Z_STREAM_END) fail(where, "whole gzip data", "damaged or cut off data");
  return out;
}

}  // namespace orrery
