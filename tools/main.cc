// The binary `orrery`: finds the command, lends it what it needs, and turns how it ended into an exit code.
#include <cstdio>

#include "tools/commands/commands.h"
#include "tools/errors.h"
#include "tools/session.h"

int main(int argc, char** argv) {
  using namespace orrery;
  return guarded([&] {
    catch_interrupts();
    const Commands commands = all_commands();
    Globals globals;
    std::string said;
    Command* const command = parse_command_line(argc, argv, commands, globals, said);
    if (!command) {
      std::fputs(said.c_str(), stdout);
      return int{exit_ok};
    }
    Session session(globals);
    const int code = command->run(session);
    session.finish();
    return interrupted() ? int{exit_interrupted} : code;
  });
}
