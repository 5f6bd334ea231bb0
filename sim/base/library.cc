#include "sim/base/library.h"

#include <algorithm>
#include <array>

#include "sim/base/utf8.h"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 6> schemas{"orrery.scenario/1", "orrery.model/1",
                                                  "orrery.cluster/1",  "orrery.device/1",
                                                  "orrery.plan/1",     "orrery.calibration/1"};
constexpr std::array<std::string_view, 6> names{"scenario", "model", "cluster",
                                                "device",   "plan",  "calibration"};
constexpr std::array<std::string_view, 6> folders{"scenarios", "models", "clusters",
                                                  "devices",   "plans",  "calibrations"};

constexpr std::string_view suffix = ".json";

bool ends_in_json(std::string_view s) { return s.size() > suffix.size() && s.ends_with(suffix); }

// From here on no line is known: the node stands in another file than its neighbours.
void forget_lines(Json& json) {
  json.set_line(0);
  for (Json& item : json.items()) forget_lines(item);
  for (Json::Member& member : json.members()) forget_lines(member.second);
}

// RFC 7396.
void merge(Json& into, const Json& patch) {
  if (!patch.is(Json::Kind::object)) {
    into = patch;
    forget_lines(into);
    return;
  }
  if (!into.is(Json::Kind::object)) into = Json::object();
  for (const Json::Member& change : patch.members()) {
    std::vector<Json::Member>& members = into.members();
    const auto same = [&change](const Json::Member& m) { return m.first == change.first; };
    auto at = std::find_if(members.begin(), members.end(), same);
    if (change.second.is(Json::Kind::null)) {
      if (at != members.end()) members.erase(at);
    } else {
      if (at == members.end()) at = members.insert(members.end(), {change.first, Json::object()});
      merge(at->second, change.second);
    }
  }
}

std::string parent(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(file.substr(0, slash + 1));
}

}  // namespace

std::string beside(std::string_view file, std::string_view reference) {
  const std::string path =
      reference.starts_with('/') ? std::string(reference) : parent(file) + std::string(reference);
  std::vector<std::string_view> parts;
  const std::string_view all = path;
  for (std::size_t from = 0; from <= all.size();) {
    const std::size_t to = std::min(all.find('/', from), all.size());
    const std::string_view part = all.substr(from, to - from);
    from = to + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else if (part != ".." || !all.starts_with('/'))
      parts.push_back(part);
  }
  std::string out = all.starts_with('/') ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) out.append(i == 0 ? "" : "/").append(parts[i]);
  return out.empty() ? "." : out;
}

std::string_view Library::schema(Kind kind) { return schemas[static_cast<std::size_t>(kind)]; }
std::string_view Library::directory(Kind kind) { return folders[static_cast<std::size_t>(kind)]; }

std::vector<std::string> Library::presets(Kind kind) const {
  std::vector<std::string> out;
  for (const std::string& base : directories_)
    for (const std::string& file : files_->list(base + "/" + std::string(directory(kind))))
      if (ends_in_json(file)) out.push_back(file.substr(0, file.size() - suffix.size()));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string Library::preset(Kind kind, std::string_view name, const Where& by) const {
  const std::string what(names[static_cast<std::size_t>(kind)]);
  const bool plain = !name.empty() && name.find('/') == std::string_view::npos;
  for (const std::string& base : directories_) {
    const std::string path =
        base + "/" + std::string(directory(kind)) + "/" + std::string(name) + std::string(suffix);
    if (plain && files_->exists(path)) return path;
  }
  constexpr std::size_t most_listed = 8;
  const std::vector<std::string> known = presets(kind);
  std::string expected = "a preset of a " + what;
  if (const auto slip =
          nearest(name.substr(0, ends_in_json(name) ? name.size() - suffix.size() : name.size()), known)) {
    expected += " such as " + quoted(*slip);
  } else if (known.size() > most_listed) {
    expected += " (orrery list shows them)";
  } else if (!known.empty()) {
    expected += " (";
    for (std::size_t i = 0; i < known.size(); ++i) expected += (i == 0 ? "" : ", ") + known[i];
    expected += ")";
  }
  fail(by, expected, quoted(name));
}

std::string Library::locate(Kind kind, std::string_view reference, const Where& by) const {
  if (reference.find('/') == std::string_view::npos && !ends_in_json(reference))
    return preset(kind, reference, by);
  return beside(by.file, reference);
}

Library::Reference Library::reference(const Reader& part, Kind kind) const {
  if (kind == Kind::scenario) return {};
  const bool preset_named = part.has("preset"), file_named = part.has("file");
  if (!preset_named && !file_named) return {};
  if (preset_named && file_named) part.fail_at("file", "either \"preset\" or \"file\", not both");
  const std::string_view key = preset_named ? "preset" : "file";
  Reference to;
  to.by = part.where(key);
  const std::string named = part.string(key);
  if (named.empty()) part.fail_at(key, preset_named ? "the name of a preset" : "the path of a file");
  to.path = preset_named ? preset(kind, named, to.by) : beside(to.by.file, named);
  if (kind != Kind::model && part.has("override")) to.override_with = &part.object("override").value();
  return to;
}

std::string Library::text(const std::string& path) {
  std::string content = files_->text(path);
  note(path, content);
  return content;
}

void Library::note(const std::string& path, std::string_view text) {
  const auto same = [&path](const Input& input) { return input.path == path; };
  if (std::any_of(inputs_.begin(), inputs_.end(), same)) return;
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bits: offset basis and prime of its authors
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  inputs_.push_back({path, digest});
}

Library::Opened::Opened(Library& owner, const Reference& to) : library(owner), name(to.path) {
  std::vector<std::string>& chain = library.open_;
  if (std::find(chain.begin(), chain.end(), to.path) != chain.end()) {
    std::string found;
    for (const std::string& file : chain) found += file + " -> ";
    fail(to.by, "a file that does not refer back to itself", found + to.path);
  }
  if (!to.by.file.empty() && !library.files_->exists(to.path))
    fail(to.by, "the path of a file", "no file at " + quoted(to.path, 200));
  document = parse_json(library.text(to.path), to.path);
  if (to.override_with != nullptr) {
    merge(document, *to.override_with);
    name += " (overridden)";
  }
  chain.push_back(to.path);
}

}  // namespace orrery
