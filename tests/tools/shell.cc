#include "tests/tools/shell.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace orrery {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (const char c : s) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in.good()) << path;
  return text.str();
}

Scratch::Scratch(const std::string& name) : path_(ORRERY_SCRATCH "/" + name) {
  fs::remove_all(path_);
  fs::create_directories(path_);
  for (const char* link : {"scenarios", "docs", "tests"})
    fs::create_directory_symlink(fs::path(ORRERY_SOURCE_DIR) / link, fs::path(path_) / link);
}

Outcome Scratch::run(const std::string& command) const {
  const std::string out = path_ + "/.out", err = path_ + "/.err", binary = fs::path(ORRERY_BINARY).parent_path();
  const std::string line = "cd " + quoted(path_) + " && env -u NO_COLOR -u CLICOLOR_FORCE -u ORRERY_PRESETS PATH=" +
                           quoted(binary) + ":\"$PATH\" bash -c " + quoted(command) + " </dev/null >" + quoted(out) +
                           " 2>" + quoted(err);
  const int status = std::system(line.c_str());
  Outcome outcome{read_text(out), read_text(err), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
  fs::remove(out);
  fs::remove(err);
  return outcome;
}

std::vector<TranscriptStep> parse_transcript(const std::string& text) {
  std::vector<TranscriptStep> steps;
  for (const std::string& line : split(text)) {
    if (line.starts_with("$ ")) steps.push_back({line.substr(2), {}});
    else if (!steps.empty()) steps.back().expected.push_back(line);
  }
  return steps;
}

std::vector<std::string> lines_of(const Outcome& outcome) {
  std::vector<std::string> lines = split(outcome.out);
  // Progress appears where a command takes long: under sanitizers, on a busy machine.
  static const std::regex progress("[a-z ]+ [0-9]+ of [0-9]+(, about .* left)?");
  for (const std::string& line : split(outcome.err))
    if (!std::regex_match(line, progress)) lines.push_back(line.empty() ? "!" : "! " + line);
  if (outcome.code != 0) lines.push_back("[" + std::to_string(outcome.code) + "]");
  return lines;
}

std::string difference(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  std::size_t a = 0;
  for (std::size_t e = 0; e < expected.size(); ++e) {
    if (expected[e] == "...") {
      if (e + 1 == expected.size()) return {};
      while (a < actual.size() && actual[a] != expected[e + 1]) ++a;
      if (a == actual.size()) return "no line: " + expected[e + 1];
      continue;
    }
    if (a == actual.size()) return "ends before: " + expected[e];
    if (actual[a] != expected[e]) return "expected: " + expected[e] + "\n     got: " + actual[a];
    ++a;
  }
  return a == actual.size() ? "" : "goes on with: " + actual[a];
}

}  // namespace orrery
