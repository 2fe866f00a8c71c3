#include "load.h"

#include <stdio.h>
#include <sys/resource.h>

enum { SPARE_FILES = 300 };

struct load {
        struct load_config cfg;
        struct simhost_conf conf;
        struct http_client *http;
        struct rng rng;
        struct simhost_stats stats;
        struct simhost **hosts;
        unsigned begun, registered, joined;     /* hosts that started, have keys, were connected once */
        unsigned connecting_from;               /* next host to connect */
        unsigned busy;                          /* steps of joining under way */
        struct timer *deadline;
        bool ready, ended;
        int result;
        struct dr_error err;
};

int load_raise_files(unsigned n, struct dr_error *err) {
        struct rlimit l;
        rlim_t want = (rlim_t) n + SPARE_FILES;
        if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
                return 0;
        if (l.rlim_max < want)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "%u hosts need %llu open files and the limit is %llu: raise it (ulimit -n) or ask for fewer", n,
                               (unsigned long long) want, (unsigned long long) l.rlim_max);
        l.rlim_cur = want;
        return setrlimit(RLIMIT_NOFILE, &l) < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not raise the limit of open files: %m") : 0;
}

static void tell_end(void *arg) {
        struct load *l = arg;
        l->cfg.on_end(l->result, &l->err, l->cfg.arg);
}

static void end(struct load *l, int result) {
        if (l->ended)
                return;
        l->ended = true;
        l->result = result;
        timer_stop(l->deadline);
        loop_defer(l->cfg.loop, tell_end, l);
}

/* Registering comes first for all of them: a host that is connected costs the server nothing while others register. */
static void go_on(struct load *l) {
        while (!l->ended && l->busy < l->cfg.joining_max && l->begun < l->cfg.hosts) {
                l->hosts[l->begun] = simhost_new(&l->conf, l->begun + 1);
                l->busy++;
                simhost_register(l->hosts[l->begun++]);
        }
        while (!l->ended && l->registered == l->cfg.hosts && l->busy < l->cfg.joining_max && l->connecting_from < l->cfg.hosts) {
                l->busy++;
                simhost_connect(l->hosts[l->connecting_from++]);
        }
}

static void on_registered(int result, const struct dr_error *err, void *arg) {
        struct load *l = arg;
        l->busy--;
        if (result < 0) {
                l->err = *err;
                end(l, result);
                return;
        }
        l->registered++;
        go_on(l);
}

static void on_connected(void *arg) {
        struct load *l = arg;
        l->busy--;
        if (++l->joined == l->cfg.hosts && !l->ended) {
                l->ready = true;
                timer_start(l->deadline, l->cfg.duration_ms);
                if (l->cfg.on_ready)
                        l->cfg.on_ready(l->cfg.arg);
        }
        go_on(l);
}

static void on_deadline(void *arg) {
        struct load *l = arg;
        end(l, l->ready ? 0 : dr_fail(&l->err, DR_E_TIMEOUT, NULL, "only %u of %u hosts joined in time (%u registered)", l->joined, l->cfg.hosts, l->registered));
}

static void start(void *arg) { go_on(arg); }

int load_start(const struct load_config *cfg, struct load **ret, struct dr_error *err) {
        int r = load_raise_files(cfg->hosts, err);
        if (r < 0)
                return r;
        struct load *l = dr_xnew(struct load);
        l->cfg = *cfg;
        struct http_client_config http = { .idle_max = cfg->joining_max };
        if ((r = http_client_new(cfg->loop, &http, &l->http, err)) < 0) {
                free(l);
                return r;
        }
        rng_seed_random(&l->rng);
        l->conf = (struct simhost_conf) { .loop = cfg->loop, .http = l->http, .url = cfg->url, .token = cfg->token, .prefix = cfg->prefix,
                                          .delay_ms = cfg->delay_ms, .fail_per_mille = cfg->fail_per_mille, .rng = &l->rng, .stats = &l->stats,
                                          .on_registered = on_registered, .on_connected = on_connected, .arg = l };
        l->hosts = dr_xcalloc(cfg->hosts, sizeof *l->hosts);
        l->deadline = timer_new(cfg->loop, on_deadline, l);
        timer_start(l->deadline, cfg->join_ms);
        loop_defer(cfg->loop, start, l);
        *ret = l;
        return 0;
}

void load_stop(struct load *l) { end(l, 0); }

const struct simhost_stats *load_stats(const struct load *l) { return &l->stats; }

struct load *load_free(struct load *l) {
        if (!l)
                return NULL;
        loop_defer_cancel(l->cfg.loop, start, l);
        loop_defer_cancel(l->cfg.loop, tell_end, l);
        for (unsigned i = 0; i < l->cfg.hosts; i++)
                simhost_free(l->hosts[i]);
        free(l->hosts);
        timer_free(l->deadline);
        http_client_free(l->http);
        free(l);
        return NULL;
}
