/* delegate.h: calls another CNI plugin as the runtime would, as the specification has it for address management.
 *
 * Blocking, with a deadline; one thread. The plugin inherits this process's environment and stderr. */
#pragma once
#include "node/cni/request.h"
#include "node/cni/result.h"

struct delegate_call {
        const char *type;               /* name of the program, looked for in path */
        const char *path;               /* CNI_PATH: folders separated by ':' */
        enum cni_command command;
        const char *container_id, *netns, *ifname;      /* NULL: as in the environment */
        struct json_object *conf;       /* given to it; borrowed */
        uint64_t timeout_ms;            /* 0: 60 s; then it is killed */
};
/* ret (may be NULL): what it printed, NULL when nothing; the caller owns it. Returns 0, or -1 with *err: the plugin's own error with its
 * code, CNI_E_CONFIG when there is no such plugin, CNI_E_IO when it could not be run or understood. */
int delegate_run(const struct delegate_call *call, struct json_object **ret, struct cni_error *err);
