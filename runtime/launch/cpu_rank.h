// One rank on the CPU backend, or on one of a plug-in, over a connection to the others: what it has for
// itself, in the order in which it must go. play() gives its backend and world to what it is to do.
#pragma once
#include <exception>
#include <memory>

#include "runtime/comm/connection.h"
#include "runtime/comm/engine.h"
#include "runtime/cpu/backend.h"
#include "runtime/launch/plug_in.h"
#include "runtime/train/world.h"

namespace orrery {

struct CpuRank {
  explicit CpuRank(comm::Connection& c)
      : channel(c.channel()),
        engine(c.rank(), *channel, c.region().bell(c.local_rank()), c.region().board(),
               c.region().arena(c.local_rank())),
        backend(engine, c.region().arena(c.local_rank())),
        world(engine, c.rank(), c.world()) {}

  template <class Body>
  void play(const Body& body) {
    body(backend, world);
  }

  std::unique_ptr<comm::Channel> channel;
  comm::Engine engine;
  CpuBackend backend;
  World world;
};

struct PlugInRank {
  PlugInRank(comm::Connection& c, const std::string& plug_in)
      : channel(c.channel()),
        engine(c.rank(), *channel, c.region().bell(c.local_rank()), c.region().board(),
               c.region().arena(c.local_rank())),
        world(engine, c.rank(), c.world()),
        job(world, c.region().board()),
        backend(load_backend(plug_in, {c.rank(), c.world(), c.local_rank(), &job})) {}

  // What fails is told to the job before the backend goes: as it closes its connections, the others see
  // those fail, and theirs would be the first word.
  template <class Body>
  void play(const Body& body) {
    try {
      body(*backend, world);
    } catch (const std::exception& e) {
      job.stop(e.what());
      throw;
    }
  }

  std::unique_ptr<comm::Channel> channel;
  comm::Engine engine;
  World world;
  BoardLink job;
  std::unique_ptr<Backend> backend;
};

}  // namespace orrery
