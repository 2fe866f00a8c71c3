/* upgrade.h: this program replaced by the server's, in place, without touching a container (docs/host-protocol.md, "Upgrade").
 *
 * Two halves. While the agent runs (loop thread only), upgrade_want() downloads what the server has beside this program, FILE.new, and checks its
 * digest. Once the agent has ended, upgrade_try() runs FILE.new as a child: only one that is connected within the time becomes FILE, by a
 * rename; then this process becomes FILE. One that ends, or does not connect, is deleted, its digest is written down with the reason and not
 * tried again by itself. So a kill or a power loss at any moment leaves a program that worked. */
#pragma once
#include "net/http_client.h"

enum { SHA256_HEX_CHARS = 64 };

struct upgrade;
struct upgrade_config {
        struct loop *loop;
        struct http_client *http;       /* borrowed */
        const char *base_url, *access_key, *secret_key, *state_dir;    /* borrowed */
        bool allowed;                   /* this program is one that a server installed, and no trial is running */
        void (*on_ready)(void *arg);    /* FILE.new is there and is what was wanted: end, then call upgrade_try() */
        void (*on_facts)(void *arg);    /* the own digest is known */
        void *arg;
};
struct upgrade *upgrade_new(const struct upgrade_config *cfg);
struct upgrade *upgrade_free(struct upgrade *u);        /* NULL is fine; returns NULL */

/* What the server has: "" or no digest: nothing. again: also one that failed before. May be said any number of times. */
void upgrade_want(struct upgrade *u, const char *sha256, bool again);
const char *upgrade_own_sha256(const struct upgrade *u);        /* "" until known */
const char *upgrade_error(const struct upgrade *u);     /* why the last one that was tried is not this one; "" when there is nothing to say */

/* True in a program that is being tried. */
bool upgrade_is_trial(void);
/* Blocks for up to trial_ms (a minute). argv: this program's arguments, NULL-ended. On return the trial was ended by a signal (0), or this process could
 * not become the program again (negative): the service manager starts it anew. */
int upgrade_try(const char *state_dir, uint64_t trial_ms, char *const *argv);
