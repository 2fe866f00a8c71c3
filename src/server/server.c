#include "server.h"

#include <stdatomic.h>
#include <stdio.h>

#include "api/api.h"
#include "api/errors.h"
#include "auth/auth.h"
#include "auth/first_start.h"
#include "base/log.h"
#include "base/times.h"
#include "catalog/catalog.h"
#include "compose/executor.h"
#include "compose/transform.h"
#include "core/hosts.h"
#include "core/simagent.h"
#include "environments/environments.h"
#include "events/events.h"
#include "formats/json.h"
#include "hosts/session.h"
#include "streams/service_proxy.h"
#include "streams/streams.h"
#include "metrics/metrics.h"
#include "net/http_server.h"
#include "net/rate.h"
#include "node_files.h"
#include "scripts.h"
#include "ui.h"

enum {
        TURN_MS = 10,                   /* work between two looks at the network ... */
        TURN_ITEMS = 16,                /* ... looking at the clock after so many queue items */
        COMMIT_GAP_MS = 2,              /* how long changes wait for a commit under way */
        DRAIN_MS = 5000,
        METRICS_BYTES_MAX = 1 << 20,
        RATE_BURST_S = 2,               /* what may come at once: so many seconds' worth */
        PER_ADDRESS_MAX = 4096,         /* many clients and hosts may share an address; those with keys do not count */
};

struct server {
        struct loop *loop;
        struct store *store;
        struct core *core;
        struct auth *auth;
        struct api *api;
        struct executor *executor;
        struct http_server *http;
        struct node_files *node_files;
        struct scripts *scripts;
        struct server_tls *tls;
        struct metrics *metrics;
        struct rate *rate;              /* NULL: no limit */
        int64_t started_ms;
        const struct server_conf *conf;
        struct host_sessions *sessions;
        struct host_tokens *host_tokens;
        struct streams *streams;
        struct catalogs *catalogs;
        struct environments *environments;
        struct events *events;
        struct simagents *sim;
        struct turn_hook *hook;
        struct timer *due, *gap;
        bool gap_over, busy, stopping;
        atomic_bool woken;              /* the store has said something that was not fetched yet */
        loop_fn stopped;
        void *stopped_arg;
};

struct core *server_core(struct server *s) { return s->core; }

/* ---- driving the core ---- */
static void nothing(void *arg) { (void) arg; }

static void set_due(struct server *s, bool more) {
        uint64_t next = core_next_ms(s->core), now = core_mono_ms(s->core);
        if (s->sim)
                next = MIN(next, simagents_next_ms(s->sim));
        if (more)
                loop_defer(s->loop, nothing, s);        /* no blocking before the next turn */
        else if (next == UINT64_MAX)
                timer_stop(s->due);
        else
                timer_start(s->due, next > now ? next - now : 1);
}

static void commit(struct server *s) {
        if (core_in_flight(s->core) > 0 && !s->gap_over) {
                if (!timer_is_running(s->gap))
                        timer_start(s->gap, COMMIT_GAP_MS);
                return;
        }
        s->gap_over = false;
        timer_stop(s->gap);
        core_commit(s->core);
}

static void on_turn_end(void *arg) {
        struct server *s = arg;
        if (s->busy)
                return;
        s->busy = true;
        if (s->sim)
                simagents_turn(s->sim);
        uint64_t began = time_mono_ms();
        bool more = core_turn(s->core, TURN_ITEMS);
        while (more && time_mono_ms() < began + TURN_MS)
                more = core_turn(s->core, TURN_ITEMS);
        commit(s);
        s->busy = false;
        set_due(s, more);
}

static void on_gap(void *arg) { ((struct server *) arg)->gap_over = true; }

static void fetch_store(struct server *s) {
        if (core_store_event(s->core) < 0) {
                log_error("exiting: the store cannot go on; the next start resumes from what is stored", NULL);
                _exit(SERVER_EXIT_STORE);
        }
}

static void on_store(void *arg) {
        struct server *s = arg;
        atomic_store(&s->woken, false);
        if (s->core)
                fetch_store(s);
}

/* Any thread. */
static void store_wake(void *arg) {
        struct server *s = arg;
        if (!atomic_exchange(&s->woken, true))
                loop_post(s->loop, on_store, s);
}

/* ---- requests ---- */
/* Refusals of the HTTP layer in the API's form (api.md 1.7). */
static void error_body(int status, const char *message, struct sbuf *body, const char **ret_type, void *arg) {
        struct server *s = arg;
        char id[UUID_CHARS + 1];
        struct jw w = JW(body, JSON_ESCAPE_SLASH);
        error_begin(&w, core_rng(s->core), status, http_status_text(status), id);
        jw_kstring(&w, "message", http_status_text(status));
        jw_kstring(&w, "detail", message);
        jw_end(&w);
        *ret_type = "application/json; charset=utf-8";
}

