/* request.h: one call of a CNI plugin: environment and configuration, read and checked (CNI specification, "Parameters"; spec networking.md 5, 12.3).
 *
 * Any thread; no I/O. The configuration is text from elsewhere: capped in size and depth. */
#pragma once
#include "node/cni/error.h"
#include "node/cni/version.h"
#include "node/netlink/inet.h"

#include <json-c/json.h>

enum cni_command { CNI_ADD, CNI_DEL, CNI_CHECK, CNI_VERSION, CNI_GC, CNI_STATUS, CNI_COMMAND_MAX };
const char *cni_command_to_string(enum cni_command c);          /* NULL out of range */

enum { CNI_CONF_BYTES_MAX = 1 << 20, CNI_ID_BYTES_MAX = 128, CNI_NAME_BYTES_MAX = 64 };

/* As in the process's environment; NULL or "" where a variable is not set. Borrowed for the request's life. */
struct cni_env { const char *command, *container_id, *netns, *ifname, *path, *args; };

/* What CNI_ARGS says (networking.md 4.3). */
struct cni_args {
        char *uuid;                     /* RancherContainerUUID, or NULL */
        char *ip;                       /* IPAddress, with or without a prefix, or NULL */
        bool has_mac, has_overhead;
        uint8_t mac[MAC_BYTES];         /* MACAddress */
        unsigned overhead;              /* LinkMTUOverhead */
};

struct cni_request {
        struct cni_env env;
        enum cni_command command;
        enum cni_version version;       /* of the configuration; without one 0.1.0, as in Rancher's */
        struct json_object *conf;       /* owned; NULL for VERSION */
        const char *network;            /* the configuration's "name"; borrowed from conf */
        struct cni_args args;
};

/* Returns 0 or -1 with *err. *ret is to be given to cni_request_done() in both cases: version is set as far as it was understood
 * (the error is printed in it), 1.1.0 before. */
int cni_request_parse(const struct cni_env *env, const char *conf, size_t len, struct cni_request *ret, struct cni_error *err);
void cni_request_done(struct cni_request *r);
static inline void cni_request_done_auto(struct cni_request *r) { cni_request_done(r); }
#define auto_cni_request __attribute__((cleanup(cni_request_done_auto)))

/* Keys of a configuration. Booleans and numbers may be text ("true", "1500"), as templates make them. ret stays as it was when the
 * key is absent or null. Return 0 or -1 with *err (CNI_E_CONFIG). */
int cni_conf_bool(struct json_object *o, const char *key, bool *ret, struct cni_error *err);
int cni_conf_uint(struct json_object *o, const char *key, unsigned max, unsigned *ret, struct cni_error *err);
int cni_conf_text(struct json_object *o, const char *key, const char **ret, struct cni_error *err);     /* borrowed; "" counts as absent */
