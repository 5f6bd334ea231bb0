#include "planner/whatif/variants.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "planner/whatif/values.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

using Path = std::vector<std::string>;

std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out += escape ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  return out;
}

Path parse_path(const std::string& text) {
  const bool pointer = text.starts_with('/');
  std::string plain = pointer ? text.substr(1) : text;
  if (!pointer) {
    plain.erase(std::remove(plain.begin(), plain.end(), ']'), plain.end());
    std::replace(plain.begin(), plain.end(), '[', '.');
  }
  Path out;
  for (std::size_t from = 0; from <= plain.size();) {
    const std::size_t to = std::min(plain.find(pointer ? '/' : '.', from), plain.size());
    out.push_back(pointer ? unescaped(plain.substr(from, to - from)) : plain.substr(from, to - from));
    from = to + 1;
  }
  if (std::find(out.begin(), out.end(), "") != out.end())
    fail({"--set", "", 0}, "a path such as cluster.groups.main.nodes", quoted(text));
  return out;
}

std::string pointer_to(const Path& path, std::size_t depth) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += "/" + pointer_part(path[i]);
  return out;
}

std::optional<std::string> name_of(const Json& item) {
  const Json* const name = item.is(Json::Kind::object) ? item.find("name") : nullptr;
  return name && name->is(Json::Kind::string) ? std::optional(name->string()) : std::nullopt;
}

// The item of a list by its index or name.
Json* find_item(Json& list, const std::string& token) {
  for (Json& item : list.items())
    if (name_of(item) == token) return &item;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool whole = error == std::errc() && end == token.data() + token.size();
  return whole && index < list.items().size() ? &list.items()[index] : nullptr;
}

[[noreturn]] void no_item(const Json& list, const std::string& token, const Where& where) {
  std::vector<std::string> names;
  std::string known;
  for (const Json& item : list.items())
    if (const auto name = name_of(item))
      names.push_back(*name), known += (known.empty() ? "" : ", ") + quoted(*name);
  std::string expected = list.items().empty()
                             ? "an item, but the list is empty"
                             : "an item from 0 to " + std::to_string(list.items().size() - 1);
  if (!known.empty()) expected += " or " + known;
  if (const auto near = nearest(token, names)) expected += "; did you mean " + quoted(*near) + "?";
  fail(where, expected, quoted(token));
}

Json* find_member(Json& object, const std::string& name) {
  for (Json::Member& m : object.members())
    if (m.first == name) return &m.second;
  return nullptr;
}

// Sets a member, which may be new: the reader of the document is the one to say that there is none of this
// name.
void set_at(Json& document, const Path& path, const Json& value, const std::string& file) {
  Json* at = &document;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (at->is(Json::Kind::array)) {
      Json* const item = find_item(*at, path[i]);
      if (!item) no_item(*at, path[i], {file, pointer_to(path, i), 0});
      at = item;
    } else if (at->is(Json::Kind::object)) {
      if (!find_member(*at, path[i])) at->set(path[i], Json::object());
      at = find_member(*at, path[i]);
    } else {
      fail({file, pointer_to(path, i), 0}, "an object or a list that holds " + quoted(path[i]),
           describe(*at));
    }
  }
  *at = value;
}

// How many steps of the path the document holds, and where they lead.
std::pair<std::size_t, const Json*> follow(Json& document, const Path& path) {
  Json* at = &document;
  for (std::size_t i = 0; i < path.size(); ++i) {
    Json* const next = at->is(Json::Kind::array)    ? find_item(*at, path[i])
                       : at->is(Json::Kind::object) ? find_member(*at, path[i])
                                                    : nullptr;
    if (!next) return {i, at};
    at = next;
  }
  return {path.size(), at};
}

// Whether a path is set in the document as it stands.
bool is_in_file(Json document, const Path& path) {
  const auto [depth, at] = follow(document, path);
  if (depth == path.size() || path.size() == 1) return true;
  if (depth + 1 < path.size() || !at->is(Json::Kind::object)) return false;
  const bool reference = at->find("preset") || at->find("file");
  return reference && (path.back() == "preset" || path.back() == "file" || path.back() == "nodes");
}

}  // namespace

