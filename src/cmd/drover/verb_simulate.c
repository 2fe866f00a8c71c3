/* verb_simulate.c: drover simulate --hosts N: hosts that are only their end of the host protocol, to put load on a server.
 *
 * Joins N hosts with a registration token, keeps them connected for --duration and ends; with --containers a stack of one service is
 * made, watched and removed. Prints "ready: ..." when all are connected and a summary at the end. */
#include "base/log.h"
#include "base/times.h"
#include "cli.h"
#include "node/simulate/load.h"
#include "verbs.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { TOKEN_MS = 20000, TOKEN_POLL_MS = 100, GONE_MS = 60000, WATCH_MS = 50 };

static const struct opt_row rows[] = {
        { .name = "hosts", .letter = 'n', .arg = "N", .type = OPT_INT, .dflt = "100", .min = 1, .max = 60000, .help = "how many hosts join" },
        { .name = "server", .arg = "URL", .type = OPT_STRING, .help = "the server, instead of the configured one" },
        { .name = "duration", .arg = "TIME", .type = OPT_DURATION, .dflt = "60s", .min = 1, .max = 86400000, .help = "how long they stay, counted from when all are connected" },
        { .name = "join-timeout", .arg = "TIME", .type = OPT_DURATION, .dflt = "10m", .min = 1, .max = 86400000, .help = "how long joining may take" },
        { .name = "containers", .arg = "N", .type = OPT_INT, .dflt = "0", .min = 0, .max = 1000000, .help = "make a service of N containers once all are connected; it is removed at the end" },
        { .name = "idle", .type = OPT_FLAG, .help = "only stay connected: no containers" },
        { .name = "delay", .arg = "TIME", .type = OPT_DURATION, .dflt = "0s", .min = 0, .max = 3600000, .help = "how long a container takes to start, stop or go" },
        { .name = "fail", .arg = "PER-MILLE", .type = OPT_INT, .dflt = "0", .min = 0, .max = 1000, .help = "of a thousand starts, how many fail" },
        { .name = "joining", .arg = "N", .type = OPT_INT, .dflt = "64", .min = 1, .max = 1000, .help = "how many join at a time" },
        { .name = "prefix", .arg = "NAME", .type = OPT_STRING, .dflt = "simulated", .help = "hosts are called NAME-1, NAME-2 ...; they are new ones each time" },
};

struct simulation {
        struct cli *cli;
        struct loop *loop;
        struct load *load;
        struct timer *watch;            /* while containers start or go */
        char *stack_path;               /* what was made, to be removed; NULL: nothing */
        int64_t containers;
        uint64_t asked_ms, all_run_ms, gone_by_ms;
        bool leaving;
        int result;
};

static int get_token(struct cli *c, char **ret) {
        AUTO(json_free) struct json_object *token = NULL;
        auto_free char *path = api_project_path(c->api, "/registrationtokens");
        int r = api_call(c->api, "POST", path, NULL, &token, &c->err);
        if (r < 0)
                return r;
        auto_free char *self = dr_xasprintf("%s/%s", path, json_str(token, "id", ""));
        uint64_t deadline = time_mono_ms() + TOKEN_MS;
        while (!str_eq(json_str(token, "state", ""), "active") || !json_str(token, "token", NULL)) {
                if (time_mono_ms() > deadline)
                        return dr_fail(&c->err, DR_E_TIMEOUT, NULL, "registration token %s did not become active", json_str(token, "id", "?"));
                (void) nanosleep(&(struct timespec) { .tv_nsec = TOKEN_POLL_MS * 1000000L }, NULL);
                json_free(token);
                token = NULL;
                if ((r = api_get(c->api, self, &token, &c->err)) < 0)
                        return r;
        }
        *ret = dr_xstrdup(json_str(token, "token", ""));
        return 0;
}

static void finish(struct simulation *s, int result) {
        s->result = result;
        loop_stop(s->loop);
}

static int make_service(struct simulation *s) {
        struct cli *c = s->cli;
        AUTO(json_free) struct json_object *stack = NULL, *service = NULL, *body = json_object_new_object(), *in = json_object_new_object();
        auto_free char *stacks = api_project_path(c->api, "/stacks"), *services = api_project_path(c->api, "/services");
        json_set_str(in, "name", "simulated-load");
        int r = api_call(c->api, "POST", stacks, in, &stack, &c->err);
        if (r < 0)
                return r;
        s->stack_path = dr_xasprintf("%s/%s", stacks, json_str(stack, "id", ""));
        struct json_object *lc = json_object_new_object();
        json_set_str(lc, "imageUuid", "docker:busybox");
        json_object_object_add(body, "launchConfig", lc);
        json_set_str(body, "name", "load");
        json_set_str(body, "stackId", json_str(stack, "id", ""));
        json_set_int(body, "scale", s->containers);
        json_set_bool(body, "startOnCreate", true);
        s->asked_ms = time_mono_ms();
        return api_call(c->api, "POST", services, body, &service, &c->err);
}

