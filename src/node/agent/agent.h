/* agent.h: the host agent: joins identity, registration, session, engine and containers. One per process; loop thread only. */
#pragma once
#include "net/loop.h"

struct agent_config {                   /* borrowed for the agent's life; NULL or "": not given */
        const char *url;                /* CATTLE_URL: the server's API or base */
        const char *token;              /* registration token; needed until the host is registered */
        const char *state_dir;          /* /var/lib/rancher/state */
        const char *docker_socket;      /* path, or unix:// and path */
        const char *ca_file;
        const char *agent_ip, *hostname, *host_labels, *scheduler_ips, *scheduler_require_any;
        const char *docker_uuid, *physical_uuid, *agent_image;
        const char *memory_override, *milli_cpu_override, *local_storage_mb_override;
        bool upgrades;                  /* the server may replace this program */
};
struct agent;
/* Reads identity and state and starts everything. Returns 0, or negative with *err filled. */
int agent_new(struct loop *l, const struct agent_config *cfg, struct agent **ret, struct dr_error *err);
bool agent_wants_upgrade(const struct agent *a);        /* the loop was stopped for it: end the agent, then upgrade_try() */
struct agent *agent_free(struct agent *a);              /* says goodbye; containers go on. NULL is fine; returns NULL */

/* Registers (again) and writes the keys; blocks, on a loop of its own. For the installer. Returns 0 or negative with *err filled. */
int agent_register(const struct agent_config *cfg, struct dr_error *err);
