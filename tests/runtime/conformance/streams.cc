// Streams, events and copies of one rank, and that a stream that waits for a peer holds up nothing else.
#include <numeric>

#include "tests/runtime/conformance/conformance.h"

namespace orrery::testing {
namespace {

constexpr std::size_t some = 5000;

std::vector<float> ramp(std::size_t count, float first) {
  std::vector<float> out(count);
  std::iota(out.begin(), out.end(), first);
  return out;
}

TEST_P(Conformance, DeviceMemoryIsAlignedAndItsOwn) {
  play(1, [](Backend& backend, std::uint32_t) {
    std::vector<std::byte*> seen;
    for (const std::int64_t size : {1, 255, 257, 1 << 20})
      seen.push_back(static_cast<std::byte*>(backend.allocate({size}, Memory::device)));
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(seen[i]) % 256, 0U);
      for (std::size_t k = 0; k < i; ++k) EXPECT_NE(seen[i], seen[k]);
    }
  });
}

TEST_P(Conformance, CopiesCarryEveryByteInEveryDirection) {
  play(1, [](Backend& backend, std::uint32_t) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{255}, std::size_t{4096}, (1UL << 20) + 3}) {
      const Bytes size{static_cast<std::int64_t>(bytes)};
      auto* const from = static_cast<unsigned char*>(backend.allocate(size, Memory::host));
      auto* const back = static_cast<unsigned char*>(backend.allocate(size, Memory::host));
      void* const there = backend.allocate(size, Memory::device);
      void* const further = backend.allocate(size, Memory::device);
      for (std::size_t i = 0; i < bytes; ++i) from[i] = static_cast<unsigned char>(i * 31 + bytes);
      backend.copy(there, from, size, Stream::to_device);
      backend.copy(further, there, size, Stream::to_device);
      backend.copy(back, further, size, Stream::to_device);
      backend.synchronize();
      if (backend.properties().computes) {
        EXPECT_EQ(std::memcmp(from, back, bytes), 0) << bytes << " bytes";
      }
    }
  });
}

TEST_P(Conformance, AWaitBeforeTheFirstRecordOfAStepPasses) {
  play(1, [](Backend& backend, std::uint32_t) {
    Slab device(backend, Memory::device, 1 << 20);
    float* const x = device.floats(some);
    backend.create_events(2);
    for (int step = 0; step < 3; ++step) {
      // Taken as a wait for the record below, this would be a circle.
      backend.wait(0, Stream::data);
      launch_add(backend, x, nullptr, some, Stream::data);
      backend.record(1, Stream::data);
      backend.wait(1, Stream::compute);
      launch_add(backend, x, nullptr, some, Stream::compute);
      backend.record(0, Stream::compute);
      backend.synchronize();
    }
  });
}

TEST_P(Conformance, AWaitIsForTheLastRecordBeforeIt) {
  play(1, [](Backend& backend, std::uint32_t) {
    Slab device(backend, Memory::device, 1 << 20), host(backend, Memory::host, 1 << 18);
    const Delay delay(device);
    float *const x = device.floats(some), *const y = device.floats(some), *const seen = host.floats(some),
                 *const values = host.floats(some);
    const std::vector<float> wanted = ramp(some, 3);
    std::copy(wanted.begin(), wanted.end(), values);
    backend.create_events(2);
    for (int step = 0; step < 3; ++step) {
      launch_add(backend, x, nullptr, some, Stream::compute);
      backend.record(0, Stream::compute);
      for (int i = 0; i < 3; ++i) delay.launch(backend, Stream::compute);
      backend.copy(x, values, bytes_of(some), Stream::compute);
      backend.record(0, Stream::compute);
      backend.wait(0, Stream::data);
      backend.copy(y, x, bytes_of(some), Stream::data);
      backend.record(1, Stream::data);
      backend.wait(1, Stream::to_host);
      backend.copy(seen, y, bytes_of(some), Stream::to_host);
      backend.synchronize();
      if (backend.properties().computes) {
        EXPECT_EQ(std::vector<float>(seen, seen + some), wanted);
      }
    }
  });
}

TEST_P(Conformance, TimesFollowStreamsAndWaits) {
  play(1, [](Backend& backend, std::uint32_t) {
    Slab device(backend, Memory::device, 2 << 20);
    const Delay slow(device), fast(device);
    constexpr Stream streams[] = {Stream::compute, Stream::data, Stream::to_host};
    constexpr EventIndex rounds = 6;
    backend.create_events(rounds * 3);
    for (int step = 0; step < 2; ++step) {
      for (EventIndex e = 0; e < rounds * 3; ++e) {
        const Stream stream = streams[e % 3];
        if (e >= 2) backend.wait(e - 2, stream);
        (e % 3 == 0 ? slow : fast).launch(backend, stream);
        backend.record(e, stream);
      }
      backend.synchronize();
      for (EventIndex e = 2; e < rounds * 3; ++e) {
        EXPECT_GE(backend.time_of(e).v, backend.time_of(e - 2).v) << "waited for, event " << e;
        if (e >= 3) {
          EXPECT_GE(backend.time_of(e).v, backend.time_of(e - 3).v) << "one stream, event " << e;
        }
      }
    }
  });
}

// Rank 0 waits for rank 1 on one stream and still computes, copies and sends on others; rank 1 answers only
// then.
TEST_P(Conformance, AStreamThatWaitsForAPeerHoldsUpNothingElse) {
  if (world_->most_ranks() < 2) GTEST_SKIP() << "one rank";
  play(2, [](Backend& backend, std::uint32_t rank) {
    Slab device(backend, Memory::device, 1 << 20), host(backend, Memory::host, 1 << 18);
    float *const x = device.floats(some), *const y = device.floats(some), *const seen = host.floats(some),
                 *const values = host.floats(some);
    const GroupMembers groups[] = {{{0, 1}, Role::to_next}, {{0, 1}, Role::to_previous}};
    const std::uint32_t ids[] = {0, 1};
    backend.open_groups(groups, ids);
    backend.create_events(1);
    const std::vector<float> wanted = ramp(some, 1);
    std::copy(wanted.begin(), wanted.end(), values);
    const Transfer out{x, nullptr, some}, in{nullptr, y, some};
    const auto message = [](Kind kind, std::uint32_t group, const Transfer& t) {
      return Communication{kind, group, 0, DType::fp32, Reduction::sum, 0, {&t, 1}, "a message"};
    };
    const auto fetch = [&] {
      backend.copy(seen, rank == 0 ? x : y, bytes_of(some), Stream::compute);
      backend.record(0, Stream::compute);
      backend.synchronize(0);
      if (backend.properties().computes) {
        EXPECT_EQ(std::vector<float>(seen, seen + some), wanted);
      }
    };
    if (rank == 0) {
      backend.communicate(message(Kind::receive, 1, in), Stream::receive_next);
      backend.copy(x, values, bytes_of(some), Stream::compute);
      fetch();
      backend.communicate(message(Kind::send, 0, out), Stream::send_next);
    } else {
      backend.communicate(message(Kind::receive, 0, in), Stream::receive_previous);
      backend.synchronize();
      fetch();
      backend.communicate(message(Kind::send, 1, out), Stream::send_previous);
    }
    backend.synchronize();
  });
}

}  // namespace
}  // namespace orrery::testing
