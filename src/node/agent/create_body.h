/* create_body.h: makes the Docker Engine create body from a container spec with the API's field names.
 *
 * Pure: no engine, no files, no clock. Every row of spec agent.md 8 is one row of a table here; names and labels are
 * agent.md 9. The same spec and facts always give the same bytes. Any thread. */
#pragma once
#include "node/json_view.h"

/* What the engine and the host contribute. All pointers are borrowed for the call; zero values mean "nothing known". */
struct create_facts {
        unsigned api_minor;                     /* the API version spoken: 41 is 1.41; never below 24 */
        unsigned cgroup_version;                /* 1 or 2; 0: not known, counts as 1 */
        const char *api_url;                    /* the server's API as this host reaches it; NULL: not known */
        const char *docker_root;                /* info DockerRootDir; NULL: /var/lib/docker */
        const char *default_disk;               /* what DEFAULT_DISK in blkioDeviceOptions stands for; NULL: skipped */
        const char *const *host_search;         /* search domains of the host's resolv.conf, NULL-ended; may be NULL */
        const char *const *proxy_env;           /* "K=V" of the agent's proxy variables, NULL-ended; may be NULL */
        const char *state_dir;                  /* of the agent, as the engine sees it: what a container on a CNI network gets bound */
        json_object *image_config;              /* Config of the image's inspect document: command of a container on a CNI network; NULL: none */
        const char *(*id_of)(void *ctx, const char *uuid);      /* Docker id of a container of this host by uuid, or NULL */
        void *ctx;
};

enum net_kind { NET_BRIDGE, NET_HOST, NET_NONE, NET_CONTAINER, NET_CNI, NET_KIND_MAX };

/* The network kind of a spec: cni when its object network says so (spec networking.md 4.1); else of its networkMode, where "", "bridge" and
 * "managed" are the engine's bridge. */
enum net_kind net_kind_of(json_object *spec);
const char *net_kind_to_string(enum net_kind k);                /* static storage; NULL out of range */

/* The Docker name of a container: r-NAME-UUID8 when name matches ^[a-zA-Z0-9][a-zA-Z0-9_.-]+$, else r-UUID. Caller frees. */
char *container_docker_name(const char *name, const char *uuid);

/* Writes the body of POST /containers/create for the container uuid.
 *   spec      borrowed object; unknown keys are ignored, values of a wrong type count as absent
 *   ret       written on success only: compact JSON, the caller frees
 *   warnings  may be NULL; one line per thing left out (a missing volumes-from container, an unknown disk, a field that
 *             this engine or these control groups do not take)
 * Returns 0, or a negative errno with *err filled: no image, a port, device or volume that cannot be read, networkFromUuid
 * that is not on this host. */
int create_body(json_object *spec, const char *uuid, const struct create_facts *facts, char **ret, char **warnings, struct dr_error *err);

/* The reference of spec's image as Docker takes it: imageUuid without "docker:". Borrowed from spec; "" when there is none. */
const char *spec_image(json_object *spec);
