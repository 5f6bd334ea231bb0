// Random programs: operations on registers over all streams, with no more waits than their operands need and
// with random delays. They must leave what the same operations leave one after the other.
#include <algorithm>
#include <random>

#include "tests/runtime/conformance/conformance.h"

namespace orrery::testing {
namespace {

constexpr std::size_t width = 777, registers = 9, in_device = 6;
constexpr std::uint32_t events = 24;
constexpr Stream streams[] = {Stream::compute,   Stream::tensor,    Stream::data,
                              Stream::send_next, Stream::to_device, Stream::to_host};

enum class What { add, copy, reduce };
struct Operation {
  What what = What::add;
  Stream stream = Stream::compute;
  std::size_t from = 0, to = 0;
  int delays = 0;
};

// The same on every rank, as meetings must be.
std::vector<Operation> draw(std::uint32_t seed, int count) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  std::vector<Operation> out;
  for (int i = 0; i < count; ++i) {
    Operation o{What::copy, streams[below(std::size(streams))], below(registers), below(registers),
                static_cast<int>(below(3)) - 1};
    if (const std::size_t kind = below(4); kind < 2) {
      o.what = What::add;
      o.from = below(in_device);
      o.to = (o.from + 1 + below(in_device - 1)) % in_device;
    } else if (kind == 2) {
      o = {What::reduce, Stream::tensor, 0, below(in_device), o.delays};  // a group lies on one stream
    }
    if (o.what != What::copy || o.from != o.to) out.push_back(o);
  }
  return out;
}

using Registers = std::vector<std::vector<float>>;

Registers initial(std::uint32_t rank) {
  Registers out(registers, std::vector<float>(width));
  for (std::size_t r = 0; r < registers; ++r)
    for (std::size_t i = 0; i < width; ++i)
      out[r][i] = static_cast<float>((rank * 7 + r * 131 + i * 17) % 1000) / 256;
  return out;
}

// One after the other, on all ranks. Sums of two and maxima are exact as every machine rounds them.
std::vector<Registers> expected(const std::vector<Operation>& program, std::uint32_t ranks) {
  std::vector<Registers> all;
  for (std::uint32_t r = 0; r < ranks; ++r) all.push_back(initial(r));
  for (const Operation& o : program)
    for (std::size_t i = 0; i < width; ++i) {
      float most = all[0][o.to][i];
      for (Registers& mine : all) {
        most = std::max(most, mine[o.to][i]);
        if (o.what == What::add) mine[o.to][i] += mine[o.from][i];
        if (o.what == What::copy) mine[o.to][i] = mine[o.from][i];
      }
      for (Registers& mine : all)
        if (o.what == What::reduce) mine[o.to][i] = most;
    }
  return all;
}

// Issues operations with the waits that their operands need.
class Issuer {
 public:
  Issuer(Backend& backend, Slab& device, Slab& host) : backend_(backend) {
    for (std::size_t r = 0; r < registers; ++r) {
      memory_.push_back((r < in_device ? device : host).floats(width));
      whole_.push_back({memory_[r], memory_[r], width});
    }
    for (std::size_t s = 0; s < std::size(streams); ++s) delays_.emplace_back(device);
  }
  float* memory(std::size_t r) { return memory_[r]; }

  void issue(const Operation& o) {
    wait(o, written_[o.to]);
    for (const Use& use : read_[o.to]) wait(o, use);
    if (o.what != What::reduce) wait(o, written_[o.from]);
    const auto at = std::find(std::begin(streams), std::end(streams), o.stream) - std::begin(streams);
    for (int i = 0; i < o.delays; ++i) delays_[static_cast<std::size_t>(at)].launch(backend_, o.stream);
    if (o.what == What::add) launch_add(backend_, memory_[o.to], memory_[o.from], width, o.stream);
    if (o.what == What::copy) backend_.copy(memory_[o.to], memory_[o.from], bytes_of(width), o.stream);
    if (o.what == What::reduce)
      backend_.communicate({Kind::all_reduce,
                            0,
                            meetings_++,
                            DType::fp32,
                            Reduction::max,
                            0,
                            {&whole_[o.to], 1},
                            "a register"},
                           o.stream);
    const Use use{true, next_++ % events, o.stream};
    backend_.record(use.event, o.stream);
    written_[o.to] = use;
    read_[o.to].clear();
    if (o.what != What::reduce) read_[o.from].push_back(use);
  }
  void synchronize() {
    backend_.synchronize();
    for (Use& use : written_) use = {};
    for (auto& uses : read_) uses.clear();
  }

