// Commands with their exact output and exit code, one golden file a subject in transcripts/.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/tools/shell.h"

namespace orrery {
namespace {

const std::string folder = ORRERY_SOURCE_DIR "/tests/tools/transcripts";

std::vector<std::string> subjects() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Keeps the commands and the expectations that still hold ("..." included); replaces the others.
void rewrite(const std::string& file, const std::vector<TranscriptStep>& steps, const Scratch& scratch) {
  std::ofstream out(file);
  for (const TranscriptStep& step : steps) {
    const std::vector<std::string> actual = lines_of(scratch.run(step.command));
    out << "$ " << step.command << "\n";
    for (const std::string& line : difference(step.expected, actual).empty() ? step.expected : actual)
      out << line << "\n";
  }
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, HoldsToTheLetter) {
  const std::string file = folder + "/" + GetParam() + ".txt";
  const Scratch scratch("transcript-" + GetParam());
  const std::vector<TranscriptStep> steps = parse_transcript(read_text(file));
  ASSERT_FALSE(steps.empty());
  if (std::getenv("ORRERY_REWRITE_TRANSCRIPTS")) return rewrite(file, steps, scratch);
  for (const TranscriptStep& step : steps)
    EXPECT_EQ(difference(step.expected, lines_of(scratch.run(step.command))), "") << "$ " << step.command;
}

INSTANTIATE_TEST_SUITE_P(Of, Transcript, testing::ValuesIn(subjects()), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace orrery
