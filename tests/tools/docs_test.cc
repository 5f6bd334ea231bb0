// Every command that README.md and docs/ show in a ```console block runs, and prints what is shown. A command ends
// well unless "# exit code N" stands behind it.
#include <gtest/gtest.h>

#include <filesystem>

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

class Docs : public testing::TestWithParam<std::string> {};

TEST_P(Docs, CommandsDoWhatIsShown) {
  const Scratch scratch("docs-" + std::filesystem::path(GetParam()).stem().string());
  for (Step step : parse_transcript(console_blocks(read_text(ORRERY_SOURCE_DIR "/" + GetParam())))) {
    while (!step.expected.empty() && step.expected.back().empty()) step.expected.pop_back();
    const Outcome outcome = scratch.run(step.command);
    EXPECT_EQ(outcome.code, promised_code(step.command)) << "$ " << step.command << "\n" << outcome.err;
    if (step.expected.empty()) continue;
    step.expected.push_back("...");  // what is shown may end early
    Outcome shown = outcome;
    shown.code = 0;
    EXPECT_EQ(difference(step.expected, lines_of(shown)), "") << "$ " << step.command;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Docs, testing::ValuesIn(pages()), [](const auto& i) {
  std::string name;
  for (const char c : i.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace orrery