static void on_watch(void *arg) {
        struct simulation *s = arg;
        const struct simhost_stats *st = load_stats(s->load);
        if (s->leaving) {
                if (st->containers == 0 || time_mono_ms() >= s->gone_by_ms)
                        finish(s, s->result);
                return;
        }
        if (st->running < (size_t) s->containers)
                return;
        s->all_run_ms = time_mono_ms();
        timer_stop(s->watch);
        printf("running: %lld containers after %.3f s\n", (long long) s->containers, (double) (s->all_run_ms - s->asked_ms) / 1000);
        fflush(stdout);
}

static void on_ready(void *arg) {
        struct simulation *s = arg;
        printf("ready: %llu hosts are connected\n", (unsigned long long) load_stats(s->load)->connected);
        fflush(stdout);
        if (!s->containers)
                return;
        int r = make_service(s);
        if (r < 0)
                return finish(s, r);
        timer_start_periodic(s->watch, WATCH_MS, WATCH_MS);
}

static void on_end(int result, const struct dr_error *err, void *arg) {
        struct simulation *s = arg;
        s->result = result;
        if (result < 0)
                s->cli->err = *err;
        if (!s->stack_path)
                return finish(s, result);
        s->leaving = true;
        s->gone_by_ms = time_mono_ms() + GONE_MS;
        int r = api_call(s->cli->api, "DELETE", s->stack_path, NULL, NULL, &s->cli->err);
        if (r < 0)
                return finish(s, r);
        timer_start_periodic(s->watch, WATCH_MS, WATCH_MS);
}

static void on_signal(int signum, void *arg) {
        struct simulation *s = arg;
        (void) signum;
        if (s->leaving)
                return finish(s, s->result);    /* the second time: at once */
        load_stop(s->load);
}

static void summary(const struct simulation *s) {
        const struct simhost_stats *t = load_stats(s->load);
        printf("hosts: %llu registered, %llu connected, %llu refused, %llu connections lost\n", (unsigned long long) t->registered,
               (unsigned long long) t->connected, (unsigned long long) t->refused, (unsigned long long) t->lost);
        printf("containers: %zu on hosts, %zu running; %llu desired entries, %llu operations, %llu failed, %llu reported; %llu requests\n", t->containers,
               t->running, (unsigned long long) t->desired, (unsigned long long) t->operations, (unsigned long long) t->failures,
               (unsigned long long) t->observed, (unsigned long long) t->requests);
}

static int simulate(struct simulation *s, const struct opts *o, const char *token) {
        struct cli *c = s->cli;
        auto_free char *url = dr_xstrdup(api_base(c->api));
        struct load_config cfg = {
                .loop = s->loop, .url = url, .token = token, .prefix = opts_str(o, "prefix"), .hosts = (unsigned) opts_int(o, "hosts"),
                .joining_max = (unsigned) opts_int(o, "joining"), .delay_ms = (uint64_t) opts_int(o, "delay"),
                .fail_per_mille = (unsigned) opts_int(o, "fail"), .join_ms = (uint64_t) opts_int(o, "join-timeout"),
                .duration_ms = (uint64_t) opts_int(o, "duration"), .on_ready = on_ready, .on_end = on_end, .arg = s,
        };
        int r = load_start(&cfg, &s->load, &c->err);
        if (r < 0)
                return r;
        s->watch = timer_new(s->loop, on_watch, s);
        struct signal_watch *term = signal_watch_new(s->loop, SIGTERM, on_signal, s), *interrupt = signal_watch_new(s->loop, SIGINT, on_signal, s);
        loop_run(s->loop);
        summary(s);
        signal_watch_free(term);
        signal_watch_free(interrupt);
        timer_free(s->watch);
        load_free(s->load);
        loop_run(s->loop);                              /* until every connection has said goodbye */
        return s->result;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        auto_free char *token = NULL;
        const char *server = opts_str(o, "server");
        log_init(LOG_ERROR, LOG_LOGFMT, "drover");      /* ten thousand connections are not ten thousand lines */
        int r = cli_connect(c, server && *server ? server : NULL);
        if (r < 0 || (r = api_project(c->api, NULL, &c->err)) < 0 || (r = get_token(c, &token)) < 0)
                return r;
        struct simulation s = { .cli = c, .loop = loop_new(), .containers = opts_bool(o, "idle") ? 0 : opts_int(o, "containers") };
        r = simulate(&s, o, token);
        free(s.stack_path);
        loop_free(s.loop);
        return r;
}

const struct opt_command verb_simulate = { .name = "simulate", .summary = "put simulated hosts on a server: a load generator",
                                           .about = "For tests: the hosts are real to the server and stay registered. Remove them with \"drover hosts rm\".",
                                           OPT_ROWS(rows), .run = run };
