/* commands.h: what drover-server does besides serving. A command's context is the program's struct opt_command. */
#pragma once
#include "base/options.h"

/* Exit codes: what a service manager or a script can tell apart. 3 is server.h's. */
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_IN_USE = 4, EXIT_NEWER = 5 };

extern const struct opt_command command_backup, command_restore, command_man;

/* The value of a path option of the root, else NAME below the data folder. The caller frees. */
char *file_of(const struct opts *o, const char *option, const char *name);
