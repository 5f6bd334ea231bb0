// What the simulator needs from outside: the contents of files, a clock to stop by, and threads. The caller
// implements these; sim itself opens nothing, reads no clock and starts no thread.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

// The text of a file by the name that the command line or another file gave it.
class Files {
 public:
  virtual ~Files() = default;
  // The whole content of `name`; ends in fail() when it can't be read.
  virtual std::string text(std::string_view name) = 0;
  virtual bool exists(std::string_view name) = 0;
  // The names of the files in a directory, without its path; empty if there is no such directory, or if the caller
  // can't tell: names are used for suggestions and lists only.
  virtual std::vector<std::string> list(std::string_view) { return {}; }
};

// Progress of a long piece of work, and the wish to stop it.
class Watch {
 public:
  virtual ~Watch() = default;
  virtual bool stop() = 0;
  virtual void progress(std::size_t done, std::size_t total, std::string_view what) = 0;
};

// Runs task(i, worker) for every i < count, in any order, worker < workers(); returns when all have ended.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual std::size_t workers() const = 0;
  virtual void run(std::size_t count, const std::function<void(std::size_t i, std::size_t worker)>& task) = 0;
};

}  // namespace orrery
