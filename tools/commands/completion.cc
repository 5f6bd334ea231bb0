// orrery completion: scripts that let a shell complete our commands and flags, written from their declarations.
#include <map>

#include "tools/commands/commands.h"
#include "tools/session.h"

namespace orrery {
namespace {

struct Entry {
  std::string name, summary, flags;  // flags: separated by spaces
};

std::vector<Entry> entries() {
  std::vector<Entry> out;
  Globals globals;
  for (const auto& command : all_commands()) {
    Entry e{std::string(command->name()), std::string(command->summary()), ""};
    std::vector<Flag> flags = command->flags();
    for (const Flag& f : shared_flags(*command, globals)) flags.push_back(f);
    for (const Flag& f : flags)
      if (!positional(f)) e.flags += (e.flags.empty() ? "" : " ") + long_name(f);
    out.push_back(std::move(e));
  }
  return out;
}

// Commands of two words ("profile import") by their first one: what may follow it.
std::map<std::string, std::string> groups(const std::vector<Entry>& all) {
  std::map<std::string, std::string> out;
  for (const Entry& e : all)
    if (const std::size_t space = e.name.find(' '); space != std::string::npos) out[e.name.substr(0, space)] += " " + e.name.substr(space + 1);
  return out;
}

bool single(const Entry& e) { return e.name.find(' ') == std::string::npos; }

// A pattern of `case` for the two words behind "orrery".
std::string words_pattern(const Entry& e) { return single(e) ? e.name + "\\ *" : "\"" + e.name + "\""; }

std::string bash(const std::vector<Entry>& all) {
  std::string names, seconds, cases;
  for (const Entry& e : all) {
    if (single(e)) names += (names.empty() ? "" : " ") + e.name;
    cases += "    " + words_pattern(e) + ") flags=\"" + e.flags + "\" ;;\n";
  }
  for (const auto& [first, words] : groups(all)) {
    names += " " + first;
    seconds += "    " + first + ") if [ \"$COMP_CWORD\" -eq 2 ]; then COMPREPLY=($(compgen -W \"" + words.substr(1) + "\" -- \"$word\")); return; fi ;;\n";
  }
  return "# bash completion: source <(orrery completion bash)\n"
         "_orrery() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} flags=\"--help --version\"\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"" + names + "\" -- \"$word\")); return; fi\n"
         "  case ${COMP_WORDS[1]} in\n" + seconds +
         "  esac\n"
         "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n" + cases +
         "  esac\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"--help $flags\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _orrery orrery\n";
}

std::string zsh(const std::vector<Entry>& all) {
  std::string names, seconds, cases;
  for (const Entry& e : all) {
    if (single(e)) names += "    '" + e.name + ":" + e.summary + "'\n";
    cases += "    " + words_pattern(e) + ") flags=(" + e.flags + ") ;;\n";
  }
  for (const auto& [first, words] : groups(all)) {
    names += "    '" + first + ":" + words.substr(1) + "'\n";
    seconds += "    " + first + ") if (( CURRENT == 3 )); then compadd --" + words + "; return; fi ;;\n";
  }
  return "#compdef orrery\n"
         "# zsh completion: source <(orrery completion zsh)\n"
         "_orrery() {\n"
         "  local -a commands flags\n"
         "  commands=(\n" + names + "  )\n"
         "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
         "  case $words[2] in\n" + seconds +
         "  esac\n"
         "  case \"$words[2] $words[3]\" in\n" + cases +
         "  esac\n"
         "  if [[ $PREFIX == -* ]]; then compadd -- --help $flags; else _files; fi\n"
         "}\n"
         "compdef _orrery orrery\n";
}

std::string fish(const std::vector<Entry>& all) {
  std::string out = "# fish completion: orrery completion fish | source\n";
  for (const Entry& e : all) {
    const std::size_t space = e.name.find(' ');
    const std::string last = e.name.substr(space + 1);  // npos + 1 is 0
    const std::string when = single(e) ? "__fish_use_subcommand" : "'__fish_seen_subcommand_from " + e.name.substr(0, space) + "'";
    out += "complete -c orrery -n " + when + " -f -a " + last + " -d '" + e.summary + "'\n";
    std::string flags = e.flags + " ";
    for (std::size_t at = 0, end; (end = flags.find(' ', at)) != std::string::npos; at = end + 1)
      out += "complete -c orrery -n '__fish_seen_subcommand_from " + last + "' -l " + flags.substr(at + 2, end - at - 2) + "\n";
  }
  for (const auto& [first, words] : groups(all))
    out += "complete -c orrery -n __fish_use_subcommand -f -a " + first + " -d '" + words.substr(1) + "'\n";
  return out;
}

class Completion : public Command {
 public:
  std::string_view name() const override { return "completion"; }
  std::string_view summary() const override { return "Print a completion script for a shell"; }
  std::string_view example() const override { return "source <(orrery completion bash)"; }
  std::vector<Flag> flags() override {
    return {{"SHELL", "", "bash, zsh or fish", &shell_, true, {"bash", "zsh", "fish"}}};
  }
  int run(Session& session) override {
    session.print(shell_ == "bash" ? bash(entries()) : shell_ == "zsh" ? zsh(entries()) : fish(entries()));
    return 0;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> completion_command() { return std::make_unique<Completion>(); }

}  // namespace orrery