static bool path_is(const struct http_request *req, const char *a, const char *b, const char *c) {
        const char *const want[] = { a, b, c };
        for (size_t i = 0; i < ARRAY_LEN(want) && want[i]; i++)
                if (req->path.n <= i || !str_eq(req->path.seg[i], want[i]))
                        return false;
        return true;
}

static bool is_local(const char *peer) {
        return str_eq(peer, "unix") || str_eq(peer, "::1") || str_starts(peer, "127.") || str_starts(peer, "::ffff:127.");
}

/* What a client may have without TLS although there is TLS: whether the server lives, and the authority to trust from now on. */
static bool is_for_everybody(const struct http_request *req) {
        return path_is(req, "ping", NULL, NULL) || path_is(req, "v1", "scripts", "ca.crt") || path_is(req, "v1", "scripts", "ca.pem");
}

/* Reads go to the same place with TLS. A write has told its secrets already: it is refused, so that somebody notices. */
static void send_to_tls(struct http_request *req) {
        if ((req->verb != VERB_GET && req->verb != VERB_HEAD) || !*req->host || http_headers_get(&req->headers, "upgrade"))
                return http_reply_error(req, 403, "this server wants TLS: use its https address");
        auto_free char *to = dr_xasprintf("https://%s%s", req->host, req->target);
        http_reply(req, 307, &(struct http_header) { "Location", to }, 1, NULL, 0);
}

static void send_metrics(struct server *s, struct http_request *req) {
        if (!s->conf->metrics_open && !is_local(req->peer) && !auth_is_admin_key(s->core, &req->headers)) {
                http_reply_error(req, 401, "figures are for administrators: their API key as Basic credentials, or ask from this machine itself");
                return;
        }
        if (req->verb != VERB_GET && req->verb != VERB_HEAD) {
                http_reply_error(req, 405, NULL);
                return;
        }
        auto_sbuf struct sbuf out = SBUF(METRICS_BYTES_MAX);
        metrics_write(s->metrics, &(struct metrics_view) {
                .core = s->core, .store = s->store, .db_file = s->conf->db_file, .host_sessions = host_sessions_count(s->sessions),
                .subscribers = events_subscribers(s->events), .streams = streams_count(s->streams), .connections = http_server_connections(s->http),
                .slow_readers = ws_slow_closed(), .started_ms = s->started_ms }, &out);
        http_reply(req, 200, &(struct http_header) { "Content-Type", "text/plain; version=0.0.4; charset=utf-8" }, 1, sbuf_str(&out), out.len);
}

/* Before the body is read: an address that asks too often. */
static void on_head(struct http_request *req, void *arg) {
        struct server *s = arg;
        if (!s->rate || str_eq(req->peer, "unix") || (is_local(req->peer) && !s->conf->rate_local))
                return;
        uint64_t wait_ms = rate_take(s->rate, req->peer, time_mono_ms());
        if (!wait_ms)
                return;
        auto_sbuf struct sbuf body = SBUF(4096);
        const char *type;
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%llu", (unsigned long long) ((wait_ms + 999) / 1000));
        error_body(429, "this address asks too often", &body, &type, s);
        http_reply(req, 429, (const struct http_header[]) { { "Content-Type", type }, { "Retry-After", seconds } }, 2, sbuf_str(&body), body.len);
}

static void on_reply(const struct http_request *req, int status, void *arg) {
        struct server *s = arg;
        metrics_count_request(s->metrics, req, status);
        if (!req || !log_on(LOG_DEBUG))
                return;
        char code[12], took_ms[24];
        snprintf(code, sizeof code, "%d", status);
        snprintf(took_ms, sizeof took_ms, "%.3f", (double) (time_mono_us() - req->began_us) / 1e3);
        /* The query may hold a token, and so does the path of a script; the client's own id of the request is what it can look for here. */
        const char *script = strstr(req->raw_path, "/scripts/");
        auto_free char *path = dr_xstrndup(req->raw_path, script ? (size_t) (script - req->raw_path) + strlen("/scripts/") : strlen(req->raw_path));
        log_debug("request", "method", req->method, "path", path, "status", code, "ms", took_ms, "peer", req->peer,
                  "request", str_or(http_headers_get(&req->headers, "x-request-id"), ""), NULL);
}

static void on_request(struct http_request *req, void *arg) {
        struct server *s = arg;
        if (s->tls && s->conf->plain_redirect && !req->tls && !is_local(req->peer) && !is_for_everybody(req))
                send_to_tls(req);
        else if (path_is(req, "metrics", NULL, NULL) && req->path.n == 1)
                send_metrics(s, req);
        else if (path_is(req, "v3", "host", "connect") && req->path.n == 3)
                host_sessions_connect(s->sessions, req);
        else if (streams_take(s->streams, req) || ui_serve(req))
                return;
        else if ((path_is(req, "v1", "node", NULL) || path_is(req, "v2-beta", "node", NULL)) && req->path.n == 4)
                node_files_serve(s->node_files, req, req->path.seg[2], req->path.seg[3]);
        else
                api_handle(s->api, req);
}

