#include "networks.h"

#include <stdio.h>

#include "model/launch.h"

static const char *kind_of(const struct record *n) { return str_or(record_str(n, F_kind), type_name((enum type_id) n->kind)); }

static bool is_gone(const struct record *n) { return state_is_gone((enum state_id) n->state); }

bool network_is_cni(const struct record *n) { return str_eq(kind_of(n), "cni"); }

bool network_is_usable(const struct record *n) {
        return (n->state == S_activating || n->state == S_active || n->state == S_updating_active) && n->kind != T_hostOnlyNetwork &&
               !str_starts(kind_of(n), "docker");
}

struct record *network_default(const struct world *w, int64_t account_id) {
        const struct records *l = world_of_account(w, T_network, account_id);
        const struct record *account = l->n ? world_get(w, T_account, account_id) : NULL;
        int64_t now = account ? record_int(account, F_defaultNetworkId) : 0;
        struct record *last = NULL, *coming = NULL;
        for (size_t i = 0; i < l->n; i++) {
                struct record *n = l->v[i];
                if (!network_is_usable(n))
                        continue;
                if (n->id == now)
                        return n;
                *(n->state == S_activating ? &coming : &last) = n;
        }
        return last ? last : coming;
}

static bool any_cni(const struct records *l) {
        for (size_t i = 0; i < l->n; i++)
                if (network_is_cni(l->v[i]) && !is_gone(l->v[i]))
                        return true;
        return false;
}

static bool is_true(const struct record *i, const char *label) {
        char buf[64];
        const char *v = launch_label(i, label, buf, sizeof buf);
        return v && str_ieq(v, "true");
}

/* The name of a network, "managed", or NULL for Docker's kinds. */
static const char *wanted(const struct record *i) {
        static const char *const dockers[] = { "host", "container", "none", "bridge", "default" };
        char buf[64];
        const char *label = launch_label(i, "io.rancher.cni.network", buf, sizeof buf), *mode = launch_str(i, "networkMode");
        if (label && *label)
                return label;
        bool docker = !mode || !*mode;
        for (size_t k = 0; !docker && k < ARRAY_LEN(dockers); k++)
                docker = str_eq(mode, dockers[k]);
        if (!docker)
                return mode;
        bool fixed = mode && (str_eq(mode, "host") || str_eq(mode, "container"));
        return !fixed && is_true(i, "io.rancher.container.network") ? "managed" : NULL;
}

int network_of(const struct world *w, const struct record *i, struct record **ret, struct dr_error *err) {
        const struct records *l = world_of_account(w, T_network, i->account_id);
        *ret = NULL;
        if (!l->n || record_int(i, F_networkFromId) || !any_cni(l))
                return 0;
        const char *name = wanted(i);
        if (!name)
                return 0;
        bool managed = str_eq(name, "managed");
        *ret = managed ? network_default(w, i->account_id) : NULL;
        for (size_t k = l->n; k-- > 0 && !*ret && !managed;)
                if (str_eq(record_name(l->v[k]), name) && network_is_usable(l->v[k]))
                        *ret = l->v[k];
        if (*ret)
                return 0;
        return dr_fail(err, DR_E_NOT_FOUND, NULL, "Failed to find network for networkMode %.100s", name);
}

struct record *network_of_driver(const struct world *w, const struct record *driver) {
        const struct records *l = world_of_account(w, T_network, driver->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_networkDriverId) == driver->id && !is_gone(l->v[i]))
                        return l->v[i];
        return NULL;
}

bool network_next_mac_prefix(const struct world *w, char buf[MAC_PREFIX_TEXT]) {
        enum { LAST = 0xffff };
        unsigned char used[(LAST + 1) / 8] = { 0 };
        unsigned newest = 0;
        const struct records *l = world_all(w, T_network);
        for (size_t i = 0; i < l->n; i++) {
                unsigned a, b;
                const char *p = record_str(l->v[i], F_macPrefix);
                if (!p || sscanf(p, "02:%2x:%2x", &a, &b) != 2)
                        continue;
                newest = a << 8 | b;
                used[newest / 8] |= (unsigned char) (1U << (newest % 8));
        }
        for (unsigned k = 1; k <= LAST; k++) {
                unsigned n = (newest + k - 1) % LAST + 1;       /* 1 to LAST */
                if (used[n / 8] & (1U << (n % 8)))
                        continue;
                snprintf(buf, MAC_PREFIX_TEXT, "02:%02x:%02x", n >> 8, n & 0xff);
                return true;
        }
        return false;
}
