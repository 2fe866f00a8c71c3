/* containers.h: gives this host's containers their network: CNI ADD when one starts, DEL when it ends, and the word for the agent.
 *
 * Level-triggered: an event, a list or a retry only says "look at this container"; what is done follows from what inspect shows, and each
 * id is worked on by one piece of work at a time (spec networking.md 4.2, 13.5-13.9). Loop thread only. */
#pragma once
#include "net/loop.h"
#include "node/docker/client.h"

struct containers;
struct containers_config {
        struct loop *loop;
        struct docker *docker;          /* borrowed; its watch is forwarded to containers_...() */
        const char *cni_dir;            /* configuration: /etc/cni */
        const char *bin_dir;            /* links to the built-in plugins */
        const char *state_dir;          /* STATE_DIR/cni */
        const char *dns;                /* what goes into resolv.conf: 169.254.169.250 */
        /* The list of all containers came: ids that run, and those that are being set up. */
        void (*on_listed)(const char *const *running, size_t n, void *arg);
        void *arg;
};
struct containers *containers_new(const struct containers_config *cfg);
struct containers *containers_free(struct containers *c);       /* NULL is fine; returns NULL */

void containers_connected(struct containers *c);                /* everything is looked at */
void containers_event(struct containers *c, const struct docker_event *e);
void containers_config_changed(struct containers *c);           /* those that wait for another try get it now */
bool containers_is_busy(const struct containers *c, const char *id_prefix);     /* being set up or taken down */
