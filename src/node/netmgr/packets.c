#include "node/netmgr/packets.h"

#include "base/log.h"
#include "net/child.h"
#include "node/netmgr/forward.h"
#include "node/netmgr/sysctls.h"
#include "node/netlink/rtnetlink.h"

#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/socket.h>

enum { SETTLE_MS = 150, CHECK_MS = 5000, TOOL_MS = 20000, ERR_BYTES_MAX = 4096, FLOWS_MAX = 4096 };

/* One round: list our table, replace it when it differs; look for chains that undo it; then each iptables back end: save, and restore when something is out of place. A round
 * goes step by step, each step a child process; a wish that comes meanwhile starts another one behind it. */
enum step { LIST, APPLY, LIST_AGAIN, CHAINS, SAVE_NFT, RESTORE_NFT, SAVE_LEGACY, RESTORE_LEGACY, FLOWS, DONE };
static const char *const step_names[] = { "nft list", "nft", "nft list", "nft list chains", "iptables-nft-save", "iptables-nft-restore", "iptables-legacy-save", "iptables-legacy-restore", "conntrack", "" };

struct flow { uint32_t host, target; uint16_t port; bool gone; };       /* gone: entries that lead to target go; else those that lead to the host itself */

struct packets {
        struct packets_config cfg;
        struct rules rules;             /* wanted */
        char *text, *applied;           /* table as wanted, as last put in */
        uint64_t listing;               /* hash of how nft shows what was put in; 0: not known */
        bool known, wanted, removing;   /* known: metadata has said something */
        enum step step;
        struct child *child;
        struct sbuf script;
        VEC(struct flow) flows;         /* to be looked for at the end of this round */
        VEC(struct flow) changed;       /* since it began: its rules may be older than they are */
        VEC(uint32_t) addresses;        /* of this host, for flows */
        size_t flow_at, address_at;
        struct timer *settle, *check;
        int watch_fd;
        struct fd_watch *watch;
        char why[400], last_why[400];
        bool drops_said;
        void (*removed)(void *arg);
        void *removed_arg;
};

static void next(struct packets *p, enum step step);

static void wish(struct packets *p, uint64_t after_ms) {
        if (p->child || p->step != DONE)
                p->wanted = true;
        else if (!timer_is_running(p->settle))
                timer_start(p->settle, after_ms);
}

/* Children -------------------------------------------------------------------------------------------------------- */

static void trouble(struct packets *p, const char *why) {
        if (!*p->why)
                snprintf(p->why, sizeof p->why, "%s: %.300s", step_names[p->step], why);
}

static void on_tool(struct child *c, const struct child_result *res, void *arg);

static void run(struct packets *p, const char *const *argv, const struct sbuf *in, size_t out_max) {
        struct dr_error err;
        p->child = child_spawn(p->cfg.loop, &(struct child_spec) { .argv = argv, .in = in ? sbuf_str(in) : "", .in_len = in ? in->len : 0, .out_max = out_max,
                                                                   .err_max = ERR_BYTES_MAX, .deadline_ms = TOOL_MS, .on_exit = on_tool, .arg = p }, &err);
        if (!p->child) {
                trouble(p, err.message);
                next(p, p->step == LIST ? APPLY : p->step <= LIST_AGAIN ? CHAINS : p->step == CHAINS ? SAVE_NFT : p->step <= RESTORE_NFT ? SAVE_LEGACY : p->step <= RESTORE_LEGACY ? FLOWS : DONE);
        }
}

static bool legacy_is_used(void) {
        auto_close int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
        char names[256];
        ssize_t n = fd < 0 ? -1 : read(fd, names, sizeof names - 1);
        names[n > 0 ? n : 0] = 0;
        return strstr(names, "filter") != NULL;
}

/* Flows ----------------------------------------------------------------------------------------------------------- */

static void add_flow(struct packets *p, const struct port_map *m, bool gone) {
        struct flow f = { .host = m->host, .target = m->target, .port = m->port, .gone = gone };
        if (m->udp && p->changed.n < FLOWS_MAX)
                vec_push(&p->changed, f);
}

