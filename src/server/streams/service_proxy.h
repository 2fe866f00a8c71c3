/* service_proxy.h: /r/[projects/PID/]SERVICE[.STACK][:PORT]/path: HTTP to the first running container of a service, for whoever may use the
 * environment (spec orchestrators.md 1.2). Loop thread only.
 *
 * Credentials go on to services of system stacks only (Kubernetes asks who it is); other services do not learn them. */
#pragma once
#include "server/api/api.h"
#include "streams.h"

api_special_fn service_proxy_special;           /* arg: struct streams; for api_add_special(api, "r", ...) */
