/* simhost.h: one simulated host behind a real connection: registers with a token, speaks docs/host-protocol.md, keeps containers that
 * are nothing but their state, and obeys what is desired after a while. Loop thread only. */
#pragma once
#include "base/rng.h"
#include "net/http_client.h"

struct simhost_stats {                  /* shared by all hosts of a load */
        uint64_t registered, connected, refused, lost;
        uint64_t desired;               /* entries of desired messages */
        uint64_t operations, failures;  /* carried out; of them, failed as drawn */
        uint64_t observed;              /* entries reported */
        uint64_t requests;
        size_t running, containers;     /* now */
};

struct simhost_conf {
        struct loop *loop;
        struct http_client *http;       /* borrowed */
        const char *url;                /* the server's base; borrowed for the host's life */
        const char *token;              /* of a registrationToken; borrowed */
        const char *prefix;             /* names are PREFIX-N; borrowed. Identities are new with every run */
        uint64_t delay_ms;              /* between a desired entry and what comes of it */
        unsigned fail_per_mille;        /* starts that fail */
        struct rng *rng;                /* borrowed */
        struct simhost_stats *stats;    /* borrowed */
        /* A step of joining is over: registered (0 or the error), then connected for the first time. */
        void (*on_registered)(int result, const struct dr_error *err, void *arg);
        void (*on_connected)(void *arg);
        void *arg;
};
struct simhost;
struct simhost *simhost_new(const struct simhost_conf *conf, unsigned n);       /* conf borrowed for the host's life */
struct simhost *simhost_free(struct simhost *h);        /* NULL is fine; returns NULL */
void simhost_register(struct simhost *h);
void simhost_connect(struct simhost *h);                /* after it has registered */
