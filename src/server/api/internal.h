/* internal.h: the server asks its own API: the same validation, hooks, rights and audit as over HTTP, answered before the call returns.
 *
 * For what acts on somebody's behalf: making a stack out of compose text, the stacks of an environment template. Loop thread only, inside a
 * request, a process handler or a timer. What the call changes belongs to the batch that is open and is told to others when that is
 * durable, as always; the answer comes at once, so whatever derives from it must go through the same batch or core_output(). */
#pragma once
#include "api.h"
#include "model/types.h"
#include "net/http.h"

struct json_object;

struct api_caller {
        int64_t account_id;     /* who is named in the audit log; must live */
        int64_t project_id;     /* the environment that the path is in; 0: outside of all */
        enum role role;         /* in the environment (ROLE_owner, ROLE_member ...), or the account's own outside of one */
};

/* Does VERB on path in version v2-beta.
 *   path   behind the environment: "services", "services/1s5?action=upgrade", "hosts?name=a" (escaped as in URLs; at most API_SEGMENTS_MAX parts)
 *   body   borrowed, an object, or NULL
 *   ret    what the API answered (NULL when it has no body); the caller owns it; may be NULL; written on success only
 * Returns 0 for answers below 400. Else negative with *err: the API's code, the field at fault and the reason; a bare status has "VERB path: text".
 * Also -EINVAL (bad path), -EPERM (Forbidden: no such account or environment). What only works with a connection or waits for something
 * (subscribe, /r/, passwords, logs, removed resources) is refused (NotImplemented, Service Unavailable) or not found. */
int api_internal(struct api *a, const struct api_caller *who, enum verb verb, const char *path, struct json_object *body, struct json_object **ret,
                 struct dr_error *err);
