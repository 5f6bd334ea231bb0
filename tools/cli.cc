#include "tools/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "sim/base/reader.h"
#include "tools/errors.h"
#include "tools/version.h"

namespace orrery {
namespace {

CLI::Option* add(CLI::App& app, const Flag& flag) {
  CLI::Option* option = std::visit(
      [&](auto* into) -> CLI::Option* {
        if constexpr (std::is_same_v<decltype(into), bool*>) return app.add_flag(flag.name, *into, flag.help);
        else return app.add_option(flag.name, *into, flag.help);
      },
      flag.into);
  if (flag.required) option->required();
  if (!flag.value.empty()) option->type_name(flag.value);
  if (!flag.words.empty()) option->check(CLI::IsMember(flag.words));
  return option;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  const auto near = nearest(name, candidates);
  return near ? "; did you mean " + *near + "?" : "";
}

std::vector<std::string> names(const Commands& commands) {
  std::vector<std::string> out;
  for (const auto& c : commands) out.emplace_back(c->name());
  return out;
}

// Flags that the program itself understands, before any command.
constexpr std::string_view own_flags[] = {"-h", "--help", "--version"};

// Whether `name` is of the group of commands "profile": "profile import".
bool in_group(std::string_view name, std::string_view group) {
  return name.size() > group.size() && name.starts_with(group) && name[group.size()] == ' ';
}

[[noreturn]] void refuse_word(std::string_view group, const std::string& second, const Commands& commands) {
  std::string all;
  std::vector<std::string> seconds;
  for (const auto& c : commands)
    if (in_group(c->name(), group)) seconds.emplace_back(c->name().substr(group.size() + 1));
  for (const std::string& s : seconds) all += (all.empty() ? "" : ", ") + s;
  const std::string found = second.empty() ? "" : ", not " + second + suggestion(second, seconds);
  throw UsageError("orrery " + std::string(group) + " takes a second word: " + all + found);
}

// The first word, or the first two, must be a command: CLI11 would only say that an argument was not expected.
Command* find_command(int argc, const char* const* argv, const Commands& commands) {
  if (argc < 2) return nullptr;
  const auto own = [](std::string_view word) { return std::find(std::begin(own_flags), std::end(own_flags), word) != std::end(own_flags); };
  const std::string_view first = argv[1];
  const std::string second = argc > 2 ? argv[2] : "";
  if (own(first)) return nullptr;
  bool group = false;
  for (const auto& c : commands) {
    if (c->name() == first || c->name() == std::string(first) + " " + second) return c.get();
    group = group || in_group(c->name(), first);
  }
  if (group && own(second)) return nullptr;
  if (group) refuse_word(first, second, commands);
  if (first.starts_with("-"))
    throw UsageError(std::string(first) + " before a command: write orrery COMMAND " + std::string(first) + " ...");
  throw UsageError("no command " + std::string(first) + suggestion(first, names(commands)) +
                   " (orrery --help lists all)");
}

std::string where_to_look(const Command* command) {
  return command ? " (orrery " + std::string(command->name()) + " --help)" : " (orrery --help)";
}

// What the command line holds beyond the declared flags and arguments.
void refuse_extras(std::vector<std::string> extras, const Command* command, const std::vector<Flag>& flags) {
  if (extras.empty()) return;
  const auto is_flag = [](const std::string& s) { return s.size() > 1 && s.front() == '-'; };
  const auto flag = std::find_if(extras.begin(), extras.end(), is_flag);
  if (flag == extras.end()) throw UsageError("unexpected argument " + extras.front() + where_to_look(command));
  const std::string unknown = flag->substr(0, flag->find('='));
  std::vector<std::string> candidates;
  for (const Flag& f : flags)
    if (!positional(f)) candidates.push_back(long_name(f));
  throw UsageError("no flag " + unknown + suggestion(unknown, candidates) + where_to_look(command));
}

[[noreturn]] void explain(const CLI::ParseError& error, const Command* command) {
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  throw UsageError(what + where_to_look(command));
}

void describe_program(CLI::App& app) {
  app.name("orrery");
  app.require_subcommand(1);
  app.set_version_flag("--version", "orrery " + std::string(version));
  app.footer(
      "Quantities are strings with units (\"400 Gb/s\"); presets: orrery list models, list clusters.\n"
      "Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 bad input file, 4 environment, 5 internal bug, 130 interrupted.");
}

// The place of a command in the tree: "profile import" stands below "profile".
CLI::App* add_command(CLI::App& app, const Command& command) {
  const std::string name(command.name());
  const std::size_t space = name.find(' ');
  if (space == std::string::npos) return app.add_subcommand(name, std::string(command.summary()));
  const std::string group = name.substr(0, space), word = name.substr(space + 1);
  const auto same = app.get_subcommands([&](CLI::App* sub) { return sub->get_name() == group; });
  CLI::App* const above = same.empty() ? app.add_subcommand(group) : same.front();
  above->description((same.empty() ? "Commands of their own: " : above->get_description() + ", ") + word);
  above->require_subcommand(1);
  return above->add_subcommand(word, std::string(command.summary()));
}

// Of the command, or of what the line names above it.
std::string help_of(const CLI::App& app, const CLI::App* command) {
  if (!command && !app.get_subcommands().empty()) command = app.get_subcommands().front();
  if (!command) return app.help();
  const std::string above = command->get_parent() == &app ? "" : " " + command->get_parent()->get_name();
  return command->help("orrery" + above);
}

}  // namespace

bool positional(const Flag& flag) { return !flag.name.starts_with("-"); }

std::string long_name(const Flag& flag) { return flag.name.substr(flag.name.rfind(',') + 1); }

std::vector<Flag> shared_flags(const Command& command, Globals& g) {
  const unsigned can = command.outputs();
  std::vector<Flag> out;
  if (can & writes_json) out.push_back({"--json", "FILE|-", "write the result as JSON; - for stdout", &g.json});
  if (can & writes_csv) out.push_back({"--csv", "FILE|-", "write the table as CSV", &g.csv});
  if (can & writes_markdown) out.push_back({"--md", "FILE|-", "write the report as Markdown", &g.markdown});
  if (can & writes_svg) out.push_back({"--svg", "FILE|-", "write the picture", &g.svg});
  if (can & writes_trace)
    out.push_back({"--trace", "FILE", "write the timeline: .json or .json.gz for Chrome, .pftrace for Perfetto", &g.trace});
  out.push_back({"-o,--output", "FILE", "write the text here instead of stdout", &g.output});
  out.push_back({"--threads", "N", "threads to use; 0: all cores", &g.threads});
  out.push_back({"--no-color", "", "no colours (also: NO_COLOR, TERM=dumb)", &g.no_color});
  out.push_back({"--presets-path", "DIRS", "directories of presets before the shipped ones, colon-separated", &g.presets_path});
  return out;
}

Command* parse_command_line(int argc, const char* const* argv, const Commands& commands, Globals& globals,
                            std::string& said) {
  CLI::App app{"Predicts one step of distributed training, and searches for the plan that makes it fast."};
  describe_program(app);
  Command* const wanted = find_command(argc, argv, commands);
  std::vector<Flag> flags;
  CLI::App* wanted_app = nullptr;
  for (const auto& command : commands) {
    CLI::App* const sub = add_command(app, *command);
    if (command.get() != wanted) continue;
    wanted_app = sub;
    if (!command->example().empty()) sub->footer("Example: " + std::string(command->example()));
    flags = command->flags();
    for (Flag& f : shared_flags(*command, globals)) flags.push_back(std::move(f));
    for (const Flag& f : flags) add(*sub, f);
    sub->allow_extras();
  }
  if (argc < 2) {
    said = app.help();
    throw UsageError("a command is missing\n\n" + said);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    said = help_of(app, wanted_app);
    return nullptr;
  } catch (const CLI::CallForVersion&) {
    said = "orrery " + std::string(version) + "\n";
    return nullptr;
  } catch (const CLI::ParseError& error) {
    if (wanted) refuse_extras(wanted_app->remaining(), wanted, flags);
    explain(error, wanted);
  }
  refuse_extras(wanted_app->remaining(), wanted, flags);
  return wanted;
}

}  // namespace orrery
