/* handlers.h: one handler per process of stacks (executor.h). arg is the struct executor. */
#pragma once
#include "core/core.h"

core_outside_fn executor_create, executor_error;                        /* create.c */
core_outside_fn executor_upgrade;                                       /* upgrade.c */
core_outside_fn executor_cancel, executor_finish, executor_rollback;    /* finish.c */
