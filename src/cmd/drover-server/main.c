/* drover-server: API, engine, store and host sessions in one process on one port. */
#include "base/log.h"
#include "base/options.h"
#include "commands.h"
#include "files.h"
#include "notify.h"
#include "schedule.h"
#include "server/auth/first_start.h"
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

extern char **environ;

enum { DESCRIPTORS_MAX = 65536 };

static const struct opt_row rows[] = {
        { .name = "config", .arg = "FILE", .type = OPT_CONFIG, .dflt = "/etc/drover/server.conf", .help = "file with these settings as \"name = value\" lines" },
        { .name = "listen", .arg = "ADDR:PORT", .type = OPT_LISTEN, .dflt = "0.0.0.0:8080", .help = "address to serve on" },
        { .name = "data", .arg = "DIR", .type = OPT_PATH, .dflt = "/var/lib/drover", .help = "folder of everything that is kept; made when missing" },
        { .name = "key-file", .arg = "FILE", .type = OPT_PATH, .help = "key that secrets are encrypted with; DIR/master.key when not given" },
        { .name = "db", .arg = "FILE", .type = OPT_PATH, .help = "database; DIR/drover.db when not given" },
        { .name = "no-auth", .type = OPT_FLAG, .help = "everybody may do everything: for tests and labs" },
        { .name = "simulator", .type = OPT_FLAG, .help = "allow simulated hosts" },
        { .name = "sim-hosts", .arg = "N", .type = OPT_INT, .dflt = "0", .min = 0, .max = 20000, .help = "simulated hosts in the first environment; needs --simulator" },
        { .name = "node-dir", .arg = "DIR", .type = OPT_PATH, .help = "folder of the drover-node programs that hosts fetch; this program's own folder when not given" },
        { .name = "tls", .type = OPT_FLAG, .help = "serve TLS too, with a certificate for this machine's names and addresses, made and renewed by an authority of this installation" },
        { .name = "tls-name", .arg = "NAME", .type = OPT_LIST, .help = "further name or address for that certificate" },
        { .name = "tls-cert", .arg = "FILE", .type = OPT_PATH, .help = "certificate (PEM, intermediates behind it) to serve TLS with, instead of --tls; read again when it changes" },
        { .name = "tls-key", .arg = "FILE", .type = OPT_PATH, .help = "its private key" },
        { .name = "tls-ca", .arg = "FILE", .type = OPT_PATH, .help = "authority of --tls-cert that hosts shall trust, when it is none that machines know" },
        { .name = "plain-http", .type = OPT_ENUM, .values = "redirect|allow", .dflt = "redirect", .help = "with TLS: whether other machines are served without it too, or sent to https (writes are refused)" },
        { .name = "metrics-open", .type = OPT_FLAG, .help = "/metrics is for everybody; without it for this machine's own addresses and administrators' API keys" },
        { .name = "rate-limit", .arg = "N", .type = OPT_INT, .dflt = "2000", .min = 0, .max = 1000000, .help = "requests a second that one address may make, twice as many at once; the next get 429; 0: no limit" },
        { .name = "rate-limit-local", .type = OPT_FLAG, .help = "that counts for this machine's own addresses too" },
        { .name = "address-connections", .arg = "N", .type = OPT_INT, .dflt = "4096", .min = 1, .max = 1000000, .help = "connections that one address may have without showing keys; further ones are closed" },
        { .name = "backup-dir", .arg = "DIR", .type = OPT_PATH, .help = "folder for backups by schedule" },
        { .name = "backup-every", .arg = "TIME", .type = OPT_DURATION, .dflt = "24h", .min = 1000, .max = 31536000000, .help = "how often, with --backup-dir" },
        { .name = "backup-keep", .arg = "N", .type = OPT_INT, .dflt = "7", .min = 1, .max = 10000, .help = "how many of them stay" },
        { .name = "log-level", .type = OPT_ENUM, .values = "debug|info|warning|error", .dflt = "info", .help = "least important lines to log" },
        { .name = "log-format", .type = OPT_ENUM, .values = "text|json|logfmt", .dflt = "text", .help = "how log lines look" },
};
static int fail(int code, const struct dr_error *err) {
        fprintf(stderr, "drover-server: %s\n", err->message);
        return code;
}

