#include "tools/session.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/errors.h"

namespace orrery {
namespace {

void to_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw DeviceError(std::string("standard output: can't be written: ") + std::strerror(errno));
}

std::size_t thread_count(int asked) {
  if (asked < 0 || asked > 4096) throw UsageError("--threads takes 0 (all cores) to 4096, not " + std::to_string(asked));
  return asked == 0 ? available_cores() : static_cast<std::size_t>(asked);
}

}  // namespace

Session::Session(const Globals& globals)
    : globals_(globals),
      directories_(orrery::preset_directories(globals.presets_path)),
      library_(files_, directories_),
      pool_(thread_count(globals.threads)),
      color_(globals.output == "-" && color_wanted(globals.no_color)) {
  int to_terminal = 0;
  for (const std::string* to : {&globals.json, &globals.csv, &globals.markdown, &globals.svg, &globals.trace})
    to_terminal += *to == "-";
  if (to_terminal > 1) throw UsageError("only one output can go to standard output (-)");
}

void Session::write(const std::string& to, std::string_view content) {
  if (to.empty()) return;
  if (to != "-") return write_file(to, content);
  stdout_taken_ = true;
  to_stdout(content);
}

void Session::finish() {
  if (silent_) return;
  if (globals_.output != "-") write_file(globals_.output, text_);
  else if (!stdout_taken_) to_stdout(text_);
}

}  // namespace orrery
