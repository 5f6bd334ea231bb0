// One rank on the CPU backend, over a connection to the others: what it has for itself, in the order in which
// it must go.
#pragma once
#include <memory>

#include "runtime/comm/connection.h"
#include "runtime/comm/engine.h"
#include "runtime/cpu/backend.h"
#include "runtime/train/world.h"

namespace orrery {

struct CpuRank {
  explicit CpuRank(comm::Connection& c)
      : channel(c.channel()),
        engine(c.rank(), *channel, c.region().bell(c.local_rank()), c.region().board(),
               c.region().arena(c.local_rank())),
        backend(engine, c.region().arena(c.local_rank())),
        world(engine, c.rank(), c.world()) {}

  std::unique_ptr<comm::Channel> channel;
  comm::Engine engine;
  CpuBackend backend;
  World world;
};

}  // namespace orrery