/* UDP keeps its way as long as packets come: those that lead to a target which is no longer meant go, and those that began while the port led nowhere. */
static void compare_flows(struct packets *p, const struct rules *before, const struct rules *now) {
        size_t i = 0, k = 0;
        while (i < before->ports.n || k < now->ports.n) {
                const struct port_map *a = i < before->ports.n ? &before->ports.v[i] : NULL, *b = k < now->ports.n ? &now->ports.v[k] : NULL;
                int order = !a ? 1 : !b ? -1 : port_map_compare(a, b);
                bool same = order == 0 && a->target == b->target && a->target_port == b->target_port;
                if (order <= 0 && !same)
                        add_flow(p, a, true);
                if (order >= 0 && !same)
                        add_flow(p, b, false);
                i += order <= 0;
                k += order >= 0;
        }
}

static void read_addresses(struct packets *p) {
        AUTO(netlink_free) struct netlink *n = NULL;
        struct nlk_addr *list = NULL;
        size_t count = 0;
        vec_clear(&p->addresses);
        if (netlink_open(-1, &n, NULL) == 0 && nlk_addr_list(n, AF_INET, 0, &list, &count, NULL) == 0)
                for (size_t i = 0; i < count; i++) {
                        const uint8_t *b = list[i].cidr.ip.bytes;
                        vec_push(&p->addresses, (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3]);
                }
        free(list);
}

/* The next entry kind to delete; false: none is left. */
static bool run_flow(struct packets *p) {
        while (p->flow_at < p->flows.n) {
                const struct flow *f = &p->flows.v[p->flow_at];
                bool each = !f->gone && f->host == 0;           /* an un-translated flow to any of our addresses */
                if (each && p->address_at >= p->addresses.n) {
                        p->flow_at++;
                        p->address_at = 0;
                        continue;
                }
                uint32_t reply = f->gone ? f->target : each ? p->addresses.v[p->address_at++] : f->host;
                if (!each)
                        p->flow_at++;
                char port[8], source[16];
                snprintf(port, sizeof port, "%u", f->port);
                snprintf(source, sizeof source, "%u.%u.%u.%u", reply >> 24, reply >> 16 & 255, reply >> 8 & 255, reply & 255);
                const char *argv[] = { "conntrack", "-D", "-f", "ipv4", "-p", "udp", "--orig-port-dst", port, "--reply-src", source, NULL };
                run(p, argv, NULL, 0);
                return p->child != NULL;
        }
        vec_clear(&p->flows);
        p->flow_at = p->address_at = 0;
        return false;
}

/* The round ------------------------------------------------------------------------------------------------------- */

static void round_ends(struct packets *p) {
        p->step = DONE;
        if (!str_eq(p->why, p->last_why)) {
                if (*p->why)
                        log_error("packet rules are not as they should be", "reason", p->why, NULL);
                else
                        log_info("packet rules are as they should be", NULL);
                memcpy(p->last_why, p->why, sizeof p->last_why);
        }
        if (p->removing) {
                void (*done)(void *arg) = p->removed;
                p->removed = NULL;
                if (done)
                        done(p->removed_arg);
                return;
        }
        timer_start(p->check, CHECK_MS);
        if (p->wanted) {
                p->wanted = false;
                wish(p, SETTLE_MS);
        }
}

static void save(struct packets *p, enum step step) {
        static const char *const nft[] = { "iptables-nft-save", "-t", "filter", NULL }, *const legacy[] = { "iptables-legacy-save", "-t", "filter", NULL };
        p->step = step;
        if (step == SAVE_LEGACY && !legacy_is_used())
                return next(p, FLOWS);
        run(p, step == SAVE_NFT ? nft : legacy, NULL, FORWARD_BYTES_MAX);
}

