#include "profiler/import/import.h"

#include "profiler/gzip.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::string_view known =
    "output of nccl-tests (text or JSON), a Galvatron profile (bandwidths, times of collectives, overlap, "
    "computation, memory), "
    "a Kineto trace, a log of Megatron-LM, torchtitan or MLPerf, or an orrery.profile/1";

// Traces and logs first: no document is built for them.
const TextFormat* const text_formats[] = {&kineto_format, &mlperf_format, &megatron_format,
                                          &torchtitan_format, &nccl_text_format};
const JsonFormat* const json_formats[] = {&nccl_json_format, &galvatron_hardware_format,
                                          &galvatron_memory_format, &galvatron_time_format};

std::vector<Source> import_text(std::string_view text, std::string_view file, const Hints& hints) {
  Source source;
  for (const TextFormat* format : text_formats) {
    if (!format->recognises(text)) continue;
    format->read(text, file, hints, source);
    return {std::move(source)};
  }
  const Where where{std::string(file), "", 0};
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') fail(where, known, "a text of another kind");
  const Json document = parse_json(text, file);
  if (document.find("schema")) return read_profile(document, file);
  for (const JsonFormat* format : json_formats) {
    if (!format->recognises(document)) continue;
    format->read(document, file, hints, source);
    return {std::move(source)};
  }
  fail(where, known, "a JSON object of another kind");
}

}  // namespace

std::vector<Source> import_sources(const std::string& bytes, std::string_view file, std::uint64_t digest,
                                   const Hints& hints) {
  std::vector<Source> sources =
      is_gzip(bytes) ? import_text(gunzip(bytes, file), file, hints) : import_text(bytes, file, hints);
  for (Source& s : sources) {
    if (!s.file.empty()) continue;  // a profile's own sources keep their names
    s.file = file;
    s.digest = digest;
  }
  return sources;
}

}  // namespace orrery
