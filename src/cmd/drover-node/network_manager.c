/* drover-node network-manager: gives this host's containers their network and keeps its packet rules. */
#include "base/log.h"
#include "node/netmgr/netmgr.h"
#include "parts.h"

#include <stdio.h>

static void on_hangup(int signum, void *arg) { netmgr_reload(arg); }

static int run(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        struct netmgr_config cfg = {
                .state_dir = opts_str(o, "state-dir"), .docker_socket = opts_str(o, "docker-socket"), .cni_dir = opts_str(o, "cni-dir"), .run_dir = opts_str(o, "run-dir"),
                .bridge = opts_str(o, "bridge"), .metadata_ip = opts_str(o, "metadata-ip"), .metadata_socket = opts_str(o, "metadata-socket"), .metadata_file = opts_str(o, "file"),
        };
        AUTO(loop_free) struct loop *l = loop_new();
        if (opts_bool(o, "uninstall"))
                return netmgr_uninstall(l, &cfg, &err) < 0 ? part_fail(&err) : 0;
        struct netmgr *n = netmgr_new(l, &cfg, &err);
        if (!n)
                return part_fail(&err);
        struct part_signals signals = part_signals(l, on_hangup, n);
        log_info("network manager started", "version", DROVER_VERSION, NULL);
        part_run(l, &signals);
        netmgr_free(n);
        return 0;
}

static const struct opt_row rows[] = {
        { .name = "cni-dir", .arg = "DIR", .type = OPT_PATH, .dflt = "/etc/cni", .help = "where CNI configuration is written and read: NETWORK.d/FILE" },
        { .name = "run-dir", .arg = "DIR", .type = OPT_PATH, .dflt = "/run/drover", .help = "where the names of the built-in plugins are linked" },
        { .name = "bridge", .arg = "NAME", .type = OPT_STRING, .env = "DOCKER_BRIDGE", .dflt = "docker0", .help = "bridge that the metadata service is reached by" },
        { .name = "metadata-ip metadata-address", .arg = "ADDRESS", .type = OPT_STRING, .env = "METADATA_IP", .dflt = "169.254.169.250", .help = "address of the metadata service" },
        { .name = "metadata-socket", .arg = "PATH", .type = OPT_PATH, .help = "the agent's metadata socket; /var/lib/rancher/state/metadata.sock" },
        { .name = "file", .arg = "FILE", .type = OPT_PATH, .help = "metadata from a file instead; SIGHUP reads it again" },
        { .name = "uninstall", .type = OPT_FLAG, .help = "takes packet rules and route away and ends" },
};

const struct opt_command network_manager_command = {
        .name = "network-manager", .summary = "gives this host's containers their network and keeps its packet rules", OPT_ROWS(rows), .run = run,
};
