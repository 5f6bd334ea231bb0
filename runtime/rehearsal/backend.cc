#include "runtime/rehearsal/backend.h"

#include <sys/mman.h>

#include <algorithm>

#include "sim/base/error.h"

namespace orrery::rehearsal {

// Addresses without memory behind them: whoever touches them is stopped at once.
struct RehearsalBackend::Reserved {
  explicit Reserved(std::size_t n) : bytes(std::max<std::size_t>(n, 1)) {
    address = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
      throw DeviceError("no addresses left for " + std::to_string(bytes) + " bytes of a rank");
  }
  ~Reserved() { munmap(address, bytes); }
  Reserved(const Reserved&) = delete;
  Reserved& operator=(const Reserved&) = delete;
  std::size_t bytes;
  void* address;
};

RehearsalBackend::RehearsalBackend(World& world, std::uint32_t rank, std::span<const CostClass> classes,
                                   std::span<const Price> prices)
    : world_(world), rank_(rank), classes_(classes), prices_(prices) {
  ORRERY_CHECK(classes.size() == prices.size());
}

RehearsalBackend::~RehearsalBackend() { world_.leave(rank_); }

BackendProperties RehearsalBackend::properties() const {
  BackendProperties p;
  p.name = "rehearsal";
  p.computes = false;
  p.real_time = false;
  return p;
}

void* RehearsalBackend::allocate(Bytes bytes, Memory memory) {
  const auto size = static_cast<std::size_t>(bytes.v);
  if (memory == Memory::host) return host_memory_.emplace_back(size).data();
  return device_memory_.emplace_back(std::make_unique<Reserved>(size))->address;
}

void RehearsalBackend::open_groups(std::span<const GroupMembers> groups, std::span<const std::uint32_t> ids) {
  ORRERY_CHECK(groups.size() == ids.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    world_.open_group(ids[g], groups[g].members);
    groups_.push_back(ids[g]);
  }
}

// Times of earlier steps are no longer asked for.
void RehearsalBackend::forget() {
  if (!synchronized_) return;
  synchronized_ = false;
  std::fill(events_.begin(), events_.end(), nullptr);
  world_.forget(rank_);
  records_.clear();
}

Tick RehearsalBackend::issue(std::uint32_t cost_class) {
  forget();
  return host_ += prices_[cost_class].launch;
}

void RehearsalBackend::launch(const Kernel& kernel, Stream stream) {
  if (kernel.cost_class == no_cost) return;
  world_.work(rank_, stream, issue(kernel.cost_class), prices_[kernel.cost_class].total());
}

void RehearsalBackend::communicate(const Communication& c, Stream stream) {
  Invitation meeting{groups_.at(c.group), c.sequence, c.kind, 0, c.label};
  for (const Transfer& t : c.transfers) meeting.bytes += t.count * size_of(c.dtype);
  world_.meet(rank_, stream, issue(c.cost_class), prices_[c.cost_class].total(), meeting);
}

// A copy has no class: it is the Program's copy of so many bytes, or one that the Program does not have and
// takes no time.
void RehearsalBackend::copy(void*, const void*, Bytes bytes, Stream stream) {
  const auto found = std::find_if(classes_.begin(), classes_.end(), [bytes](const CostClass& c) {
    return c.kind == Kind::copy && c.bytes == bytes;
  });
  if (found == classes_.end()) return;
  const auto cost_class = static_cast<std::uint32_t>(found - classes_.begin());
  world_.work(rank_, stream, issue(cost_class), prices_[cost_class].total());
}

void RehearsalBackend::record(EventIndex event, Stream stream) {
  forget();
  events_.at(event) = &records_.emplace_back();
  world_.record(rank_, stream, host_, records_.back());
}

void RehearsalBackend::wait(EventIndex event, Stream stream) {
  forget();
  if (const Record* r = events_.at(event)) world_.wait(rank_, stream, *r);
}

void RehearsalBackend::synchronize() {
  host_ = std::max(host_, world_.drain(rank_));
  synchronized_ = true;
}

void RehearsalBackend::synchronize(EventIndex event) {
  if (const Record* r = events_.at(event)) host_ = std::max(host_, world_.await(rank_, *r));
}

void RehearsalBackend::work_on_host(std::uint32_t cost_class) {
  world_.work(rank_, Stream::host, issue(cost_class), prices_[cost_class].total());
  host_ = std::max(host_, world_.drain(rank_, World::only(Stream::host)));
}

}  // namespace orrery::rehearsal
