// Every command that README.md and docs/ show in a ```console block runs, and prints what is shown. A command ends
// well unless "# exit code N" stands behind it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/tools/shell.h"

namespace orrery {
namespace {

std::vector<std::string> pages() {
  std::vector<std::string> out{"README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(ORRERY_SOURCE_DIR "/docs"))
    if (entry.path().extension() == ".md") out.push_back("docs/" + entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::string console_blocks(const std::string& markdown) {
  static const std::string fence = "```", open = "```console\n";
  std::string text;
  for (std::size_t at = 0; (at = markdown.find(open, at)) != std::string::npos;) {
    at += open.size();
    const std::size_t end = markdown.find(fence, at);
    text += markdown.substr(at, end - at);
    at = end;
  }
  return text;
}

int promised_code(const std::string& command) {
  static const std::string mark = "# exit code ";
  const std::size_t at = command.find(mark);
  return at == std::string::npos ? 0 : std::stoi(command.substr(at + mark.size()));
}

bool shows(const TranscriptStep& step, const Outcome& outcome) {
  Outcome shown = outcome;
  shown.code = 0;
  std::vector<std::string> expected = step.expected;
  if (expected.empty() || expected.back() != "...") expected.push_back("...");  // what is shown may end early
  return step.expected.empty() || difference(expected, lines_of(shown)).empty();
}

// Puts as many lines of what a command says now as the page showed, where that no longer holds.
void rewrite(const std::string& page, const Scratch& scratch) {
  std::string text = read_text(page);
  for (const TranscriptStep& step : parse_transcript(console_blocks(text))) {
    if (step.expected.empty()) continue;
    const Outcome outcome = scratch.run(step.command);
    if (shows(step, outcome)) continue;
    std::string before = "$ " + step.command + "\n", after = before;
    for (const std::string& line : step.expected) before += line + "\n";
    const std::vector<std::string> now = lines_of({outcome.out, "", 0});
    const bool cut = step.expected.back() == "...";
    const std::size_t lines = std::min(now.size(), step.expected.size() - (cut ? 1 : 0));
    for (std::size_t i = 0; i < lines; ++i) after += now[i] + "\n";
    if (cut) after += "...\n";
    const std::size_t at = text.find(before);
    ASSERT_NE(at, std::string::npos) << before;
    text.replace(at, before.size(), after);
  }
  std::ofstream(page) << text;
}

class Docs : public testing::TestWithParam<std::string> {};

TEST_P(Docs, CommandsDoWhatIsShown) {
  const std::string page = ORRERY_SOURCE_DIR "/" + GetParam();
  const Scratch scratch("docs-" + std::filesystem::path(GetParam()).stem().string());
  if (std::getenv("ORRERY_REWRITE_TRANSCRIPTS")) return rewrite(page, scratch);
  for (TranscriptStep step : parse_transcript(console_blocks(read_text(page)))) {
    while (!step.expected.empty() && step.expected.back().empty()) step.expected.pop_back();
    const Outcome outcome = scratch.run(step.command);
    EXPECT_EQ(outcome.code, promised_code(step.command)) << "$ " << step.command << "\n" << outcome.err;
    EXPECT_TRUE(shows(step, outcome)) << "$ " << step.command << "\n" << outcome.out << outcome.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Docs, testing::ValuesIn(pages()), [](const auto& i) {
  std::string name;
  for (const char c : i.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace orrery
