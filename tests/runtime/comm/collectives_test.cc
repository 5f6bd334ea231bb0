// Every collective against sums of numbers, by all ranks of 1 to 8, as threads and as processes.
#include "tests/runtime/comm/collective_checks.h"

namespace orrery::comm {
namespace {

class Collectives : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Collectives, testing::Range(1U, 9U), testing::PrintToStringParamName());

TEST_P(Collectives, OfThreadsFromTheArena) {
  play({.ranks = GetParam()}, [](Rank& rank) { check_all(rank, true); });
}
TEST_P(Collectives, OfThreadsFromAnywhere) {
  play({.ranks = GetParam()}, [](Rank& rank) { check_all(rank, false); });
}
TEST_P(Collectives, OfProcesses) {
  play({.ranks = GetParam(), .sharing = Sharing::processes}, [](Rank& rank) { check_all(rank, true); });
}
TEST_P(Collectives, InRankOrder) {
  play({.ranks = GetParam(), .options = {.fixed_order = true}}, [](Rank& rank) { check_all(rank, true); });
}

}  // namespace
}  // namespace orrery::comm
