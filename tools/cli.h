// The command line as data: a Command declares its flags, parse_command_line() fills them. CLI11 stays inside
// cli.cc; completion scripts and suggestions read the same declarations.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace orrery {

class Session;

// One flag ("--top", "-o,--output"), or an argument by position ("SCENARIO"), and where its value goes.
struct Flag {
  using Target = std::variant<bool*, int*, std::int64_t*, double*, std::string*, std::vector<std::string>*>;
  std::string name;
  std::string value;                 // what it takes, for the help: "N", "FILE"; empty: a switch
  std::string help;
  Target into;
  bool required = false;
  std::vector<std::string> words{};  // the only values allowed; empty: any
};
bool positional(const Flag&);
std::string long_name(const Flag&);  // "--output" of "-o,--output"

// What every command understands.
struct Globals {
  std::string json, csv, markdown, svg, trace;  // FILE or -, empty: not asked
  std::string output = "-";                     // of the text for people
  int threads = 0;                              // 0: all cores
  bool no_color = false;
  std::string presets_path;
};

// Bits: the outputs that a command can write, besides text.
enum Output : unsigned { writes_json = 1, writes_csv = 2, writes_markdown = 4, writes_svg = 8, writes_trace = 16 };

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;     // one line
  virtual std::string_view example() const { return {}; }
  virtual unsigned outputs() const { return 0; }
  virtual std::vector<Flag> flags() { return {}; }  // bound to members of this command
  virtual int run(Session&) = 0;                    // the exit code
};

using Commands = std::vector<std::unique_ptr<Command>>;

// The flags that `command` shares with others, bound to `globals`.
std::vector<Flag> shared_flags(const Command&, Globals& globals);

// The command that the line asks for, its flags filled. nullptr: all has been said (help, version), with the text
// in `said`. Throws UsageError with a suggestion for names that don't exist.
Command* parse_command_line(int argc, const char* const* argv, const Commands&, Globals&, std::string& said);

}  // namespace orrery
