/* pull_task.h: images onto hosts before they are needed (agent.md 10): genericObjects of kind pullTask. Loop thread only. */
#pragma once
#include "core.h"

/* The reply or the progress of a host to a request of this id; false: it is none of a pull task. reply NULL: done. */
bool pull_task_reply(struct core *c, const char *event, struct json_object *reply);