/* The address that this machine's clients use. */
static char *own_url(const char *host, uint16_t port) {
        bool any = !*host || str_eq(host, "*") || str_eq(host, "0.0.0.0") || str_eq(host, "::");
        bool brackets = !any && strchr(host, ':') != NULL;
        return dr_xasprintf("http://%s%s%s:%u", brackets ? "[" : "", any ? "127.0.0.1" : host, brackets ? "]" : "", port);
}

struct running { struct loop *loop; struct server *server; unsigned signals; };

static void on_stopped(void *arg) { loop_stop(((struct running *) arg)->loop); }

static void on_signal(int signum, void *arg) {
        struct running *r = arg;
        if (++r->signals > 1) {         /* hurry: what is answered is stored already */
                loop_stop(r->loop);
                return;
        }
        log_info("ending", "signal", signum == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
        notify_manager("STOPPING=1");
        server_stop(r->server, on_stopped, r);
}

static int serve(const struct opts *o, struct server_conf *conf, struct loop *l) {
        struct dr_error err;
        char host[64];
        uint16_t port = 0, actual = 0;
        struct running run = { .loop = l };
        if (opt_split_listen(opts_str(o, "listen"), host, sizeof host, &port, &err) < 0) {
                conf->store->ops->close(conf->store);
                return fail(EXIT_USAGE, &err);
        }
        if (server_new(l, conf, &run.server, &err) < 0)
                return fail(EXIT_FAILED, &err);
        int r = server_listen(run.server, host, port, &actual, &err);
        if (r < 0) {
                server_free(run.server);
                return fail(r == -EADDRINUSE || err.code == DR_E_BUSY || err.code == DR_E_CONFLICT ? EXIT_IN_USE : EXIT_FAILED, &err);
        }
        auto_free char *url = own_url(host, actual);
        r = auth_first_start(server_core(run.server), conf->data_dir, url, &err);
        if (r < 0) {
                server_free(run.server);
                return fail(EXIT_FAILED, &err);
        }
        if (r > 0)
                log_info("administrator made: login and keys are in the data folder", "file", "admin.json", NULL);
        struct signal_watch *term = signal_watch_new(l, SIGTERM, on_signal, &run), *interrupt = signal_watch_new(l, SIGINT, on_signal, &run);
        char number[8];
        snprintf(number, sizeof number, "%u", actual);
        log_info("serving", "version", DROVER_VERSION, "address", host, "port", number, "auth", conf->no_auth ? "off" : "on",
                 "tls", conf->tls.own ? "own" : conf->tls.cert_file ? "file" : "off", NULL);
        AUTO(schedule_free) struct schedule *backups = NULL;
        auto_free char *db_file = file_of(o, "db", "drover.db");
        if (opts_str(o, "backup-dir") && *opts_str(o, "backup-dir"))
                backups = schedule_new(l, db_file, opts_str(o, "backup-dir"), (uint64_t) opts_int(o, "backup-every"), (unsigned) opts_int(o, "backup-keep"));
        notify_manager("READY=1");
        loop_run(l);
        signal_watch_free(term);
        signal_watch_free(interrupt);
        server_free(run.server);
        log_info("ended", NULL);
        return EXIT_OK;
}

/* As many connections as the machine allows: each host keeps one open. */
static void raise_descriptor_limit(void) {
        struct rlimit l;
        if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
                l.rlim_cur = MIN(l.rlim_max, (rlim_t) DESCRIPTORS_MAX);
                (void) setrlimit(RLIMIT_NOFILE, &l);    /* then fewer */
        }
}

