#include "units-internal.h"

#include "node/entry/netstate.h"

#include <stdio.h>

enum { LOOK_MS = 20, TRIE_BYTES_MAX = 1 << 20 };

static char *path_of(const struct units *u, const struct unit *unit) {
        return dr_xasprintf("%s/cni/%s/%s", u->cfg.state_dir, unit->id, unit->run);
}

static bool is_over(const struct units *u, const struct unit *unit) { return loop_now_ms(u->cfg.loop) - unit->run_seen_ms >= NETSTATE_REPORT_MS; }

void networks_look(void *arg) {
        struct units *u = arg;
        bool more = false;
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                if (!unit->networking)
                        continue;
                auto_free char *path = path_of(u, unit);
                if (access(path, F_OK) == 0 || is_over(u, unit))
                        unit_wake(u, unit);
                else
                        more = true;
        }
        if (more)
                timer_start(u->networks, LOOK_MS);
}

/* Another manager may keep no state: the address that the container's namespace has. The local table lists each as "|-- A" above
 * "/32 host LOCAL". */
static bool address_of_namespace(int pid, char *ret, size_t size) {
        char path[64], *text = NULL;
        snprintf(path, sizeof path, "/proc/%d/net/fib_trie", pid);
        FILE *f = pid > 0 ? fopen(path, "re") : NULL;
        size_t cap = 0, read = 0;
        bool found = false;
        char last[64] = "";
        while (f && !found && read < TRIE_BYTES_MAX && getline(&text, &cap, f) > 0) {
                read += strlen(text);
                const char *leaf = strstr(text, "|-- ");
                if (leaf)
                        snprintf(last, sizeof last, "%.*s", (int) strcspn(leaf + 4, " \n"), leaf + 4);
                found = strstr(text, "/32 host LOCAL") && *last && !str_starts(last, "127.");
        }
        if (f)
                fclose(f);
        free(text);
        if (found)
                snprintf(ret, size, "%s", last);
        return found;
}

static void hold(struct op *op) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        if (unit->obeyed != op->gen)                    /* not of one that ran before and was started again by the engine */
                op_tell(op, TOLD_CREATING, "Waiting for the network");
        unit->networking = true;
        unit->survey = u->survey;
        if (!timer_is_running(u->networks))
                timer_start(u->networks, LOOK_MS);
        op_end(op, false);
}

bool network_holds(struct op *op, struct docker_container *c) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        if (c->state != DOCKER_RUNNING || !c->cni || !u->cfg.state_dir)
                return false;
        if (!str_eq(unit->run, c->started)) {
                snprintf(unit->run, sizeof unit->run, "%s", c->started);
                unit->run_seen_ms = loop_now_ms(u->cfg.loop);
        }
        auto_free char *path = path_of(u, unit);
        struct netstate s = { 0 };
        struct dr_error err;
        int r = netstate_read(path, &s, &err);
        if (r == -ENOENT && !is_over(u, unit)) {
                hold(op);
                return true;
        }
        if (r == -ENOENT && !address_of_namespace(c->pid, s.ip, sizeof s.ip))
                op_fail(op, "Timeout getting IP address: the network manager of this host did not answer in %d s", NETSTATE_REPORT_MS / 1000);
        else if (r < 0 && r != -ENOENT)
                op_fail(op, "the container's network is not known: %.300s", err.message);
        else if (*s.error)
                op_fail(op, "could not set up the container's network: %.380s", s.error);
        if (!*s.ip)
                return true;
        free(c->ip);
        c->ip = dr_xstrdup(s.ip);
        return false;
}
