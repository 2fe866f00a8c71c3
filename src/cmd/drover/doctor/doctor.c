#include "doctor.h"

#include "base/options.h"
#include "check.h"
#include "cmd/drover/lab/join.h"
#include "cmd/drover/lab/prog.h"
#include "formats/json.h"
#include "net/http_sync.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { ANSWER_BYTES_MAX = 1 << 20, CALL_MS = 5000 };

static const struct { const char *name; void (*run)(const struct check_input *in, struct check_result *r); } checks[] = {
        { "machine", check_machine },
        { "privileges", check_privileges },
        { "clock", check_clock },
        { "systemd", check_systemd },
        { "engine", check_engine },
        { "disk", check_disk },
        { "cgroups", check_cgroups },
        { "overlay", check_overlay },
        { "links", check_links },
        { "nftables", check_nftables },
        { "firewall", check_firewall },
        { "forwarding", check_forwarding },
        { "ports", check_ports },
        { "mtu", check_mtu },
        { "server", check_server },
};
static const char *const status_names[CHECK_STATUS_MAX] = { [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail" };

void check_ok(struct check_result *r, const char *fmt, ...) {
        va_list ap;
        r->status = CHECK_OK;
        r->advice[0] = '\0';
        va_start(ap, fmt);
        vsnprintf(r->message, sizeof r->message, fmt, ap);
        va_end(ap);
}

void check_bad(struct check_result *r, enum check_status status, const char *advice, const char *fmt, ...) {
        va_list ap;
        r->status = status;
        snprintf(r->advice, sizeof r->advice, "%s", advice);
        va_start(ap, fmt);
        vsnprintf(r->message, sizeof r->message, fmt, ap);
        va_end(ap);
}

int check_get(const struct check_input *in, const char *url, char **ret, int64_t *ret_date, struct dr_error *err) {
        struct http_call_spec spec = { .url = url, .connect_ms = CALL_MS, .total_ms = CALL_MS, .body_max = ANSWER_BYTES_MAX };
        struct http_response res = { 0 };
        int r = http_sync_call(in->http, &spec, &res, err);
        if (r < 0)
                return r;
        const char *date = http_headers_get(&res.headers, "Date");
        struct tm tm = { 0 };
        if (ret_date)
                *ret_date = date && strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm) ? (int64_t) timegm(&tm) : 0;
        if (ret)
                *ret = dr_take(res.body);
        int status = res.status;
        http_response_done(&res);
        return status;
}

static enum check_status run_checks(const struct check_input *in, bool json) {
        enum check_status worst = CHECK_OK;
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        struct jw w = JW(&b, 0);
        jw_begin_object(&w);
        jw_key(&w, "checks");
        jw_begin_array(&w);
        for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
                struct check_result r = { 0 };
                checks[i].run(in, &r);
                worst = MAX(worst, r.status);
                jw_begin_object(&w);
                jw_kstring(&w, "name", checks[i].name);
                jw_kstring(&w, "status", status_names[r.status]);
                jw_kstring(&w, "message", r.message);
                jw_kstring(&w, "advice", r.advice);
                jw_end(&w);
                if (json)
                        continue;
                printf("%-5s %-11s %s\n", status_names[r.status], checks[i].name, r.message);
                if (*r.advice)
                        printf("%-17s   %s\n", "", r.advice);
                fflush(stdout);
        }
        jw_end(&w);
        jw_kstring(&w, "status", status_names[worst]);
        jw_end(&w);
        if (json)
                puts(sbuf_str(&b));
        return worst;
}

static const struct opt_row rows[] = {
        { .name = "server", .arg = "URL", .type = OPT_STRING, .flags = OPT_NO_ENV, .help = "a server to reach and to compare the clock with" },
        { .name = "role", .arg = "ROLE", .type = OPT_ENUM, .values = "host|server", .dflt = "host", .flags = OPT_NO_ENV, .help = "what the machine is to be: host, server" },
        { .name = "json", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "an object with all results" },
};
static const struct opt_command program = {
        .name = "drover doctor", .summary = "check whether this machine is fit to be a host or a server", OPT_ROWS(rows),
        .about = "Each line is ok, warn or fail, with what to do. Nothing is changed. The exit code is 1 when something fails.",
};

/* DOCKER_HOST counts when it names a socket. */
static const char *engine_socket(void) {
        const char *host = getenv("DOCKER_HOST");
        return host && str_starts(host, "unix://") ? host + strlen("unix://") : "/var/run/docker.sock";
}

int doctor_main(int argc, char **argv) {
        AUTO(opts_free) struct opts *o = NULL;
        AUTO(http_sync_free) struct http_sync *http = NULL;
        struct dr_error err = { 0 };
        signal(SIGPIPE, SIG_IGN);
        prog_path_init();
        if (opts_parse(&program, argc, argv, environ, &o, &err) < 0) {
                auto_free char *hint = opts_usage_hint(&program, argc, argv);
                fprintf(stderr, "drover doctor: %s\n%s\n", err.message, hint);
                return 2;
        }
        if (opts_action(o) != OPTS_RUN) {
                auto_free char *help = opts_action(o) == OPTS_HELP ? opts_help(o) : dr_xstrdup("drover " DROVER_VERSION "\n");
                fputs(help, stdout);
                return 0;
        }
        const char *given = opts_str(o, "server");
        auto_free char *server = given ? join_find_origin(given) : NULL;
        if (given && !server) {
                fprintf(stderr, "drover doctor: \"%s\" is no URL such as http://server:8080\n", given);
                return 2;
        }
        struct http_client_config cfg = { .tls = { .insecure = true } };       /* nothing secret is sent */
        if (http_sync_new(&cfg, &http, &err) < 0) {
                fprintf(stderr, "drover doctor: %s\n", err.message);
                return 1;
        }
        struct check_input in = { .server = server, .engine_socket = engine_socket(), .http = http,
                                  .server_machine = str_eq(opts_str(o, "role"), "server") };
        return run_checks(&in, opts_bool(o, "json")) == CHECK_FAIL ? 1 : 0;
}
