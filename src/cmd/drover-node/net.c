/* drover-node net: what carries packets between hosts. */
#include "base/log.h"
#include "node/metadata/feed.h"
#include "node/net/vxlan.h"
#include "parts.h"

#include <stdio.h>

static void on_hangup(int signum, void *arg) { vxlan_reload(arg); }

static int serve(const struct opts *o, struct loop *l, struct dr_error *err) {
        AUTO(vxlan_free) struct vxlan *v = NULL;
        char host[64] = "";
        uint16_t port = 0;
        const char *listen = str_or(opts_str(o, "listen"), "");
        int r = *listen ? opt_split_listen(listen, host, sizeof host, &port, err) : 0;
        if (r < 0)
                return r;
        struct vxlan_config cfg = {
                .network = opts_str(o, "network"), .socket_path = opts_str(o, "socket"), .file = opts_str(o, "file"), .state_file = opts_str(o, "state-file"),
                .listen_address = host, .port = port,
        };
        r = vxlan_new(l, &cfg, &v, err);
        if (r < 0)
                return r;
        struct part_signals signals = part_signals(l, on_hangup, v);
        log_info("vxlan started", "version", DROVER_VERSION, "network", cfg.network, NULL);
        part_run(l, &signals);
        return 0;
}

static int run_vxlan(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        AUTO(loop_free) struct loop *l = loop_new();
        int r = serve(o, l, &err);
        loop_run(l);                                    /* connections' last words */
        if (r < 0)
                fprintf(stderr, "drover-node: %s\n", err.message);
        return r < 0;
}

static const struct opt_row vxlan_rows[] = {
        { .name = "network", .arg = "NAME", .type = OPT_STRING, .dflt = "vxlan", .help = "name of the network whose containers are joined" },
        { .name = "listen", .arg = "ADDR:PORT", .type = OPT_STRING, .dflt = "127.0.0.1:8111", .help = "address for /ping, /connectivity, /state, /metrics and /v1/reload; empty: none" },
        { .name = "state-file", .arg = "FILE", .type = OPT_PATH, .dflt = "/var/lib/rancher/state/overlay.json", .help = "what of the overlay works, for the agent" },
        { .name = "socket", .arg = "PATH", .type = OPT_PATH, .dflt = FEED_SOCKET, .help = "the agent's metadata socket" },
        { .name = "file", .arg = "FILE", .type = OPT_PATH, .help = "read this instead of the socket, again on SIGHUP" },
};
static const struct opt_command vxlan_command = {
        .name = "vxlan", .summary = "joins the containers of all hosts by VXLAN", OPT_ROWS(vxlan_rows), .run = run_vxlan,
};
static const struct opt_command *const net_commands[] = { &vxlan_command };
const struct opt_command net_command = { .name = "net", .summary = "carries packets between the containers of different hosts", OPT_SUB(net_commands) };
