// The plug-in that joins ranks started by an MPI launcher (mpirun, srun). MPI is loaded only then.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/comm/connection.h"
#include "sim/base/quantity.h"

namespace orrery::comm {

// Raised with every change of this header, of board.cc, connection.h, channel.h or region.h.
inline constexpr std::uint32_t mpi_abi = 3;

struct MpiConfig {
  Bytes arena{};                     // of each rank; see Region
  std::uint32_t ranks_per_host = 0;  // to emulate machines on one; 0: as they are
};

// What the plug-in exports, as C. On failure returns null and a sentence in `error`.
using MpiConnect = Connection* (*)(std::uint32_t abi, const MpiConfig*, char* error, std::size_t error_size);
inline constexpr const char* mpi_connect_symbol = "orrery_mpi_connect";

// Whether an MPI launcher started this process.
bool started_by_mpi();

// Loads the plug-in and joins the world; collective over it. Throws DeviceError.
std::unique_ptr<Connection> connect_by_mpi(const std::string& plug_in, const MpiConfig&);

}  // namespace orrery::comm
