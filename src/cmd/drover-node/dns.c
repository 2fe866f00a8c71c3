/* drover-node dns: the name service of this host's containers. */
#include "base/log.h"
#include "node/dns/dns.h"
#include "node/metadata/feed.h"
#include "parts.h"

#include <fcntl.h>
#include <stdio.h>

static void on_hangup(int signum, void *arg) { dns_reload(arg); }

static int write_pid(const char *path, struct dr_error *err) {
        char text[32];
        auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        int n = snprintf(text, sizeof text, "%d\n", (int) getpid());
        if (fd < 0 || write(fd, text, (size_t) n) != n)
                return dr_fail(err, DR_E_INTERNAL, "pid-file", "could not write \"%s\": %m", path);
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        struct dns_config cfg = {
                .listen = opts_str(o, "listen"), .reload = opts_str(o, "listenReload"), .answers = opts_str(o, "answers"),
                .metadata = *str_or(opts_str(o, "metadata-server"), "") || opts_str(o, "metadata-file"),
                .metadata_socket = opts_str(o, "metadata-socket"), .metadata_file = opts_str(o, "metadata-file"),
                .metadata_answer = opts_str(o, "rancher-metadata-answer"), .never_recurse = opts_str(o, "never-recurse-to"), .resolv_conf = opts_str(o, "resolv-conf"),
                .ttl = (uint32_t) opts_int(o, "ttl"), .ndots = (unsigned) opts_int(o, "ndots"), .threads = (unsigned) opts_int(o, "threads"),
                .recurser_timeout_ms = (uint64_t) opts_int(o, "recurser-timeout"), .cache_messages = (size_t) opts_int(o, "cache-capacity"),
                .mixed_case = opts_bool(o, "mixed-case"),
        };
        if (opts_str(o, "pid-file") && write_pid(opts_str(o, "pid-file"), &err) < 0)
                return part_fail(&err);
        AUTO(loop_free) struct loop *l = loop_new();
        struct dns *d = NULL;
        if (dns_new(l, &cfg, &d, &err) < 0)
                return part_fail(&err);
        struct part_signals signals = part_signals(l, on_hangup, d);
        log_info("dns service listens", "address", cfg.listen, "version", DROVER_VERSION, NULL);
        part_run(l, &signals);
        dns_free(d);
        return 0;
}

static const struct opt_row rows[] = {
        { .name = "listen", .arg = "ADDR:PORT", .type = OPT_LISTEN, .dflt = "169.254.169.250:53", .help = "address to answer at, UDP and TCP" },
        { .name = "listenReload listen-reload", .arg = "ADDR:PORT", .type = OPT_STRING, .dflt = "127.0.0.1:8113", .help = "where POST /v1/reload reads files again; empty: nowhere" },
        { .name = "answers", .arg = "FILE", .type = OPT_PATH, .dflt = "/etc/rancher-dns/answers.json", .help = "answers as a file: read at start, written after changes; empty: none" },
        { .name = "ttl", .arg = "SECONDS", .type = OPT_INT, .dflt = "1", .min = 0, .max = 86400, .help = "time to live of answers" },
        { .name = "recurser-timeout", .arg = "SECONDS", .type = OPT_DURATION, .dflt = "2", .min = 50, .max = 60000, .help = "how long one recurser is waited for" },
        { .name = "ndots", .arg = "N", .type = OPT_INT, .dflt = "0", .min = 0, .max = 15, .help = "search domains complete names with fewer dots; 0: all names" },
        { .name = "cache-capacity", .arg = "N", .type = OPT_INT, .dflt = "1000", .min = 0, .max = 1000000, .help = "recursed answers to keep" },
        { .name = "metadata-server", .arg = "HOST", .type = OPT_STRING, .dflt = "localhost", .help = "not empty: answers come from metadata, by the agent's socket; empty: from the answer file alone" },
        { .name = "metadata-socket", .arg = "PATH", .type = OPT_PATH, .dflt = FEED_SOCKET, .help = "the agent's socket" },
        { .name = "metadata-file", .arg = "FILE", .type = OPT_PATH, .help = "metadata from a file of messages instead" },
        { .name = "rancher-metadata-answer", .arg = "LIST", .env = "RANCHER_METADATA_ANSWER", .type = OPT_STRING, .dflt = "169.254.169.250", .help = "addresses of rancher-metadata, by commas; agent_ip: this host's" },
        { .name = "never-recurse-to", .arg = "LIST", .env = "NEVER_RECURSE_TO", .type = OPT_STRING, .dflt = "169.254.169.250", .help = "servers that are never asked, by commas; agent_ip: this host" },
        { .name = "resolv-conf", .arg = "FILE", .type = OPT_PATH, .dflt = "/etc/resolv.conf", .help = "whose nameservers are asked for other names" },
        { .name = "threads", .arg = "N", .type = OPT_INT, .dflt = "1", .min = 1, .max = 64, .help = "threads that answer over UDP" },
        { .name = "mixed-case", .type = OPT_FLAG, .help = "spell names at random when asking recursers, and want them back so (against forged answers)" },
        { .name = "pid-file", .arg = "FILE", .type = OPT_PATH, .help = "file for this process's number" },
        { .name = "log", .arg = "FILE", .type = OPT_PATH, .flags = OPT_HIDDEN, .help = "accepted; lines go to stderr" },
        { .name = "debug", .type = OPT_FLAG, .flags = OPT_HIDDEN, .help = "accepted; use --log-level=debug" },
};

const struct opt_command dns_command = {
        .name = "dns", .summary = "answers names of services and containers, and asks others for the rest", OPT_ROWS(rows), .run = run,
};
