/* drover-node: everything that runs on a host, one static file. The subcommand, or the name it is called by, chooses the part. */
#include "base/log.h"
#include "base/options.h"
#include "node/agent/agent.h"
#include "node/agent/supervise.h"
#include "node/agent/upgrade.h"
#include "node/cni/plugin.h"
#include "parts.h"
#include "node/entry/entry.h"

#include <signal.h>
#include <stdio.h>

extern char **environ;

static void fill(const struct opts *o, struct agent_config *cfg) {
        *cfg = (struct agent_config) {
                .url = opts_str(o, "url"), .token = opts_str(o, "token"), .state_dir = opts_str(o, "state-dir"), .docker_socket = opts_str(o, "docker-socket"),
                .ca_file = opts_str(o, "ca-file"), .agent_ip = opts_str(o, "agent-ip"), .hostname = opts_str(o, "hostname"), .host_labels = opts_str(o, "host-labels"),
                .scheduler_ips = getenv("CATTLE_SCHEDULER_IPS"), .scheduler_require_any = getenv("CATTLE_SCHEDULER_REQUIRE_ANY"),
                .docker_uuid = getenv("CATTLE_DOCKER_UUID"), .physical_uuid = getenv("CATTLE_PHYSICAL_HOST_UUID"), .agent_image = getenv("RANCHER_AGENT_IMAGE"),
                .memory_override = getenv("CATTLE_MEMORY_OVERRIDE"), .milli_cpu_override = getenv("CATTLE_MILLI_CPU_OVERRIDE"),
                .local_storage_mb_override = getenv("CATTLE_LOCAL_STORAGE_MB_OVERRIDE"), .upgrades = opts_bool(o, "upgrades"),
        };
}

static int fail(const struct dr_error *err) {
        fprintf(stderr, "drover-node: %s\n", err->message);
        return 1;
}

