// What the references in files lead to. Where a model, cluster or plan is expected, a reference may stand instead:
//   {"preset": "h100-sxm"}     clusters/h100-sxm.json in the first of the caller's directories that has it
//   {"file": "plan.json"}      relative to the file that says so
// each with "override": {...}, which is laid over the target as RFC 7396 has it (objects merge, the rest replaces,
// null removes); what a model's overrides mean is the model room's to say. Targets are ordinary files whose "schema" is checked first; they may refer on, but not back to a
// file that is being read. A Library holds no documents, only the names of files; thread-compatible.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/interfaces.h"
#include "sim/base/json.h"
#include "sim/base/reader.h"

namespace orrery {

class Library {
 public:
  enum class Kind : std::uint8_t { scenario, model, cluster, device, plan, calibration };
  static std::string_view schema(Kind);     // "orrery.plan/1"
  static std::string_view directory(Kind);  // "plans"

  // `directories`: of presets, each with models/, clusters/, devices/, plans/, calibrations/; the first wins.
  Library(Files& files, std::vector<std::string> directories)
      : files_(&files), directories_(std::move(directories)) {}

  // A file that was read, with the FNV-1a digest of its bytes: what a result names as its inputs.
  struct Input {
    std::string path;
    std::uint64_t digest = 0;
    bool operator==(const Input&) const = default;
  };
  const std::vector<Input>& inputs() const { return inputs_; }  // in order of opening, each once
  Library fresh() const { return {*files_, directories_}; }     // with no inputs yet

  const std::vector<std::string>& directories() const { return directories_; }
  bool exists(const std::string& path) const { return files_->exists(path); }
  // The content of a file that is read by others, and from now on one of the inputs.
  std::string text(const std::string& path);

  // The names of all presets of a kind, sorted, each once.
  std::vector<std::string> presets(Kind) const;
  // The file of a preset; ends in fail() at `by`, with the nearest name, if there is none.
  std::string preset(Kind, std::string_view name, const Where& by) const;
  // The file that `reference` means to `by.file`: with a slash or ending in .json a path, else a preset.
  std::string locate(Kind, std::string_view reference, const Where& by) const;

  // Calls read(Reader) with the thing that `part` is or refers to, and gives what that returns; the Reader ends with
  // the call. Of a reference it takes "preset", "file" and (but for models) "override"; other members and done() are
  // the caller's.
  template <class Read>
  auto follow(const Reader& part, Kind kind, Read read) {
    const Reference to = reference(part, kind);
    if (!to.path.empty()) return open(to, kind, read);
    if (part.has("schema")) Reader(part).schema(schema(kind));
    return read(part);
  }

  // The same for the file `path`, named at `by` (which has no file if it was the command line).
  template <class Read>
  auto open(const std::string& path, Kind kind, const Where& by, Read read) {
    return open(Reference{path, by, nullptr}, kind, read);
  }

  // The same for a file that may be of a format that isn't ours: its schema is the caller's to check.
  template <class Read>
  auto open_foreign(const std::string& path, const Where& by, Read read) {
    const Opened opened(*this, {path, by, nullptr});
    return read(Reader(opened.document, opened.name));
  }

 private:
  struct Reference {
    std::string path;                 // empty: not a reference
    Where by;
    const Json* override_with = nullptr;
  };
  // A file while it is being read.
  struct Opened {
    Opened(Library&, const Reference&);
    ~Opened() { library.open_.pop_back(); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    Library& library;
    std::string name;                 // for messages
    Json document;
  };

  template <class Read>
  auto open(const Reference& to, Kind kind, Read read) {
    const Opened opened(*this, to);
    Reader root(opened.document, opened.name);
    root.schema(schema(kind));
    const Reference on = reference(root, kind);
    if (on.path.empty()) return read(static_cast<const Reader&>(root));
    root.done();
    return open(on, kind, read);
  }

  Reference reference(const Reader& part, Kind kind) const;
  void note(const std::string& path, std::string_view text);

  Files* files_;
  std::vector<std::string> directories_;
  std::vector<std::string> open_;
  std::vector<Input> inputs_;
};

// `reference` as seen from `file`: an absolute path stays, another is taken from the file's directory; "." and ".."
// are folded.
std::string beside(std::string_view file, std::string_view reference);

}  // namespace orrery
