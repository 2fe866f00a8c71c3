/* drover-node metadata: the metadata service of this host. */
#include "base/log.h"
#include "node/metadata/feed.h"
#include "node/metadata/service.h"
#include "node/netlink/rtnetlink.h"
#include "parts.h"

#include <stdio.h>

struct metadata { struct loop *loop; struct feed *feed; struct md_service *service; };

static void on_changed(struct mdata *m, void *arg) {
        struct metadata *md = arg;
        if (md->service)
                md_service_changed(md->service);
}

static int reload(struct dr_error *err, void *arg) {
        struct metadata *md = arg;
        int r = feed_reload(md->feed, err);
        return r == -ENOTSUP || r == -ENOENT ? 0 : r;   /* decision 16: with the file gone the data stay */
}

static void on_hangup(int signum, void *arg) {
        struct dr_error err = { 0 };
        if (reload(&err, arg) < 0)
                log_warning("metadata file not read again", "error", err.message, NULL);
}

/* 169.254.169.250/32 on the interface that answers for it. */
static int add_address(const char *interface, const char *address, struct dr_error *err) {
        struct inet_cidr cidr;
        struct nlk_link link;
        AUTO(netlink_free) struct netlink *n = NULL;
        if (inet_cidr_parse(address, 32, &cidr) < 0 || cidr.ip.family != AF_INET)
                return dr_fail(err, DR_E_INVALID_FORMAT, "listen", "\"%s\" is no IPv4 address to add to an interface", address);
        int r = netlink_open(-1, &n, err);
        if (r < 0)
                return r;
        r = nlk_link_get(n, interface, &link, err);
        if (r == -ENOENT)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "interface \"%s\" does not exist", interface);
        if (r < 0)
                return r;
        r = nlk_addr_add(n, link.index, &cidr, err);
        return r == -EEXIST ? 0 : r;
}

static int listen_all(const struct opts *o, struct metadata *md, struct dr_error *err) {
        char host[64];
        uint16_t port, got;
        int r = opt_split_listen(opts_str(o, "listen"), host, sizeof host, &port, err);
        if (r == 0 && opts_str(o, "add-address"))
                r = add_address(opts_str(o, "add-address"), host, err);
        if (r < 0 || (r = md_service_listen(md->service, host, port, &got, err)) < 0)
                return r;
        auto_free char *where = dr_xasprintf("%s:%u", host, got);
        log_info("metadata service listens", "address", where, NULL);
        if (!*str_or(opts_str(o, "listen-reload"), ""))
                return 0;
        r = opt_split_listen(opts_str(o, "listen-reload"), host, sizeof host, &port, err);
        return r < 0 ? r : md_service_listen_reload(md->service, host, port, &got, err);
}

static int serve(const struct opts *o, struct metadata *md, struct mdata *m, struct dr_error *err) {
        struct md_service_config cfg = { .xff = opts_bool(o, "xff"), .reload = reload, .arg = md };
        struct feed_config feed = {
                .socket_path = opts_str(o, "socket"), .file = opts_str(o, "file"), .cache = opts_str(o, "cache"), .changed = on_changed, .arg = md,
        };
        md->feed = feed_new(md->loop, m, &feed, err);
        if (!md->feed)
                return -EINVAL;
        md->service = md_service_new(md->loop, m, &cfg);
        int r = listen_all(o, md, err);
        if (r < 0)
                return r;
        struct part_signals signals = part_signals(md->loop, on_hangup, md);
        part_run(md->loop, &signals);
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        AUTO(mdata_free) struct mdata *m = mdata_new();
        AUTO(loop_free) struct loop *l = loop_new();
        struct metadata md = { .loop = l };
        int r = serve(o, &md, m, &err);
        md.service = md_service_free(md.service);
        feed_free(md.feed);
        loop_run(l);                                    /* connections' last words */
        if (r < 0)
                fprintf(stderr, "drover-node: %s\n", err.message);
        return r < 0;
}

static const struct opt_row rows[] = {
        { .name = "listen", .arg = "ADDR:PORT", .type = OPT_LISTEN, .dflt = "169.254.169.250:80", .help = "address to serve on" },
        { .name = "add-address", .arg = "INTERFACE", .type = OPT_STRING, .help = "adds the address of --listen to this interface first" },
        { .name = "listen-reload", .arg = "ADDR:PORT", .type = OPT_STRING, .dflt = "127.0.0.1:8112", .help = "address for POST /v1/reload; empty: none" },
        { .name = "xff", .type = OPT_FLAG, .help = "a client is who its X-Forwarded-For header says" },
        { .name = "socket", .arg = "PATH", .type = OPT_PATH, .dflt = FEED_SOCKET, .help = "the agent's metadata socket" },
        { .name = "file", .arg = "FILE", .type = OPT_PATH, .help = "read this instead of the socket, again on SIGHUP" },
        { .name = "cache", .arg = "FILE", .type = OPT_PATH, .help = "keep the last data here and begin with them" },
};
const struct opt_command metadata_command = {
        .name = "metadata", .summary = "answers containers of this host about themselves and their environment", OPT_ROWS(rows), .run = run,
};
