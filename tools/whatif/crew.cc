#include "tools/whatif/crew.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/comm/board.h"
#include "runtime/comm/mpi.h"
#include "sim/base/error.h"
#include "tools/disk.h"

namespace orrery {
namespace {

comm::Signature signature(std::size_t bytes, std::uint32_t sequence) {
  return {bytes, 0, sequence, Kind::send, DType::uint8, comm::Apply::copy};
}

// Between two looks at the channel: longer each time in vain, for looks cost time of a core that works on pieces.
class Patience {
 public:
  void after(bool progress) {
    if (progress) {
      pause_ = shortest;
      return;
    }
    std::this_thread::sleep_for(pause_);
    pause_ = std::min(2 * pause_, longest);
  }

 private:
  static constexpr std::chrono::microseconds shortest{100}, longest{3000};
  std::chrono::microseconds pause_ = shortest;
};

}  // namespace

// A rank whose pieces rank 0 receives: first how long a text is, then the text.
struct Crew::Peer {
  std::size_t piece = 0;
  std::uint32_t sequence = 0;
  std::uint64_t length = 0;
  bool has_length = false, done = false;
  std::string text;
  comm::Request request;
};

// Texts that are ready to be sent, by piece.
struct Crew::Outbox {
  std::mutex mutex;
  std::condition_variable ready;
  std::map<std::size_t, std::string> texts;
  bool failed = false;

  void put(std::size_t piece, std::string text) {
    const std::lock_guard lock(mutex);
    texts.emplace(piece, std::move(text));
    ready.notify_one();
  }
  void give_up() {
    const std::lock_guard lock(mutex);
    failed = true;
    ready.notify_one();
  }
  // Empty: there will be none.
  std::string take(std::size_t piece) {
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return failed || texts.contains(piece); });
    const auto at = texts.find(piece);
    if (at == texts.end()) return {};
    std::string text = std::move(at->second);
    texts.erase(at);
    return text;
  }
};

std::unique_ptr<Crew> Crew::join() {
  if (!comm::started_by_mpi()) return nullptr;
  const std::string plug_in = shipped_library("orrery_mpi.so");
  if (plug_in.empty())
    throw DeviceError(
        "started by an MPI launcher, but there is no orrery_mpi.so beside orrery or in lib/orrery of its "
        "installation: it is built where MPI is installed");
  return std::unique_ptr<Crew>(new Crew(comm::connect_by_mpi(plug_in, {.arena = {std::int64_t{1} << 20}})));
}

Crew::Crew(std::unique_ptr<comm::Connection> connection)
    : connection_(std::move(connection)), channel_(connection_->channel()) {
  watchdog_ = std::make_unique<comm::Watchdog>(connection_->rank(), connection_->region().board(),
                                               comm::WatchdogOptions{});
}

// The channel and the watchdog use the connection.
Crew::~Crew() {
  channel_.reset();
  watchdog_.reset();
}

void Crew::end_if_failed() const {
  const comm::Board& board = connection_->region().board();
  if (board.aborted()) throw DeviceError(board.reason());
}
bool Crew::asked_to_end() const { return connection_->region().board().asked_to_end(); }
void Crew::ask_to_end() const { connection_->region().board().ask_to_end(); }
void Crew::fail(const std::string& why) const {
  connection_->region().board().abort(connection_->rank(), why);
}

void Crew::await(const comm::Request& request) {
  for (Patience patience; !request.done();) {
    patience.after(channel_->progress());
    end_if_failed();
  }
}

void Crew::send(std::uint32_t peer, const void* from, std::size_t bytes, std::uint32_t sequence) {
  comm::Request request;
  channel_->send(
      {peer, Stream::data, static_cast<const std::byte*>(from), bytes, signature(bytes, sequence), &request});
  await(request);
}

void Crew::post(std::uint32_t peer, std::byte* to, std::size_t bytes, std::uint32_t sequence,
                comm::Request& request) {
  channel_->receive(
      {peer, Stream::data, to, nullptr, bytes, comm::Apply::copy, signature(bytes, sequence), &request});
}

std::uint64_t Crew::agree(std::uint64_t number) {
  constexpr std::uint32_t sequence = 0;
  if (rank() == 0) {
    for (std::uint32_t peer = 1; peer < size(); ++peer) send(peer, &number, sizeof number, sequence);
    return number;
  }
  comm::Request request;
  post(0, reinterpret_cast<std::byte*>(&number), sizeof number, sequence, request);
  await(request);
  return number;
}

void Crew::receive_all(std::size_t pieces, const Take& take) {
  std::vector<Peer> peers(size());
  std::size_t open = 0;
  const auto listen = [&](std::uint32_t r) {
    peers[r].has_length = false;
    post(r, reinterpret_cast<std::byte*>(&peers[r].length), sizeof peers[r].length, ++peers[r].sequence,
         peers[r].request);
  };
  for (std::uint32_t r = 1; r < size(); ++r) {
    peers[r].piece = r;
    peers[r].done = r >= pieces;
    if (peers[r].done) continue;
    ++open;
    listen(r);
  }
  for (Patience patience; open > 0;) {
    patience.after(channel_->progress());
    end_if_failed();
    for (std::uint32_t r = 1; r < size(); ++r) {
      Peer& peer = peers[r];
      if (peer.done || !peer.request.done()) continue;
      if (!peer.has_length && peer.length > 0) {
        peer.has_length = true;
        peer.text.resize(peer.length);
        post(r, reinterpret_cast<std::byte*>(peer.text.data()), peer.length, ++peer.sequence, peer.request);
        continue;
      }
      if (peer.has_length) take(peer.piece, peer.text);
      peer.piece += size();
      peer.done = !peer.has_length || peer.piece >= pieces;
      if (peer.done)
        --open;
      else
        listen(r);
    }
  }
}

void Crew::send_all(std::size_t pieces, Outbox& outbox) {
  std::uint32_t sequence = 0;
  for (std::size_t piece = rank(); piece < pieces; piece += size()) {
    const std::string text = outbox.take(piece);
    const std::uint64_t length = text.size();
    send(0, &length, sizeof length, ++sequence);
    if (length == 0) return;
    send(0, text.data(), text.size(), ++sequence);
  }
}

void Crew::run(std::size_t pieces, Executor& executor, const Work& work, const Take& take) {
  Outbox outbox;
  std::exception_ptr failure;
  std::thread mail([&] {
    try {
      if (rank() == 0)
        receive_all(pieces, take);
      else
        send_all(pieces, outbox);
    } catch (const std::exception& e) {
      failure = std::current_exception();
      fail(e.what());
    }
  });
  const std::size_t mine = pieces > rank() ? (pieces - rank() + size() - 1) / size() : 0;
  try {
    executor.run(mine, [&](std::size_t i, std::size_t worker) {
      end_if_failed();
      const std::size_t piece = rank() + i * size();
      std::string text = work(piece, worker);
      if (rank() != 0) outbox.put(piece, std::move(text));
    });
  } catch (const std::exception& e) {
    fail(e.what());
    outbox.give_up();
    mail.join();
    throw;
  }
  mail.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace orrery
