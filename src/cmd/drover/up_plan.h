/* up_plan.h: names that "drover up" makes up. What it does with each service: formats/compose_change.h. */
#pragma once
#include "base/base.h"

/* Stack name from a directory or COMPOSE_PROJECT_NAME: lower case, others than letters, digits, '-' become '-', leading '_', '.', '-' get
 * an 'x' before them; "default" for nothing. Caller frees. */
char *up_stack_name(const char *text);
