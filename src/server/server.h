/* server.h: what drover-server is: the core on an event loop, its store, and everything that listens on its port.
 *
 * Drives the core as core.h asks: at the end of each loop turn queued work is done and the changes are committed, at most one
 * commit under way (the next one waits for it, or 2 ms); the store's wake-up comes back as a message to the loop.
 * Loop thread only. When the store is fatal the process exits with code 3: it resumes from what is stored. */
#pragma once
#include "core/core.h"
#include "net/loop.h"
#include "server_tls.h"

enum { SERVER_EXIT_STORE = 3 };

struct server_conf {
        struct store *store;            /* taken: closed by server_free(), also when server_new() fails */
        const char *data_key;           /* 32 bytes, borrowed for the server's life */
        const char *data_dir, *node_dir;
        bool no_auth, simulator;
        const char *proxy_mode;         /* "off": nobody gets at hosts through this server, while no setting says otherwise; may be NULL */
        unsigned sim_hosts;             /* simulated hosts in the first environment, with simulator */
        struct server_tls_conf tls;     /* borrowed with all in it for the server's life */
        const char *db_file;            /* whose size /metrics tells; NULL: none */
        bool metrics_open;              /* /metrics for everybody; else for this machine's own addresses and administrators' keys */
        unsigned rate_limit;            /* requests a second of one address; 0: no limit. This machine's own count only with rate_local */
        bool rate_local;
        unsigned per_address_max;       /* connections of one address without keys; 0: a default */
        bool plain_redirect;            /* with TLS: requests without it, from elsewhere than this machine, are sent to https or refused */
};

struct server;
/* Loads the state and starts working. */
int server_new(struct loop *l, const struct server_conf *conf, struct server **ret, struct dr_error *err);
int server_listen(struct server *s, const char *address, uint16_t port, uint16_t *ret_port, struct dr_error *err);
/* Stops accepting, lets requests end, commits, then calls done: server_free() is next. */
void server_stop(struct server *s, loop_fn done, void *arg);
struct server *server_free(struct server *s);           /* NULL is fine; returns NULL */
struct core *server_core(struct server *s);
