/* links.h: the host's own part of the containers' networks: the route to the metadata address, and stray ends of veth pairs. Loop thread only. */
#pragma once
#include "base/vec.h"
#include "net/loop.h"

struct links;
struct links_config {
        struct loop *loop;
        const char *metadata_ip, *bridge;       /* the route goes out by this bridge: docker0 */
        bool (*is_busy)(const char *id_prefix, void *arg);      /* a container whose network is being made */
        void *arg;
};
struct links *links_new(const struct links_config *cfg);        /* looks after the route at once and then every 5 s */
struct links *links_free(struct links *l);              /* NULL is fine; the route stays; returns NULL */
/* Ends named vethr + 10 characters of an id that does not run are deleted, once they have been seen so for a minute. */
void links_collect(struct links *l, const char *const *running, size_t n);
int links_remove_route(struct links *l, struct dr_error *err);  /* for uninstalling */
