#include "node/netmgr/forward.h"

#include "node/json_view.h"

#include <stdio.h>

struct view {
        bool has_forward, has_user, has_ours, to_user;  /* to_user: FORWARD jumps to DOCKER-USER */
        size_t user_jumps, forward_jumps;               /* jumps to our chain */
        bool user_first, forward_first;                 /* ... the first rule is one */
        size_t n_user, n_forward, n_ours;               /* rules seen */
        bool ours_same;
};

/* The rules our chain shall have, as iptables-save prints them. */
static void wanted(const struct rules *r, struct sbuf *out) {
        for (size_t i = 0; i < r->nets.n; i++) {
                char s[INET_TEXT_MAX];
                inet_cidr_text(&r->nets.v[i].subnet, s);
                sbuf_printf(out, "-A " FORWARD_CHAIN " -d %s -o %s -j ACCEPT\n", s, r->nets.v[i].bridge);
                sbuf_printf(out, "-A " FORWARD_CHAIN " -s %s -i %s -j ACCEPT\n", s, r->nets.v[i].bridge);
        }
}

static bool is_line(const char *line, size_t n, const char *what) { return n == strlen(what) && memcmp(line, what, n) == 0; }
static bool begins(const char *line, size_t n, const char *what) { return n >= strlen(what) && memcmp(line, what, strlen(what)) == 0; }

static void rule(struct view *v, const char *line, size_t n, const char **want) {
        if (begins(line, n, "-A DOCKER-USER ")) {
                bool ours = is_line(line, n, "-A DOCKER-USER -j " FORWARD_CHAIN);
                v->user_first |= ours && v->n_user == 0;
                v->user_jumps += ours;
                v->n_user++;
        } else if (begins(line, n, "-A FORWARD ")) {
                bool ours = is_line(line, n, "-A FORWARD -j " FORWARD_CHAIN);
                v->forward_first |= ours && v->n_forward == 0;
                v->forward_jumps += ours;
                v->to_user |= is_line(line, n, "-A FORWARD -j DOCKER-USER");
                v->n_forward++;
        } else if (begins(line, n, "-A " FORWARD_CHAIN " ")) {
                size_t len = strcspn(*want, "\n");
                v->ours_same = v->ours_same && n == len && memcmp(line, *want, n) == 0;
                *want += len + ((*want)[len] == '\n');
                v->n_ours++;
        }
}

static struct view look(const char *save, const char *want) {
        struct view v = { .ours_same = true };
        bool filter = false;
        for (const char *p = save; *p; ) {
                size_t n = strcspn(p, "\n");
                if (*p == '*')
                        filter = is_line(p, n, "*filter");
                else if (filter && *p == ':') {
                        v.has_forward |= begins(p, n, ":FORWARD ");
                        v.has_user |= begins(p, n, ":DOCKER-USER ");
                        v.has_ours |= begins(p, n, ":" FORWARD_CHAIN " ");
                } else if (filter) {
                        rule(&v, p, n, &want);
                }
                p += n + (p[n] == '\n');
        }
        v.ours_same = v.ours_same && !*want;
        return v;
}

static void drop_jumps(const struct view *v, bool user, bool forward, struct sbuf *out) {
        for (size_t i = 0; user && i < v->user_jumps; i++)
                sbuf_puts(out, "-D DOCKER-USER -j " FORWARD_CHAIN "\n");
        for (size_t i = 0; forward && i < v->forward_jumps; i++)
                sbuf_puts(out, "-D FORWARD -j " FORWARD_CHAIN "\n");
}

int forward_plan(const char *save, const struct rules *r, bool remove, struct sbuf *out) {
        auto_sbuf struct sbuf want = SBUF(1 << 20);
        wanted(r, &want);
        struct view v = look(save, sbuf_str(&want));
        if (remove) {
                if (!v.has_ours)
                        return 0;
                sbuf_puts(out, "*filter\n");
                drop_jumps(&v, true, true, out);
                sbuf_puts(out, "-F " FORWARD_CHAIN "\n-X " FORWARD_CHAIN "\nCOMMIT\n");
                return 1;
        }
        if (!v.has_forward)
                return 0;
        bool user = v.has_user && v.to_user;
        bool placed = user ? v.user_first && v.user_jumps == 1 && v.forward_jumps == 0 : v.forward_first && v.forward_jumps == 1 && v.user_jumps == 0;
        if (v.has_ours && v.ours_same && placed)
                return 0;
        sbuf_puts(out, "*filter\n");
        if (!v.has_ours || !v.ours_same)                /* naming a chain empties it, in the same transaction */
                sbuf_printf(out, ":" FORWARD_CHAIN " - [0:0]\n%s", sbuf_str(&want));
        if (!placed) {
                drop_jumps(&v, true, true, out);
                sbuf_printf(out, "-I %s 1 -j " FORWARD_CHAIN "\n", user ? "DOCKER-USER" : "FORWARD");
        }
        sbuf_puts(out, "COMMIT\n");
        return 1;
}

bool forward_drops(const char *save) {
        const char *p = str_starts(save, ":FORWARD DROP") ? save : strstr(save, "\n:FORWARD DROP");
        return p != NULL;
}

void forward_other_drops(const char *chains, size_t len, char *ret, size_t size) {
        AUTO(jv_put) json_object *o = jv_parse(chains, len, FORWARD_BYTES_MAX, NULL);
        json_object *list = jv_arr(o, "nftables");
        *ret = 0;
        for (size_t i = 0; i < jv_len(list) && !*ret; i++) {
                json_object *c = jv_obj(jv_at(list, i), "chain");
                const char *family = jv_str(c, "family"), *table = jv_str(c, "table"), *name = jv_str(c, "name");
                bool iptables = str_eq(family, "ip") && str_eq(table, "filter") && str_eq(name, "FORWARD");
                if (str_eq(jv_str(c, "hook"), "forward") && str_eq(jv_str(c, "policy"), "drop") && !iptables && (str_eq(family, "ip") || str_eq(family, "inet")))
                        snprintf(ret, size, "%.20s %.60s %.60s", family, table, name);
        }
}
