// What a command works with: the flags all share, files and presets, threads, progress, and where results go.
#pragma once
#include <string>
#include <string_view>

#include "sim/base/json.h"
#include "sim/base/library.h"
#include "tools/cli.h"
#include "tools/disk.h"
#include "tools/pool.h"
#include "tools/terminal.h"

namespace orrery {

class Session {
 public:
  explicit Session(const Globals&);

  const Globals& globals() const { return globals_; }
  DiskFiles& files() { return files_; }
  Library& library() { return library_; }
  ThreadPool& executor() { return pool_; }
  TerminalWatch& watch() { return watch_; }
  bool color() const { return color_; }
  const std::vector<std::string>& preset_directories() const { return directories_; }

  // The result for people, to -o; kept until finish() and left out when another output took stdout.
  void print(std::string_view text) { text_ += text; }
  // To a file, or stdout for "-"; nothing for "", the flag that was not given. Files appear at once.
  void write(const std::string& to, std::string_view content);
  void write_json(const Json& result) { write(globals_.json, result.dump() + "\n"); }
  void finish();
  // Another process of the job writes what this one would.
  void be_silent() { silent_ = true; }

 private:
  Globals globals_;
  DiskFiles files_;
  std::vector<std::string> directories_;
  Library library_;
  ThreadPool pool_;
  TerminalWatch watch_;
  bool color_, stdout_taken_ = false, silent_ = false;
  std::string text_;
};

}  // namespace orrery
