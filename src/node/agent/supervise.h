/* supervise.h: keeps one program running where there is no service manager: restarts it with back-off, one supervisor per pid file.
 *
 * The pid file is locked for as long as the supervisor lives. A second supervisor waits for the lock and takes over when the first is gone, so
 * it does no harm to start several (the installer and the machine's boot may both). SIGTERM ends the program, then the supervisor. Blocks. */
#pragma once
#include "base/base.h"

/* argv: NULL-ended, argv[0] a path. Returns 0 when ended by a signal, or negative with *err filled. */
int supervise(const char *pid_file, char *const *argv, struct dr_error *err);
