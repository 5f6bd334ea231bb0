// The readers of others' formats, one .cc each. recognises() looks at content, never at names; a reader fills
// everything of a Source but its file and digest, and ends in fail() where the file breaks its format.
#pragma once
#include <string>
#include <string_view>

#include "profiler/import/profile.h"

namespace orrery {

// What the caller says of a file that does not state it; empty or 0: nothing.
struct Hints {
  std::string collective;  // "all_gather"
  std::int64_t ranks = 0;
};

struct TextFormat {
  bool (*recognises)(std::string_view text);
  void (*read)(std::string_view text, std::string_view file, const Hints&, Source&);
};
extern const TextFormat kineto_format, mlperf_format, megatron_format, torchtitan_format, nccl_text_format;

struct JsonFormat {
  bool (*recognises)(const Json& document);  // an object
  void (*read)(const Json& document, std::string_view file, const Hints&, Source&);
};
extern const JsonFormat nccl_json_format, galvatron_hardware_format, galvatron_time_format,
    galvatron_memory_format;

// The member of a run called by a path of two parts: set_run(run, "parallel.tp", 8).
void set_run(Json& run, std::string_view path, Json value);
const Json* find_run(const Json& run, std::string_view path);

}  // namespace orrery
