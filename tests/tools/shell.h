// Runs commands as a user would, in a scratch folder that looks like a clone of the project, and reads files of
// expected output.
//
// A transcript is a list of commands with what follows them:
//   $ orrery list schedules
//   schedule     what it is        stdout
//   ...                            any lines, or none
//   ! orrery: no command ...       stderr
//   [2]                            the exit code, unless it is 0
#pragma once
#include <string>
#include <vector>

namespace orrery {

struct Outcome {
  std::string out, err;
  int code = 0;
};

// A folder of its own for `name`, empty but for links to the project's scenarios/, docs/ and tests/.
class Scratch {
 public:
  explicit Scratch(const std::string& name);
  // By bash; `orrery` is the binary under test. No terminal, no input, and none of our environment variables.
  Outcome run(const std::string& command) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct TranscriptStep {
  std::string command;
  std::vector<std::string> expected;  // lines
};
std::vector<TranscriptStep> parse_transcript(const std::string& text);

// What ran, as a transcript's lines.
std::vector<std::string> lines_of(const Outcome&);

// Empty if `actual` is as `expected`, where "..." stands for any lines; else the first difference in words.
std::string difference(const std::vector<std::string>& expected, const std::vector<std::string>& actual);

std::string read_text(const std::string& path);

}  // namespace orrery
