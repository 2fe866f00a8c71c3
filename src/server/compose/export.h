/* export.h: a stack as compose documents (spec compose.md 9): the action exportconfig and the link composeConfig. Loop thread only. */
#pragma once
#include "server/api/context.h"

/* service_ids: an array of numbers; NULL or empty: all services of the stack. What does not belong to the stack, or the caller does not see, is left
 * out. The texts are malloc'ed. Returns 0 or negative with *err. */
int stack_export(struct api_req *req, const struct record *stack, struct json_object *service_ids, char **ret_docker, char **ret_rancher, struct dr_error *err);
