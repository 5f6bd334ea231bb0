// The MPI plug-in: how ranks find each other, and which of them share memory.
#include <fcntl.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/mpi.h"
#include "runtime/comm/mpi/mirror.h"
#include "runtime/comm/mpi/mpi_channel.h"
#include "sim/base/error.h"

namespace orrery::comm {
namespace {

// Open MPI's defaults send pieces by rendezvous, which works in one direction at a time (16 MiB all-reduce
// over two 1 Gbit/s links: 262 to 285 ms instead of 141), and let its sockets hold seconds of bulk.
void prefer_small_buffers() {
  constexpr std::array<std::pair<const char*, const char*>, 3> settings{
      {{"OMPI_MCA_btl_tcp_eager_limit", "163840"},
       {"OMPI_MCA_btl_tcp_sndbuf", "131072"},
       {"OMPI_MCA_btl_tcp_rcvbuf", "131072"}}};
  for (const auto& [variable, value] : settings) setenv(variable, value, 0);
}

// The channel between machines, which keeps the mirror going.
class MirroredChannel final : public MpiChannel {
 public:
  MirroredChannel(MPI_Comm world, Mirror& mirror) : MpiChannel(world), mirror_(mirror) {}
  bool progress() override {
    mirror_.progress();
    return MpiChannel::progress();
  }
  std::int64_t attend_every() const override { return Mirror::period_ns; }

 private:
  Mirror& mirror_;
};

class MpiConnection final : public Connection {
 public:
  explicit MpiConnection(const MpiConfig& config);
  ~MpiConnection() override;

  std::uint32_t rank() const override { return static_cast<std::uint32_t>(rank_); }
  std::uint32_t world() const override { return static_cast<std::uint32_t>(size_); }
  std::uint32_t local_rank() const override { return static_cast<std::uint32_t>(local_rank_); }
  Region& region() override { return *region_; }
  const std::vector<std::vector<std::uint32_t>>& machines() const override { return machines_; }
  std::unique_ptr<Channel> channel() override;

 private:
  void begin();
  void share(const MpiConfig&);
  std::vector<std::vector<std::uint32_t>> find_machines() const;

  int rank_ = 0, size_ = 0, local_rank_ = 0, local_size_ = 0;
  MPI_Comm machine_ = MPI_COMM_NULL, messages_ = MPI_COMM_NULL, control_ = MPI_COMM_NULL;
  std::vector<std::vector<std::uint32_t>> machines_;  // the world's ranks of each
  std::unique_ptr<Region> region_;
  std::unique_ptr<Mirror> mirror_;
};

MpiConnection::MpiConnection(const MpiConfig& config) {
  begin();
  const auto color = static_cast<int>(config.ranks_per_host > 0 ? rank() / config.ranks_per_host : 0);
  MPI_Comm near = MPI_COMM_NULL;
  require_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near),
              "MPI_Comm_split_type");
  require_mpi(MPI_Comm_split(near, color, rank_, &machine_), "MPI_Comm_split");
  MPI_Comm_free(&near);
  MPI_Comm_rank(machine_, &local_rank_);
  MPI_Comm_size(machine_, &local_size_);
  share(config);
  machines_ = find_machines();
  mirror_ = std::make_unique<Mirror>(control_, rank(), region_->board(), machines_);
}

void MpiConnection::begin() {
  prefer_small_buffers();
  int provided = 0;
  require_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED) throw DeviceError("this MPI allows no calls from several threads");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  require_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &messages_), "MPI_Comm_dup");
  require_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &control_), "MPI_Comm_dup");
}

// The first rank of a machine makes the region, the others find it among that process's open files.
void MpiConnection::share(const MpiConfig& config) {
  const auto ranks = static_cast<std::uint32_t>(local_size_);
  std::array<int, 2> place{getpid(), -1};
  if (local_rank_ == 0) {
    region_ = std::make_unique<Region>(ranks, config.arena, Sharing::processes, world());
    place[1] = region_->file();
  }
  require_mpi(MPI_Bcast(place.data(), 2, MPI_INT, 0, machine_), "MPI_Bcast");
  if (local_rank_ != 0) {
    const std::string path = "/proc/" + std::to_string(place[0]) + "/fd/" + std::to_string(place[1]);
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0)
      throw DeviceError(path + ": " + std::strerror(errno) + "; ranks of one machine must see each other's");
    region_ = std::make_unique<Region>(ranks, config.arena, world(), file);
  }
  require_mpi(MPI_Barrier(machine_), "MPI_Barrier");
}

std::vector<std::vector<std::uint32_t>> MpiConnection::find_machines() const {
  int first = rank_;
  require_mpi(MPI_Bcast(&first, 1, MPI_INT, 0, machine_), "MPI_Bcast");
  std::vector<int> first_of(static_cast<std::size_t>(size_));
  require_mpi(MPI_Allgather(&first, 1, MPI_INT, first_of.data(), 1, MPI_INT, MPI_COMM_WORLD),
              "MPI_Allgather");
  std::vector<std::vector<std::uint32_t>> all;
  std::vector<std::size_t> index(first_of.size());
  for (std::size_t r = 0; r < first_of.size(); ++r) {
    const auto f = static_cast<std::size_t>(first_of[r]);
    if (f == r) {
      index[r] = all.size();
      all.emplace_back();
    }
    all[index[f]].push_back(static_cast<std::uint32_t>(r));
  }
  return all;
}

std::unique_ptr<Channel> MpiConnection::channel() {
  for (const auto& ranks : machines_) {
    if (std::find(ranks.begin(), ranks.end(), rank()) == ranks.end()) continue;
    std::vector<std::uint32_t> near_index(world(), CombinedChannel::far);
    for (std::uint32_t i = 0; i < ranks.size(); ++i) near_index[ranks[i]] = i;
    return std::make_unique<CombinedChannel>(std::make_unique<MemoryChannel>(*region_, local_rank(), ranks),
                                             std::make_unique<MirroredChannel>(messages_, *mirror_),
                                             near_index);
  }
  return nullptr;
}

// After a failure peers may be gone, and MPI_Finalize would wait for them: tell the others why, and leave the
// rest to the launcher.
MpiConnection::~MpiConnection() {
  if (region_->board().aborted()) {
    mirror_->flush();
    std::this_thread::sleep_for(std::chrono::nanoseconds(2 * Mirror::period_ns));
    mirror_->flush();
    return;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  mirror_->close();
  MPI_Finalize();
}

}  // namespace
}  // namespace orrery::comm

extern "C" [[gnu::visibility("default")]] orrery::comm::Connection* orrery_mpi_connect(
    std::uint32_t abi, const orrery::comm::MpiConfig* config, char* error, std::size_t error_size) {
  if (abi != orrery::comm::mpi_abi) {
    std::snprintf(error, error_size, "built for interface %u, asked for %u", orrery::comm::mpi_abi, abi);
    return nullptr;
  }
  try {
    return new orrery::comm::MpiConnection(*config);
  } catch (const orrery::DeviceError& e) {
    std::snprintf(error, error_size, "%s", e.what());
    return nullptr;
  }
}
