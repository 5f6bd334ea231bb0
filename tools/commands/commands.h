// All sub-commands of the binary, one file each. A new one is its file and a line in commands.cc.
#pragma once
#include "tools/cli.h"

namespace orrery {

Commands all_commands();

}  // namespace orrery