static void on_signal(int signum, void *arg) {
        log_info("ending", "signal", signum == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
        loop_stop(arg);
}

static int run_agent(const struct opts *o, void *context) {
        struct agent_config cfg;
        struct dr_error err;
        fill(o, &cfg);
        AUTO(loop_free) struct loop *l = loop_new();
        struct agent *a = NULL;
        if (agent_new(l, &cfg, &a, &err) < 0)
                return fail(&err);
        struct signal_watch *term = signal_watch_new(l, SIGTERM, on_signal, l), *interrupt = signal_watch_new(l, SIGINT, on_signal, l);
        log_info("agent started", "version", DROVER_VERSION, "url", cfg.url, NULL);
        loop_run(l);
        signal_watch_free(term);                        /* a second signal ends at once */
        signal_watch_free(interrupt);
        bool upgrade = agent_wants_upgrade(a);
        agent_free(a);
        loop_run(l);                                    /* the goodbye to the server, at most 2 s */
        return upgrade && upgrade_try(cfg.state_dir, (uint64_t) opts_int(o, "upgrade-trial"), context) < 0;
}

static int run_register(const struct opts *o, void *context) {
        struct agent_config cfg;
        struct dr_error err;
        fill(o, &cfg);
        if (agent_register(&cfg, &err) < 0)
                return fail(&err);
        printf("registered\n");
        return 0;
}

/* The program is this one, run as given: "supervise --pid-file F agent". */
static int run_supervise(const struct opts *o, void *context) {
        struct dr_error err;
        size_t n;
        const char *const *words = opts_args(o, &n);
        char self[4096];
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        if (len < 0) {
                dr_fail(&err, DR_E_INTERNAL, NULL, "could not find out which program this is: %m");
                return fail(&err);
        }
        self[len] = 0;
        auto_free char **argv = dr_xcalloc(n + 4, sizeof *argv);
        size_t k = 0;
        argv[k++] = self;
        argv[k++] = (char *) "--config";
        argv[k++] = (char *) opts_str(o, "config");
        for (size_t i = 0; i < n; i++)
                argv[k++] = (char *) words[i];
        return supervise(opts_str(o, "pid-file"), argv, &err) < 0 ? fail(&err) : 0;
}

static const struct opt_row supervise_rows[] = {
        { .name = "pid-file", .arg = "FILE", .type = OPT_PATH, .dflt = "/run/drover-node.pid", .help = "locked while the supervisor lives" },
};

static const struct opt_command agent_command = {
        .name = "agent", .summary = "runs the containers of this host as the server wants them", .run = run_agent,
};
static const struct opt_command register_command = {
        .name = "register", .summary = "gets this host's key from the server with a registration token, also again", .run = run_register,
};
static const struct opt_command supervise_command = {
        .name = "supervise", .summary = "runs another command of this program again and again, where no service manager does", .args = "COMMAND...",
        OPT_ROWS(supervise_rows), .min_args = 1, .max_args = 16, .first_ends = true, .run = run_supervise,
};
static int run_entry(const struct opts *o, void *context) {
        size_t n;
        const char *const *words = opts_args(o, &n);
        auto_free char **argv = dr_xcalloc(n + 2, sizeof *argv);
        argv[0] = (char *) "entry";
        for (size_t i = 0; i < n; i++)
                argv[i + 1] = (char *) words[i];
        return entry_main((int) n + 1, argv);
}
static const struct opt_command entry_command = {
        .name = "entry", .summary = "waits for this container's network, then becomes COMMAND", .args = "COMMAND...", .min_args = 1, .max_args = OPT_ANY, .passthrough = true,
        .run = run_entry,
};
static const struct opt_command program;
static int run_man(const struct opts *o, void *context) {
        const struct opt_command *root = &program;
        struct dr_error err;
        if (opt_command_man_write(opts_args(o, NULL)[0], &root, 1, &err) == 0)
                return 0;
        fprintf(stderr, "drover-node: %s\n", err.message);
        return 1;
}
static const struct opt_command man_command = {
        .name = "man-pages", .summary = "writes this program's manual pages into a folder, for packages", .args = "DIR", .min_args = 1, .max_args = 1, .hidden = true, .run = run_man,
};
/* One row per part of the node; links named drover-PART run the part. */
static const struct opt_command *const commands[] = { &agent_command, &register_command, &supervise_command, &metadata_command, &giddyup_command, &healthcheck_command, &net_command, &network_manager_command, &dns_command, &entry_command, &bridge_command, &ipam_command, &man_command };

static const struct opt_row rows[] = {
        { .name = "config", .arg = "FILE", .type = OPT_CONFIG, .dflt = "/etc/drover/node.conf", .help = "file with these settings as \"name = value\" lines" },
        { .name = "log-level", .type = OPT_ENUM, .values = "debug|info|warning|error", .dflt = "info", .help = "least important lines to log" },
        { .name = "log-format", .type = OPT_ENUM, .values = "logfmt|json", .dflt = "logfmt", .help = "how log lines look" },
        { .name = "url", .arg = "URL", .type = OPT_STRING, .env = "CATTLE_URL", .help = "address of the server, as http://SERVER:8080" },
        { .name = "token", .arg = "TOKEN", .type = OPT_STRING, .env = "CATTLE_REGISTRATION_SECRET_KEY", .flags = OPT_SECRET, .help = "registration token; needed until the host is registered" },
        { .name = "state-dir", .arg = "DIR", .env = "CATTLE_STATE_DIR", .type = OPT_PATH, .dflt = "/var/lib/rancher/state", .help = "where identity and desired state are kept" },
        { .name = "docker-socket", .arg = "PATH", .env = "DOCKER_HOST", .type = OPT_PATH, .dflt = "/var/run/docker.sock", .help = "socket of the Docker engine" },
        { .name = "ca-file", .arg = "FILE", .type = OPT_PATH, .help = "certificate authority of an https server; /var/lib/rancher/etc/ssl/ca.crt when it exists" },
        { .name = "agent-ip", .arg = "ADDRESS", .type = OPT_STRING, .env = "CATTLE_AGENT_IP", .help = "address of this host to report; found by itself when not given" },
        { .name = "upgrades", .type = OPT_FLAG, .help = "the server may replace this program by its own (set where the join command installed it)" },
        { .name = "upgrade-trial", .type = OPT_DURATION, .dflt = "1m", .min = 1000, .max = 600000, .flags = OPT_HIDDEN, .help = "how long such a program has to connect before it is taken back" },
        { .name = "hostname", .arg = "NAME", .type = OPT_STRING, .env = "CATTLE_HOSTNAME", .help = "name of this host to report; found by itself when not given" },
        { .name = "host-labels", .arg = "LABELS", .type = OPT_STRING, .env = "CATTLE_HOST_LABELS", .help = "labels that a new host gets, as k=v&k2=v2" },
};
static const struct opt_command program = {
        .name = "drover-node", .summary = "what drover runs on a host", .env_prefix = "DROVER_", OPT_ROWS(rows), OPT_SUB(commands),
};

/* "drover-agent" called by its link is "drover-node agent". */
static const char *part_of(const char *argv0) {
        const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
        if (!str_starts(name, "drover-"))
                return NULL;
        const struct opt_command *c = opt_command_find(&program, name + strlen("drover-"));
        return c ? c->name : NULL;
}

int main(int argc, char **argv) {
        struct dr_error err = { 0 };
        if (argc > 0 && entry_is_called(argv[0]))
                return entry_main(argc, argv);          /* in somebody's container: its words and environment are not ours */
        const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *called = slash ? slash + 1 : argc > 0 ? argv[0] : "";
        if (cni_plugin_is(called))
                return cni_plugin_main(called);         /* a runtime's variables and standard input are all that counts */
        const char *part = argc > 0 ? part_of(argv[0]) : NULL;
        auto_free char **args = dr_xcalloc((size_t) argc + 2, sizeof *args);
        int n = 0;
        for (int i = 0; i < argc; i++) {
                args[n++] = argv[i];
                if (i == 0 && part)
                        args[n++] = (char *) part;
        }
        AUTO(opts_free) struct opts *o = NULL;
        if (opts_parse(&program, n, args, environ, &o, &err) < 0) {
                auto_free char *hint = opts_usage_hint(&program, n, args);
                fprintf(stderr, "drover-node: %s\n%s\n", err.message, hint);
                return 2;
        }
        if (opts_action(o) == OPTS_HELP) {
                auto_free char *help = opts_help(o);
                fputs(help, stdout);
                return 0;
        }
        if (opts_action(o) == OPTS_VERSION) {
                printf("drover-node %s\n", DROVER_VERSION);
                return 0;
        }
        log_init((enum log_level) opts_enum(o, "log-level"), (enum log_format) opts_enum(o, "log-format"), "drover-node");
        if (argc > 0)
                args[0] = (char *) program.name;        /* a link's name is in the words already, should they be used again */
        return opts_command(o)->run(o, args);
}