static void next(struct packets *p, enum step step) {
        static const char *const list[] = { "nft", "-s", "list", "table", "ip", "drover", NULL }, *const apply[] = { "nft", "-f", "-", NULL };
        static const char *const chains[] = { "nft", "-j", "list", "chains", NULL };
        static const char *const restore_nft[] = { "iptables-nft-restore", "-n", NULL }, *const restore_legacy[] = { "iptables-legacy-restore", "-w", "5", "-n", NULL };
        p->step = step;
        switch (step) {
        case LIST: case LIST_AGAIN:
                return run(p, list, NULL, RULES_BYTES_MAX);
        case APPLY:
                sbuf_reset(&p->script);
                sbuf_puts(&p->script, p->removing ? "table ip drover\ndelete table ip drover\n" : p->text);
                return run(p, apply, &p->script, 0);
        case CHAINS:
                return run(p, chains, NULL, FORWARD_BYTES_MAX);
        case SAVE_NFT: case SAVE_LEGACY:
                return save(p, step);
        case RESTORE_NFT:
                return run(p, restore_nft, &p->script, 0);
        case RESTORE_LEGACY:
                return run(p, restore_legacy, &p->script, 0);
        case FLOWS:
                if (p->flows.n && p->flow_at == 0 && p->address_at == 0)
                        read_addresses(p);
                if (run_flow(p))
                        return;
                if (p->step != FLOWS)
                        return;                         /* it could not be started: the round has ended */
                return round_ends(p);
        default:
                return round_ends(p);
        }
}

static void on_saved_rules(struct packets *p, const struct child_result *res, bool nft) {
        sbuf_reset(&p->script);
        if (res->exit_status != 0 || res->signal || res->out_cut) {
                trouble(p, res->err);
                return next(p, nft ? SAVE_LEGACY : FLOWS);
        }
        if (forward_drops(res->out) && !p->drops_said) {
                p->drops_said = true;
                log_info("this host drops what it forwards unless a rule accepts it; drover's rule is kept in that chain", "tables", nft ? "iptables-nft" : "iptables-legacy", NULL);
        }
        if (forward_plan(res->out, &p->rules, p->removing, &p->script) == 0)
                return next(p, nft ? SAVE_LEGACY : FLOWS);
        log_info("forward rules are put in place", "tables", nft ? "iptables-nft" : "iptables-legacy", NULL);
        next(p, nft ? RESTORE_NFT : RESTORE_LEGACY);
}

static void look_at_chains(struct packets *p, const struct child_result *res) {
        char chain[160], why[300];
        forward_other_drops(res->out, res->out_len, chain, sizeof chain);
        snprintf(why, sizeof why, "chain \"%s\" drops what it does not know; it has to accept the containers' networks", chain);
        if (*chain && !p->removing && p->rules.nets.n)
                trouble(p, why);
}

static void on_tool(struct child *c, const struct child_result *res, void *arg) {
        struct packets *p = arg;
        bool ok = res->exit_status == 0 && !res->signal;
        p->child = NULL;
        switch (p->step) {
        case LIST: {
                uint64_t hash = ok ? hash_bytes(res->out, res->out_len) | 1 : 0;
                bool same = ok && hash == p->listing && str_eq(p->text, p->applied);
                if (!same && p->listing && str_eq(p->text, p->applied))
                        log_warning("packet rules were changed by somebody else and are put right", NULL);
                return next(p, same && !p->removing ? CHAINS : APPLY);
        }
        case APPLY:
                if (!ok)
                        trouble(p, res->err);
                free(p->applied);
                p->applied = ok ? dr_xstrdup(sbuf_str(&p->script)) : NULL;        /* p->text may be newer by now */
                p->listing = 0;
                return next(p, ok && !p->removing ? LIST_AGAIN : CHAINS);
        case LIST_AGAIN:
                p->listing = ok ? hash_bytes(res->out, res->out_len) | 1 : 0;
                return next(p, CHAINS);
        case CHAINS:
                look_at_chains(p, res);
                return next(p, SAVE_NFT);
        case SAVE_NFT: case SAVE_LEGACY:
                return on_saved_rules(p, res, p->step == SAVE_NFT);
        case RESTORE_NFT: case RESTORE_LEGACY:
                if (!ok)
                        trouble(p, res->err);
                return next(p, p->step == RESTORE_NFT ? SAVE_LEGACY : FLOWS);
        default:                                        /* conntrack: 1 when there was nothing to delete */
                return next(p, FLOWS);
        }
}