/* ---- life ---- */
static int start(struct server *s, const struct server_conf *conf, struct dr_error *err) {
        int r = core_load(s->core, err);
        if (r < 0)
                return r;
        r = host_tokens_new(s->core, &s->host_tokens, err);
        if (r < 0)
                return r;
        core_commit(s->core);
        s->conf = conf;
        if ((r = server_tls_new(s->loop, s->core, &conf->tls, &s->tls, err)) < 0)
                return r;
        s->auth = auth_new(s->loop, s->core);
        struct api_conf api = { .core = s->core, .store = s->store, .authenticate = auth_authenticate, .authenticate_arg = s->auth, .host_tokens = s->host_tokens,
                                .ca_pem = server_tls_ca_pem(s->tls) };
        s->api = api_new(&api);
        s->executor = executor_new(s->loop, s->core, s->api);
        api_add_special(s->api, "scripts/transform", false, transform_special, NULL);
        s->node_files = node_files_new(conf->node_dir);
        s->scripts = scripts_new(s->core, s->api, s->node_files, conf->data_dir, s->host_tokens);
        s->sessions = host_sessions_new(s->loop, s->core, s->node_files);
        r = streams_new(s->loop, s->core, s->host_tokens, &s->streams, err);
        if (r < 0)
                return r;
        api_add_special(s->api, "r", false, service_proxy_special, s->streams);
        s->events = events_new(s->loop, s->core, s->api);
        s->catalogs = catalogs_new(&(struct catalogs_conf) { .loop = s->loop, .core = s->core, .api = s->api, .data_dir = conf->data_dir });
        s->environments = environments_new(s->loop, s->core, s->api, s->catalogs);
        struct http_server_config http = { .handler = on_request, .on_head = on_head, .on_reply = on_reply, .error_body = error_body, .arg = s,
                                           .per_address_max = conf->per_address_max ? conf->per_address_max : PER_ADDRESS_MAX };
        s->http = http_server_new(s->loop, &http);
        if (conf->simulator) {
                s->sim = simagents_new(s->core);
                const struct record *project = world_by_uuid(core_world(s->core), T_account, "adminProject");
                if (project)
                        simagents_make(s->sim, project->id, conf->sim_hosts);
        }
        return 0;
}

int server_new(struct loop *l, const struct server_conf *conf, struct server **ret, struct dr_error *err) {
        struct server *s = dr_xnew(struct server);
        s->loop = l;
        s->metrics = metrics_new();
        s->rate = conf->rate_limit ? rate_new(conf->rate_limit, RATE_BURST_S * conf->rate_limit) : NULL;
        s->started_ms = time_wall_ms();
        s->store = conf->store;
        s->store->wake = store_wake;
        s->store->wake_arg = s;
        s->due = timer_new(l, nothing, s);
        s->gap = timer_new(l, on_gap, s);
        s->core = core_new(&(struct core_conf) { .store = s->store, .clock = core_real_clock, .simulator = conf->simulator,
                                                 .no_auth = conf->no_auth, .proxy_mode = conf->proxy_mode, .data_key = conf->data_key });
        int r = start(s, conf, err);
        if (r < 0) {
                server_free(s);
                return r;
        }
        s->hook = turn_hook_new(l, on_turn_end, s);
        timer_start(s->due, 0);
        *ret = s;
        return 0;
}

int server_listen(struct server *s, const char *address, uint16_t port, uint16_t *ret_port, struct dr_error *err) {
        return http_server_listen_tcp(s->http, address, port, server_tls_ctx(s->tls), ret_port, err);
}

static void on_drained(void *arg) {
        struct server *s = arg;
        core_commit(s->core);
        s->store->ops->wait(s->store);
        fetch_store(s);
        s->stopped(s->stopped_arg);
}

void server_stop(struct server *s, loop_fn done, void *arg) {
        if (s->stopping)
                return;
        s->stopping = true;
        s->stopped = done;
        s->stopped_arg = arg;
        http_server_drain(s->http, DRAIN_MS, on_drained, s);
}

struct server *server_free(struct server *s) {
        if (!s)
                return NULL;
        turn_hook_free(s->hook);
        s->http = http_server_free(s->http);
        s->auth = auth_free(s->auth);
        catalogs_stop(s->catalogs);     /* turns the loop: the others are still there */
        s->environments = environments_free(s->environments);
        s->catalogs = catalogs_free(s->catalogs);
        s->executor = executor_free(s->executor);
        loop_defer_cancel(s->loop, nothing, s);
        timer_free(s->due);
        timer_free(s->gap);
        streams_free(s->streams);
        simagents_free(s->sim);
        events_free(s->events);
        host_sessions_free(s->sessions);
        scripts_free(s->scripts);
        node_files_free(s->node_files);
        host_tokens_free(s->host_tokens);
        server_tls_free(s->tls);
        metrics_free(s->metrics);
        rate_free(s->rate);
        s->core = core_free(s->core);
        s->api = api_free(s->api);
        s->store->ops->close(s->store);
        (void) loop_turn(s->loop, false);             /* a wake-up that is posted already finds no core */
        free(s);
        return NULL;
}
