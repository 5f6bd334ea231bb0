// What ranks learn when something breaks: the culprit and the reason, on every rank.
#include <thread>

#include "runtime/comm/faulty.h"
#include "tests/runtime/comm/ranks.h"

namespace orrery::comm {
namespace {

constexpr WatchdogOptions impatient{.beat_ms = 10, .silence_ms = 300, .wait_ms = 500};

// An all-reduce of the world on `lane`.
void all_reduce(Rank& rank, std::uint32_t sequence, std::int64_t count, DType dtype = DType::fp32) {
  void* const x = rank.allocate<float>(count);
  const Transfer t{x, x, count};
  rank.engine.run({Kind::all_reduce, rank.world, sequence, dtype, Reduction::sum, 0, {&t, 1}, "gradients"},
                  Stream::data);
}

void expect_all(const std::vector<std::string>& errors, std::uint32_t but, const std::string& words) {
  for (std::uint32_t r = 0; r < errors.size(); ++r) {
    if (r == but) continue;
    EXPECT_NE(errors[r].find(words), std::string::npos) << "rank " << r << ": " << errors[r];
  }
}
constexpr std::uint32_t nobody = ~0U;

TEST(Faults, AKilledRankIsNamed) {
  const auto errors = errors_of({.ranks = 4, .sharing = Sharing::processes}, [](Rank& rank) {
    for (std::uint32_t i = 0;; ++i) {
      if (rank.rank == 2 && i == 5) raise(SIGKILL);
      all_reduce(rank, i, 10'000);
    }
  });
  EXPECT_EQ(errors[2], "killed by signal 9");
  expect_all(errors, 2, "rank 2 (process ");
  expect_all(errors, 2, ") has died");
}

TEST(Faults, AStoppedRankIsNamed) {
  const auto errors =
      errors_of({.ranks = 3, .sharing = Sharing::processes, .watchdog = impatient}, [](Rank& rank) {
        for (std::uint32_t i = 0;; ++i) {
          if (rank.rank == 1 && i == 3) raise(SIGSTOP);
          all_reduce(rank, i, 10'000);
        }
      });
  EXPECT_EQ(errors[1], "stopped");
  expect_all(errors, 1, "rank 1 does not answer: no heartbeat for 0.3 s");
  expect_all(errors, 1,
             "rank 2 waits for rank 1 in gradients, all_reduce 3 of group 0 (sum, fp32, 40000 bytes)");
}

TEST(Faults, ARankThatDoesNotComeIsNamed) {
  const auto errors = errors_of({.ranks = 3, .watchdog = impatient}, [](Rank& rank) {
    if (rank.rank == 0) std::this_thread::sleep_for(std::chrono::seconds(2));
    all_reduce(rank, 0, 1'000'000);
  });
  expect_all(errors, nobody, "no progress for 0.5 s: rank 0 has not come");
  expect_all(errors, nobody, "rank 1 waits for rank 0 in gradients, all_reduce 0 of group 0");
}

TEST(Faults, ARankThatLeftIsNamed) {
  const auto errors = errors_of({.ranks = 3}, [](Rank& rank) {
    if (rank.rank == 1) throw DeviceError("disk full");
    all_reduce(rank, 0, 10);
  });
  EXPECT_EQ(errors[1], "disk full");
  expect_all(errors, 1, "rank 1 has left");
}

TEST(Faults, RanksThatWaitForEachOtherAreNamed) {
  const auto errors = errors_of({.ranks = 2, .watchdog = impatient}, [](Rank& rank) {
    const Transfer t{nullptr, rank.allocate<float>(10), 10};
    rank.engine.run({Kind::receive, rank.world, 0, DType::fp32, Reduction::sum, 0, {&t, 1}, "activations"},
                    Stream::receive_next);
  });
  expect_all(errors, nobody, "ranks 0, 1 wait for each other");
}

// Partial sums of a reduce-scatter need two thirds of its buffer more.
TEST(Faults, AFullArenaEndsAllRanks) {
  const auto errors = errors_of({.ranks = 3, .arena = {4 << 20}}, [](Rank& rank) {
    constexpr std::int64_t count = 256 << 10;
    float* const x = rank.allocate<float>(3 * count);
    const Transfer t{x, x + rank.rank * count, count};
    rank.engine.run(
        {Kind::reduce_scatter, rank.world, 0, DType::fp32, Reduction::sum, 0, {&t, 1}, "gradients"},
        Stream::data);
  });
  expect_all(errors, nobody, "out of memory: ");
}

Wrap on_rank_0(Fault fault, std::uint64_t at) {
  return [=](std::unique_ptr<Channel> channel, std::uint32_t rank) -> std::unique_ptr<Channel> {
    const FaultPlan plan{.fault = rank == 0 ? fault : Fault::none, .at_message = at};
    return std::make_unique<Faulty>(std::move(channel), plan);
  };
}

// Wherever it strikes, every rank ends with the same reason.
TEST(Faults, InjectedOnesEndAllRanks) {
  const auto loop = [](Rank& rank) {
    for (std::uint32_t i = 0; i < 20; ++i) all_reduce(rank, i, 20'000);
  };
  for (std::uint64_t at = 0; at < 40; at += 7) {
    const auto cut = errors_of({.ranks = 3, .wrap = on_rank_0(Fault::cut, at), .watchdog = impatient}, loop);
    expect_all(cut, nobody, "no progress for 0.5 s");
    const auto stall =
        errors_of({.ranks = 3, .wrap = on_rank_0(Fault::stall, at), .watchdog = impatient}, loop);
    expect_all(stall, nobody, "no progress for 0.5 s");
    expect_all(errors_of({.ranks = 3, .wrap = on_rank_0(Fault::truncate, at)}, loop), nobody,
               " is cut: rank 1 ");
    const auto kill =
        errors_of({.ranks = 3, .sharing = Sharing::processes, .wrap = on_rank_0(Fault::kill, at)}, loop);
    EXPECT_EQ(kill[0], "killed by signal 9");
    expect_all(kill, 0, ") has died");
  }
}

TEST(Faults, MembersThatDoNotAgreeAreNamed) {
  const auto kinds = errors_of({.ranks = 2}, [](Rank& rank) {
    if (rank.rank == 0) return all_reduce(rank, 7, 100);
    const Transfer t{rank.allocate<float>(100), rank.allocate<float>(200), 100};
    rank.engine.run({Kind::all_gather, rank.world, 7, DType::fp32, Reduction::sum, 0, {&t, 1}, "weights"},
                    Stream::data);
  });
  expect_all(kinds, nobody, "all_reduce 7 of group 0 (sum, fp32, 400 bytes)");
  expect_all(kinds, nobody, "all_gather 7 of group 0 (fp32, 400 bytes)");
  expect_all(errors_of({.ranks = 2}, [](Rank& rank) { all_reduce(rank, rank.rank, 100); }), nobody,
             "ranks do not agree");
  expect_all(errors_of({.ranks = 2}, [](Rank& rank) { all_reduce(rank, 0, 100 + rank.rank); }), nobody,
             "ranks do not agree");
  expect_all(errors_of({.ranks = 2},
                       [](Rank& rank) {
                         rank.rank == 0 ? all_reduce(rank, 0, 100, DType::bf16) : all_reduce(rank, 0, 50);
                       }),
             nobody, "ranks do not agree");
}

}  // namespace
}  // namespace orrery::comm