 private:
  struct Use {
    bool any = false;
    EventIndex event = 0;  // may have been recorded again since: a longer wait
    Stream stream = Stream::compute;
  };
  void wait(const Operation& o, const Use& use) {
    if (use.any && use.stream != o.stream) backend_.wait(use.event, o.stream);
  }

  Backend& backend_;
  std::vector<float*> memory_;
  std::vector<Transfer> whole_;
  std::vector<Delay> delays_;
  Use written_[registers];
  std::vector<Use> read_[registers];
  std::uint32_t next_ = 0, meetings_ = 0;
};

void run(Backend& backend, std::uint32_t rank, std::uint32_t ranks, std::uint32_t seed) {
  Slab device(backend, Memory::device, 4 << 20), host(backend, Memory::host, 1 << 20);
  Issuer issuer(backend, device, host);
  float* const outside = host.floats(registers * width);
  GroupMembers world{{}, Role::world};
  for (std::uint32_t r = 0; r < ranks; ++r) world.members.push_back(r);
  const std::uint32_t id = 0;
  backend.open_groups({&world, 1}, {&id, 1});
  backend.create_events(events);
  const std::vector<Operation> program = draw(seed, 120);
  for (int step = 0; step < 2; ++step) {
    const Registers before = initial(rank);
    for (std::size_t r = 0; r < registers; ++r) {
      std::copy(before[r].begin(), before[r].end(), outside + r * width);
      backend.copy(issuer.memory(r), outside + r * width, bytes_of(width), Stream::to_device);
    }
    issuer.synchronize();
    for (const Operation& o : program) issuer.issue(o);
    issuer.synchronize();
    for (std::size_t r = 0; r < registers; ++r)
      backend.copy(outside + r * width, issuer.memory(r), bytes_of(width), Stream::to_host);
    issuer.synchronize();
    if (!backend.properties().computes) continue;
    const Registers wanted = expected(program, ranks)[rank];
    for (std::size_t r = 0; r < registers; ++r)
      EXPECT_TRUE(std::equal(wanted[r].begin(), wanted[r].end(), outside + r * width))
          << "register " << r << ", seed " << seed << ", step " << step;
  }
}

TEST_P(Conformance, RandomProgramsLeaveWhatTheirOrderLeaves) {
  for (const std::uint32_t ranks : {1U, 2U, 3U})
    for (std::uint32_t seed = 0; seed < 8 && ranks <= world_->most_ranks() && !HasFailure(); ++seed)
      play(ranks, [&](Backend& backend, std::uint32_t rank) { run(backend, rank, ranks, seed); });
}

// One stream needs no waits at all.
TEST_P(Conformance, AStreamIsInOrder) {
  play(1, [](Backend& backend, std::uint32_t) {
    Slab device(backend, Memory::device, 4 << 20), host(backend, Memory::host, 1 << 20);
    Issuer issuer(backend, device, host);
    float* const outside = host.floats(registers * width);
    backend.create_events(events);
    std::vector<Operation> program = draw(99, 200);
    std::erase_if(program, [](const Operation& o) { return o.what == What::reduce; });
    for (Operation& o : program) o.stream = Stream::data;
    const Registers before = initial(0);
    for (std::size_t r = 0; r < registers; ++r) {
      std::copy(before[r].begin(), before[r].end(), outside + r * width);
      backend.copy(issuer.memory(r), outside + r * width, bytes_of(width), Stream::data);
    }
    for (const Operation& o : program) issuer.issue(o);
    for (std::size_t r = 0; r < registers; ++r)
      backend.copy(outside + r * width, issuer.memory(r), bytes_of(width), Stream::data);
    backend.synchronize();
    if (!backend.properties().computes) return;
    const Registers wanted = expected(program, 1)[0];
    for (std::size_t r = 0; r < registers; ++r)
      EXPECT_TRUE(std::equal(wanted[r].begin(), wanted[r].end(), outside + r * width)) << "register " << r;
  });
}

}  // namespace
}  // namespace orrery::testing