Axis parse_axis(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    fail({"--set", "", 0}, "PATH=VALUES such as cluster.nodes=8..128x2", quoted(text));
  Axis axis{std::string(text.substr(0, equals)), {}};
  axis.values = parse_values(text.substr(equals + 1), {"--set " + axis.path, "", 0});
  return axis;
}

Grid::Grid(std::vector<Axis> axes) : axes_(std::move(axes)), stride_(axes_.size()) {
  for (std::size_t a = axes_.size(); a-- > 0;) {
    stride_[a] = size_;
    size_ *= axes_[a].values.size();
    if (size_ > most_points) fail({"--set", "", 0}, "a grid of at most 1,000,000 points");
  }
}

const Json& Grid::value(std::size_t point, std::size_t axis) const {
  return axes_[axis].values[point / stride_[axis] % axes_[axis].values.size()];
}

Variants::Variants(Json document, std::string file, const Library& library, Grid grid)
    : document_(std::move(document)),
      file_(std::move(file)),
      base_(read_scenario(document_, file_, library)),
      grid_(std::move(grid)) {
  resolved_ = write_scenario(base_);
  // Without a slash, so that the path of the calibration is as it stands.
  resolved_file_ = file_.substr(file_.rfind('/') + 1) + " (resolved)";
  if (!document_.find("calibration")) {  // the default of the device, which may be varied
    std::vector<Json::Member>& members = resolved_.members();
    std::erase_if(members, [](const Json::Member& m) { return m.first == "calibration"; });
  }
  for (const Axis& axis : grid_.axes()) {
    paths_.push_back(parse_path(axis.path));
    in_file_.push_back(is_in_file(document_, paths_.back()));
  }
}

Scenario Variants::read(const std::vector<Setting>& settings, const Library& library) const {
  const auto in_file = [this](const Setting& s) { return bool{in_file_[s.axis]}; };
  const bool some_in_file = std::any_of(settings.begin(), settings.end(), in_file);
  const bool all_in_file = std::all_of(settings.begin(), settings.end(), in_file);
  Json resolved = resolved_;
  if (some_in_file) {
    Json document = document_;
    for (const Setting& s : settings)
      if (in_file(s)) set_at(document, paths_[s.axis], *s.value, file_);
    Scenario scenario = read_scenario(document, file_, library);
    if (all_in_file) return scenario;
    resolved = write_scenario(scenario);
    if (!document.find("calibration"))
      std::erase_if(resolved.members(), [](const Json::Member& m) { return m.first == "calibration"; });
  }
  for (const Setting& s : settings)
    if (!in_file(s)) set_at(resolved, paths_[s.axis], *s.value, resolved_file_);
  return read_scenario(resolved, resolved_file_, library);
}

Scenario Variants::at(std::size_t point, const Library& library) const {
  std::vector<Setting> settings;
  for (std::size_t a = 0; a < grid_.axes().size(); ++a) settings.push_back({a, &grid_.value(point, a)});
  return settings.empty() ? base_ : read(settings, library);
}

Scenario Variants::with(std::size_t axis, std::size_t value, const Library& library) const {
  return read({{axis, &grid_.axes()[axis].values[value]}}, library);
}

std::optional<std::string> Variants::nearest_path(std::size_t axis) const {
  Path path = paths_[axis];
  Json document = in_file_[axis] ? document_ : resolved_;
  const auto [depth, at] = follow(document, path);
  if (depth == path.size() || !at->is(Json::Kind::object)) return std::nullopt;
  std::vector<std::string> known;
  for (const Json::Member& m : at->members()) known.push_back(m.first);
  const auto near = nearest(path[depth], known);
  if (!near) return std::nullopt;
  path[depth] = *near;
  std::string out;
  for (const std::string& name : path) out += (out.empty() ? "" : ".") + name;
  return out;
}

}  // namespace orrery
