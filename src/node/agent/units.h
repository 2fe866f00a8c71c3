/* units.h: the containers of this host: brings each to what is desired, one step at a time, and tells what was seen.
 *
 * A unit is a container by its uuid (drover's) or its Docker id (foreign). Work on one unit is in order, on different ones in
 * parallel, at most UNITS_PARALLEL. Each turn of work looks at the engine, asks reconcile(), writes the record to disk, does one step and
 * looks again. Nothing is kept of inspect documents but a hash. Loop thread only. Rules: docs/host-protocol.md. */
#pragma once
#include "node/agent/protocol.h"
#include "node/docker/client.h"

enum { UNITS_PARALLEL = 8 };

struct units;
struct units_events {
        /* What shall be told to the server: a JSON list of reports. full: all there is. Only while units_set_server(true). */
        void (*on_observed)(bool full, const char *containers, void *arg);
        void (*on_saved)(void *arg);            /* the state is on disk as it is in memory */
        void (*on_pulled)(const char *image, void *arg);        /* an image came, or was built, for a container */
};
struct units_config {
        struct loop *loop;
        struct docker *docker;          /* borrowed; its watch must be forwarded to units_engine_...() */
        struct node_state *state;       /* borrowed; the units are the only ones who change entries' records */
        const char *state_path;         /* borrowed */
        const char *state_dir;          /* for networks: entry/ and cni/ below it (node/entry/netstate.h); borrowed */
        const char *const *host_search; /* see struct create_facts; borrowed */
        const char *const *proxy_env;
        const char *api_url;            /* see struct create_facts; borrowed */
        uint64_t orphan_grace_ms;       /* how long a container of this environment that is not desired stays */
        const struct units_events *events;      /* borrowed: static */
        void *arg;
};
struct units *units_new(const struct units_config *cfg);
struct units *units_free(struct units *u);              /* breaks off all work; NULL is fine; returns NULL */

void units_engine_connected(struct units *u);           /* docker_watch.on_connected: look at everything */
void units_engine_event(struct units *u, const struct docker_event *e);
/* The state's entries changed and are on disk. */
void units_desired_changed(struct units *u);
/* The state could not be written: nothing is done until a later try succeeds, which is told by on_saved. */
void units_state_unsaved(struct units *u);
/* The server can be reached; turning true looks at everything and tells it in full. */
void units_set_server(struct units *u, bool reachable);
void units_survey(struct units *u);                     /* look at everything again and tell it in full */
/* From GET /info: the engine's data directory, what DEFAULT_DISK is (copied), the version of control groups (0: not known). */
void units_set_engine_facts(struct units *u, const char *docker_root, const char *default_disk, unsigned cgroup_version);
size_t units_busy(const struct units *u);               /* units being worked on or waiting for it */
