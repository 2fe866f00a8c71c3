/* service_verbs.h: the verbs below "drover services" that have a file of their own. */
#pragma once
#include "base/options.h"

extern const struct opt_command service_upgrade, service_finish, service_rollback, service_cancel, service_continue;
