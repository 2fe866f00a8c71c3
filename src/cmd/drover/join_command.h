/* join_command.h: puts a host's address and labels into the command that joins it. No I/O.
 *
 * Both forms that a registrationToken's "command" may have are understood (agent.md, "Registration"): drover's
 * "curl ... | sudo sh", which gets VARIABLE=VALUE before sh, and upstream's "docker run ... --privileged ...", which gets -e. */
#pragma once
#include "base/base.h"

/* ip: NULL: none. labels: n strings "KEY=VALUE". Returns 0 with *ret (caller frees), or -EINVAL with *err: a label without '=',
 * characters that no address or label has, a command in neither form. */
int join_command_make(const char *command, const char *ip, const char *const *labels, size_t n, char **ret, struct dr_error *err);
