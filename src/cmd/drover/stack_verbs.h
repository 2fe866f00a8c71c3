/* stack_verbs.h: the verbs below "drover stacks" that have a file of their own. */
#pragma once
#include "base/options.h"

extern const struct opt_command stack_upgrade, stack_finish, stack_rollback, stack_cancel;