static void round_begins(void *arg) {
        struct packets *p = arg;
        if (p->child || p->step != DONE || (!p->known && !p->removing))
                return;
        timer_stop(p->check);
        p->why[0] = 0;
        for (size_t i = 0; i < p->changed.n; i++)
                vec_push(&p->flows, p->changed.v[i]);
        vec_clear(&p->changed);
        struct dr_error err = { 0 };
        if (!p->removing && sysctls_set(&p->rules, &err) < 0)
                snprintf(p->why, sizeof p->why, "%.390s", err.message);
        next(p, LIST);
}

static void on_check(void *arg) { wish(arg, 0); }

/* Watching -------------------------------------------------------------------------------------------------------- */

static void on_notice(int events, void *arg) {
        struct packets *p = arg;
        char buf[8192];
        while (recv(p->watch_fd, buf, sizeof buf, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
                ;
        wish(p, SETTLE_MS);
}

static void watch(struct packets *p) {
        int group = NFNLGRP_NFTABLES;
        struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
        p->watch_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
        if (p->watch_fd >= 0 && bind(p->watch_fd, (struct sockaddr *) &addr, sizeof addr) == 0 &&
            setsockopt(p->watch_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0)
                p->watch = fd_watch_new(p->cfg.loop, p->watch_fd, FD_READABLE, on_notice, p);
        if (!p->watch)
                log_warning("changes of packet rules are not announced here; they are looked at every few seconds", NULL);
}

/* Outside --------------------------------------------------------------------------------------------------------- */

static void set_text(struct packets *p) {
        auto_sbuf struct sbuf out = SBUF(RULES_BYTES_MAX);
        rules_format(&p->rules, p->cfg.metadata_ip, sysctls_bridge_filter(), &out);
        if (!sbuf_ok(&out))
                return log_error("packet rules are too long", NULL);
        free(p->text);
        p->text = sbuf_steal(&out);
}

void packets_changed(struct packets *p, const struct mdata *m) {
        struct rules now;
        rules_read(m, &now);
        if (now.conflicts && now.conflicts != p->rules.conflicts)
                log_warning("published ports of this host are wanted by several containers; who runs, then who is newer, has them", NULL);
        compare_flows(p, &p->rules, &now);
        auto_free char *before = p->text ? dr_xstrdup(p->text) : NULL;
        rules_done(&p->rules);
        p->rules = now;
        p->known = true;
        set_text(p);
        if (!str_eq(before, p->text))
                wish(p, 0);
}

void packets_remove(struct packets *p, void (*done)(void *arg), void *arg) {
        p->removing = true;
        p->removed = done;
        p->removed_arg = arg;
        if (!p->text)
                p->text = dr_xstrdup("");
        wish(p, 0);
}

bool packets_are_right(const struct packets *p, const char **why) {
        *why = p->last_why;
        return !*p->last_why;
}

struct packets *packets_new(const struct packets_config *cfg) {
        struct packets *p = dr_xnew(struct packets);
        p->cfg = *cfg;
        p->step = DONE;
        p->watch_fd = -1;
        p->script = (struct sbuf) SBUF(RULES_BYTES_MAX);
        p->settle = timer_new(cfg->loop, round_begins, p);
        p->check = timer_new(cfg->loop, on_check, p);
        watch(p);
        return p;
}

struct packets *packets_free(struct packets *p) {
        if (!p)
                return NULL;
        if (p->child)
                child_abandon(p->child);
        fd_watch_free(p->watch);
        if (p->watch_fd >= 0)
                close(p->watch_fd);
        timer_free(p->settle);
        timer_free(p->check);
        rules_done(&p->rules);
        vec_done(&p->flows);
        vec_done(&p->changed);
        vec_done(&p->addresses);
        sbuf_done(&p->script);
        free(p->text);
        free(p->applied);
        free(p);
        return NULL;
}
