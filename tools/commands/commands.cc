#include "tools/commands/commands.h"

namespace orrery {

std::unique_ptr<Command> plan_command();
std::unique_ptr<Command> simulate_command();
std::unique_ptr<Command> compare_command();
std::unique_ptr<Command> explain_command();
std::unique_ptr<Command> whatif_command();
std::unique_ptr<Command> recommend_command();
std::unique_ptr<Command> run_command();
std::unique_ptr<Command> rehearse_command();
std::unique_ptr<Command> validate_command();
std::unique_ptr<Command> calibrate_command();
std::unique_ptr<Command> profile_hardware_command();
std::unique_ptr<Command> profile_import_command();
std::unique_ptr<Command> profile_model_command();
std::unique_ptr<Command> program_command();
std::unique_ptr<Command> list_command();
std::unique_ptr<Command> schema_command();
std::unique_ptr<Command> check_command();
std::unique_ptr<Command> doctor_command();
std::unique_ptr<Command> completion_command();
std::unique_ptr<Command> version_command();

Commands all_commands() {
  Commands commands;
  for (const auto make : {plan_command, simulate_command, compare_command, explain_command, whatif_command, recommend_command, run_command, rehearse_command, validate_command,
                          calibrate_command, profile_hardware_command, profile_import_command, profile_model_command, program_command, list_command, schema_command, check_command, doctor_command,
                          completion_command, version_command})
    commands.push_back(make());
  return commands;
}

}  // namespace orrery