static int run(const struct opts *o, void *context) {
        struct dr_error err;
        const char *dir = opts_str(o, "data"), *nodes = opts_str(o, "node-dir"), *cert = opts_str(o, "tls-cert"), *tls_key = opts_str(o, "tls-key");
        auto_free char *key_file = file_of(o, "key-file", "master.key"), *db_file = file_of(o, "db", "drover.db");
        auto_free char *node_dir = nodes && *nodes ? dr_xstrdup(nodes) : program_dir();
        char master_key[MASTER_KEY_BYTES];
        struct store *store = NULL;
        if (opts_int(o, "sim-hosts") && !opts_bool(o, "simulator")) {
                (void) dr_fail(&err, DR_E_MISSING_REQUIRED, "simulator", "--sim-hosts needs --simulator");
                return fail(EXIT_USAGE, &err);
        }
        if ((cert != NULL) != (tls_key != NULL) || (cert && opts_bool(o, "tls")) || (opts_str(o, "tls-ca") && !cert)) {
                (void) dr_fail(&err, DR_E_INVALID_OPTION, "tls-cert", "--tls-cert and --tls-key belong together, --tls-ca goes with them, --tls does not");
                return fail(EXIT_USAGE, &err);
        }
        if (strstr(db_file, "://")) {
                (void) dr_fail(&err, DR_E_NOT_IMPLEMENTED, "db", "\"%s\" is no file: this version keeps its state in SQLite only", db_file);
                return fail(EXIT_USAGE, &err);
        }
        if (data_dir_make(dir, &err) < 0 || master_key_load(key_file, db_file, master_key, &err) < 0)
                return fail(EXIT_FAILED, &err);
        int r = store_open_sqlite_file(dir, db_file, &store, &err);
        if (r < 0)
                return fail(r == -EBUSY ? EXIT_IN_USE : err.code == DR_E_INVALID_FORMAT ? EXIT_NEWER : EXIT_FAILED, &err);
        raise_descriptor_limit();
        AUTO(loop_free) struct loop *l = loop_new();
        struct server_conf conf = {
                .store = store, .data_key = master_key, .data_dir = dir, .node_dir = node_dir,
                .no_auth = opts_bool(o, "no-auth"), .proxy_mode = getenv("CATTLE_HOST_API_PROXY_MODE"), .simulator = opts_bool(o, "simulator"), .sim_hosts = (unsigned) opts_int(o, "sim-hosts"),
                .tls = { .own = opts_bool(o, "tls"), .cert_file = cert, .key_file = tls_key, .ca_file = opts_str(o, "tls-ca"), .data_dir = dir },
                .db_file = db_file, .metrics_open = opts_bool(o, "metrics-open"), .rate_limit = (unsigned) opts_int(o, "rate-limit"),
                .rate_local = opts_bool(o, "rate-limit-local"), .per_address_max = (unsigned) opts_int(o, "address-connections"),
                .plain_redirect = opts_enum(o, "plain-http") == 0,
        };
        conf.tls.names = opts_list(o, "tls-name", &conf.tls.n_names);
        r = serve(o, &conf, l);
        explicit_bzero(master_key, sizeof master_key);
        return r;
}

static const struct opt_command *const commands[] = { &command_backup, &command_restore, &command_man };

static const struct opt_command program = {
        .name = "drover-server", .summary = "the server: API, engine, store and hosts' sessions", .env_prefix = "DROVER_", OPT_ROWS(rows), OPT_SUB(commands),
        .run = run,
};

int main(int argc, char **argv) {
        struct dr_error err = { 0 };
        AUTO(opts_free) struct opts *o = NULL;
        if (opts_parse(&program, argc, argv, environ, &o, &err) < 0) {
                auto_free char *hint = opts_usage_hint(&program, argc, argv);
                fprintf(stderr, "drover-server: %s\n%s\n", err.message, hint);
                return EXIT_USAGE;
        }
        if (opts_action(o) == OPTS_HELP) {
                auto_free char *help = opts_help(o);
                fputs(help, stdout);
                return EXIT_OK;
        }
        if (opts_action(o) == OPTS_VERSION) {
                printf("drover-server %s\n", DROVER_VERSION);
                return EXIT_OK;
        }
        log_init((enum log_level) opts_enum(o, "log-level"), opts_enum(o, "log-format") == 1 ? LOG_JSON : LOG_LOGFMT, "drover-server");
        return opts_command(o)->run(o, (void *) (uintptr_t) &program);
}
