// Backends that are loaded at run time: the binary has no dependency on what they need.
#pragma once
#include <memory>
#include <string>

#include "runtime/backend.h"
#include "runtime/comm/board.h"
#include "runtime/train/world.h"

namespace orrery {

// Loads the plug-in and creates its backend. Throws a DeviceError that says what is missing. The library
// stays loaded.
std::unique_ptr<Backend> load_backend(const std::string& plug_in, const BackendConfig&);

// The job of ranks that have a board in common and can talk over `world`.
class BoardLink final : public JobLink {
 public:
  BoardLink(World& world, comm::Board& board) : world_(world), board_(board) {}
  void gather(const void* mine, std::size_t bytes, void* all) override;
  std::string stopped() const override { return board_.aborted() ? board_.reason() : std::string(); }
  void stop(std::string_view reason) override { board_.abort(world_.rank(), reason); }
  void waits(std::string_view operation, std::int32_t receive_from, std::int32_t send_to) override;
  void waits_no_more() override { board_.set_waiting(world_.rank(), {}); }

 private:
  World& world_;
  comm::Board& board_;
};

}  // namespace orrery
