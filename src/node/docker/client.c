#include "client.h"

#include "base/log.h"
#include "base/map.h"
#include "base/parse.h"
#include "node/docker/json_split.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
        RETRY_MS = 500, RETRY_MS_MAX = 5000,            /* looking for an engine */
        VERSION_MS = 5000, EVENTS_MS = 10000, CONFIRM_MS = 10000, CALL_MS = 30000, PING_EVERY_MS = 5000, PING_MS = 10000,
        EVENT_BYTES_MAX = 1 << 20, BODY_BYTES_MAX = 8 << 20, VERSION_BYTES_MAX = 256 * 1024,
};
static const char bridge_path[] = "/networks/bridge";
static const char events_path[] = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D";

/* GONE: no contact; ASKING: who it is; OPENING: events asked; WATCHING: the engine is known and heard. */
enum phase { GONE, ASKING, OPENING, WATCHING };         /* ASKING: for the version, then for the bridge */

struct docker_call {
        struct docker *docker;
        struct http_call *http;
        struct docker_call *prev, *next;
        struct docker_request request;          /* callbacks and arg only: texts are not kept */
        bool streams;
        bool confirms;                          /* asks whether the engine is still the same run */
        struct sbuf error_body;                 /* streaming calls: the body of an answer that is not 200 */
        int status;
};

struct docker {
        struct loop *loop;
        struct http_client *http;
        struct http_client *fresh;              /* its connections are used once */
        char *socket_path;
        const struct docker_watch *watch;
        void *arg;
        enum phase phase;
        bool healthy;
        char message[256];
        struct docker_version version;
        unsigned api_minor;
        uint64_t instance, retry_ms;
        struct timer *retry, *ping;
        struct docker_call *events, *pinging, *asking;
        struct docker_call *calls;              /* all that run, the three above too */
        struct json_split split;
};

bool docker_is_healthy(const struct docker *d) { return d->healthy; }
const char *docker_health_message(const struct docker *d) { return d->message; }
const struct docker_version *docker_version(const struct docker *d) { return &d->version; }
unsigned docker_api_minor(const struct docker *d) { return d->api_minor; }
uint64_t docker_instance(const struct docker *d) { return d->instance; }
const char *docker_socket_path(const struct docker *d) { return d->socket_path; }

/* The engine's identity ------------------------------------------------------------------------------------------ */

static void add_file(struct sbuf *b, const char *path, size_t max) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char buf[512];
        ssize_t n = fd < 0 ? -1 : read(fd, buf, MIN(max, sizeof buf));
        if (n > 0)
                sbuf_add(b, buf, (size_t) n);
        sbuf_putc(b, '|');
}

/* Field 22 of /proc/PID/stat: start time in clock ticks since boot; the name before it may hold blanks and brackets. */
static void add_start_time(struct sbuf *b, int pid) {
        char path[48];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        auto_sbuf struct sbuf stat = SBUF(2048);
        add_file(&stat, path, 1024);
        const char *p = strrchr(sbuf_str(&stat), ')');
        for (int field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        if (p)
                sbuf_add(b, p, strcspn(p + 1, " ") + 1);
        sbuf_putc(b, '|');
}

/* Who listens on the socket. With socket activation that is pid 1: then the engine's pid file says it. 0: unknown. */
static int engine_pid(const char *socket_path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        if (strlen(socket_path) >= sizeof a.sun_path)
                return 0;
        memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct ucred cred = { 0 };
        socklen_t len = sizeof cred;
        if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof a) == 0)
                (void) getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
        if (cred.pid > 1)
                return cred.pid;
        auto_sbuf struct sbuf pid = SBUF(64);
        add_file(&pid, "/run/docker.pid", 16);
        uint64_t n;
        auto_free char *digits = dr_xstrndup(sbuf_str(&pid), strspn(sbuf_str(&pid), "0123456789"));
        return parse_u64(digits, INT32_MAX, &n) == 0 ? (int) n : 0;
}

/* bridge: the answer to bridge_path; an engine without that network (--bridge=none) is known by the rest. */
static uint64_t instance_of(const char *socket_path, const char *bridge, size_t len) {
        auto_sbuf struct sbuf b = SBUF(2048);
        add_file(&b, "/proc/sys/kernel/random/boot_id", 64);
        add_start_time(&b, 1);
        int pid = engine_pid(socket_path);
        sbuf_printf(&b, "%d|", pid);
        if (pid > 0)
                add_start_time(&b, pid);
        AUTO(jv_put) json_object *o = len ? jv_parse(bridge, len, BODY_BYTES_MAX, NULL) : NULL;
        sbuf_puts(&b, jv_str(o, "Id"));
        /* FNV-1a: the same on every run of the agent, unlike hash_bytes(). Cut to 63 bits and never 0. */
        uint64_t h = 14695981039346656037u;
        for (size_t i = 0; i < b.len; i++)
                h = (h ^ (unsigned char) b.data[i]) * 1099511628211u;
        return (h >> 1) | 1;
}

/* Health --------------------------------------------------------------------------------------------------------- */

static void set_health(struct docker *d, bool healthy, const char *message) {
        bool turned = d->healthy != healthy || !str_eq(d->message, message);
        d->healthy = healthy;
        snprintf(d->message, sizeof d->message, "%s", message);
        if (!turned)
                return;
        if (healthy)
                log_info("engine answers", "socket", d->socket_path, "version", d->version.version, NULL);
        else
                log_warning("engine does not answer", "socket", d->socket_path, "reason", message, NULL);
        d->watch->on_health(healthy, d->message, d->arg);
}

/* The events stream is served: what happens from now on is heard. */
static void watching(struct docker *d) {
        d->phase = WATCHING;
        d->retry_ms = RETRY_MS;
        set_health(d, true, "");
        d->watch->on_connected(d->arg);
}

/* Calls ---------------------------------------------------------------------------------------------------------- */

static void call_free(struct docker_call *c) {
        if (c->prev)
                c->prev->next = c->next;
        else
                c->docker->calls = c->next;
        if (c->next)
                c->next->prev = c->prev;
        sbuf_done(&c->error_body);
        free(c);
}

static void on_head(struct http_call *h, const struct http_response *res, void *arg) {
        struct docker_call *c = arg;
        c->status = res->status;
        if (c->docker->events == c && res->status == 200)
                watching(c->docker);
}

static void on_body(struct http_call *h, const char *p, size_t n, void *arg) {
        struct docker_call *c = arg;
        if (c->status == 200)
                c->request.stream(p, n, c->request.arg);
        else
                sbuf_add(&c->error_body, p, n);
}

static void on_upgrade(struct http_call *h, struct stream *s, void *arg) {
        struct docker_call *c = arg;
        c->request.hijacked(s, c->request.arg);
}

static void on_done(struct http_call *h, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct docker_call *c = arg;
        const char *body = c->streams ? sbuf_str(&c->error_body) : res->body ? res->body : "";
        size_t len = c->streams ? c->error_body.len : res->body ? res->body_len : 0;
        struct docker_request r = c->request;
        struct dr_error other;
        if (c->confirms && result == 0 && instance_of(c->docker->socket_path, body, res->status == 200 ? len : 0) != c->docker->instance) {
                result = dr_fail(&other, DR_E_UNAVAILABLE, NULL, "the engine was restarted");
                err = &other;
        }
        r.done(c, result, result == 0 ? res->status : 0, body, len, err, r.arg);
        call_free(c);
}

static const struct http_call_events collecting = { .on_head = on_head, .on_done = on_done };
static const struct http_call_events hijacking = { .on_head = on_head, .on_upgrade = on_upgrade, .on_done = on_done };
static const struct http_call_events streaming = { .on_head = on_head, .on_body = on_body, .on_done = on_done };

/* versioned: behind /v1.N. */
static struct docker_call *call_start(struct docker *d, const struct docker_request *r, bool versioned, struct dr_error *err) {
        char version[16] = "";
        if (versioned)
                snprintf(version, sizeof version, "/v1.%u", d->api_minor);
        auto_free char *url = dr_xasprintf("unix:%s:%s%s", d->socket_path, version, r->path);
        struct http_header headers[3];
        size_t n = 0;
        if (r->fresh)
                headers[n++] = (struct http_header) { "Connection", "close" };
        if (r->body)
                headers[n++] = (struct http_header) { "Content-Type", r->tar_bytes ? "application/x-tar" : "application/json" };
        if (r->registry_auth)
                headers[n++] = (struct http_header) { "X-Registry-Auth", r->registry_auth };
        struct docker_call *c = dr_xnew(struct docker_call);
        c->docker = d;
        c->request = *r;
        c->streams = r->stream != NULL;
        c->error_body = (struct sbuf) SBUF(64 * 1024);
        uint64_t total_ms = r->total_ms ? r->total_ms : CALL_MS;
        struct http_call_spec spec = {
                .method = r->method, .url = url, .headers = headers, .n_headers = n, .body = r->body, .body_len = !r->body ? 0 : r->tar_bytes ? r->tar_bytes : strlen(r->body),
                .first_byte_ms = r->stream ? r->total_ms ? r->total_ms : UINT64_MAX : total_ms, .total_ms = r->stream ? 0 : total_ms, .idle_ms = r->stream ? r->idle_ms : 0,
                .body_max = r->body_max ? r->body_max : BODY_BYTES_MAX, .events = r->stream ? &streaming : r->hijacked ? &hijacking : &collecting, .arg = c,
                .upgrade = r->hijacked ? "tcp" : NULL, .hijack_on_200 = r->hijacked != NULL,
        };
        c->http = http_call_start(r->fresh ? d->fresh : d->http, &spec, err);
        if (!c->http) {
                sbuf_done(&c->error_body);
                free(c);
                return NULL;
        }
        c->next = d->calls;
        if (d->calls)
                d->calls->prev = c;
        d->calls = c;
        return c;
}

struct docker_call *docker_confirm(struct docker *d, docker_done_fn done, void *arg, struct dr_error *err) {
        struct docker_request r = { .path = bridge_path, .total_ms = CONFIRM_MS, .fresh = true, .done = done, .arg = arg };
        struct docker_call *c = docker_call_start(d, &r, err);
        if (c)
                c->confirms = true;
        return c;
}

struct docker_call *docker_call_start(struct docker *d, const struct docker_request *r, struct dr_error *err) {
        if (d->api_minor == 0 || d->phase < OPENING) {
                dr_fail(err, DR_E_UNAVAILABLE, NULL, "the Docker engine is not reachable: %s", *d->message ? d->message : "not contacted yet");
                return NULL;
        }
        return call_start(d, r, true, err);
}

void docker_call_cancel(struct docker_call *c) {
        http_call_cancel(c->http);
        call_free(c);
}

void docker_call_pause(struct docker_call *c, bool paused) {
        if (paused)
                http_call_pause(c->http);
        else
                http_call_resume(c->http);
}

static void cancel(struct docker_call **c) {
        if (*c)
                docker_call_cancel(dr_take(*c));
}

/* Contact is lost, or was never made: try again, 0.5 s to 5 s apart. */
static void lose(struct docker *d, const char *why) {
        d->phase = GONE;
        cancel(&d->events);
        cancel(&d->pinging);
        cancel(&d->asking);
        timer_stop(d->ping);
        json_split_done(&d->split);
        d->split = (struct json_split) JSON_SPLIT(EVENT_BYTES_MAX);
        timer_start(d->retry, d->retry_ms);
        d->retry_ms = MIN(d->retry_ms * 2, (uint64_t) RETRY_MS_MAX);
        set_health(d, false, why);
}

static int on_event_object(const char *object, size_t len, void *arg) {
        struct docker *d = arg;
        struct docker_event e;
        struct dr_error err;
        int r = docker_event_parse(object, len, &e, &err);
        if (r < 0)
                log_warning("engine event cannot be read", "reason", err.message, NULL);
        else if (r > 0)
                d->watch->on_event(&e, d->arg);
        return 0;
}

static void on_events_piece(const char *p, size_t n, void *arg) {
        struct docker *d = arg;
        struct dr_error err;
        if (json_split_feed(&d->split, p, n, on_event_object, d, &err) < 0) {
                log_warning("events stream cannot be read; reading it anew", "reason", err.message, NULL);
                json_split_done(&d->split);
                d->split = (struct json_split) JSON_SPLIT(EVENT_BYTES_MAX);
        }
}

static void on_events_done(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct docker *d = arg;
        d->events = NULL;
        char why[200];
        if (result < 0)
                snprintf(why, sizeof why, "%.190s", err->message);
        else if (status == 200)
                snprintf(why, sizeof why, "the engine ended its events stream");
        else
                docker_error_text(body, len, why, sizeof why);
        lose(d, why);
}

static void on_pong(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct docker *d = arg;
        d->pinging = NULL;
        char why[300];
        if (result < 0) {
                snprintf(why, sizeof why, "no answer to a ping: %.200s", err->message);
                if (d->phase == WATCHING)               /* the stream may be fine: keep it, a frozen engine may thaw */
                        set_health(d, false, why);
                return;
        }
        if (d->phase == WATCHING)
                set_health(d, true, "");
}

static void send_ping(void *arg) {
        struct docker *d = arg;
        if (d->pinging || d->phase < OPENING)
                return;
        struct docker_request r = { .path = "/_ping", .total_ms = PING_MS, .done = on_pong, .arg = d };
        d->pinging = call_start(d, &r, false, NULL);
}

static void on_bridge(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct docker *d = arg;
        d->asking = NULL;
        if (result < 0)
                return lose(d, err->message);
        d->instance = instance_of(d->socket_path, body, status == 200 ? len : 0);
        d->phase = OPENING;
        struct dr_error e;
        struct docker_request r = { .path = events_path, .total_ms = EVENTS_MS, .stream = on_events_piece, .done = on_events_done, .arg = d };
        d->events = call_start(d, &r, true, &e);
        if (!d->events)
                return lose(d, e.message);
        timer_start_periodic(d->ping, PING_EVERY_MS, PING_EVERY_MS);
}

static void on_version(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct docker *d = arg;
        d->asking = NULL;
        char why[300];
        struct docker_version v;
        struct dr_error e = { 0 };
        int minor = -1;
        if (result < 0)
                e = *err;
        else if (status != 200)
                docker_error_text(body, len, e.message, sizeof e.message);
        else if (docker_version_parse(body, len, &v, &e) == 0)
                minor = docker_api_choose(v.api, v.min_api, &e);
        if (minor < 0) {
                snprintf(why, sizeof why, "%.290s", e.message);
                return lose(d, why);
        }
        if (d->api_minor != (unsigned) minor || !str_eq(d->version.version, v.version)) {
                char api[16];
                snprintf(api, sizeof api, "1.%d", minor);
                log_info("engine found", "version", v.version, "api", v.api, "min_api", v.min_api, "speaking", api, NULL);
        }
        d->version = v;
        d->api_minor = (unsigned) minor;
        struct docker_request r = { .path = bridge_path, .total_ms = VERSION_MS, .done = on_bridge, .arg = d };
        d->asking = call_start(d, &r, true, &e);
        if (!d->asking)
                lose(d, e.message);
}

static void look(void *arg) {
        struct docker *d = arg;
        struct dr_error err;
        struct docker_request r = { .path = "/version", .total_ms = VERSION_MS, .body_max = VERSION_BYTES_MAX, .done = on_version, .arg = d };
        d->phase = ASKING;
        d->asking = call_start(d, &r, false, &err);
        if (!d->asking)
                lose(d, err.message);
}

int docker_new(struct loop *l, const char *socket_path, const struct docker_watch *watch, void *arg, struct docker **ret, struct dr_error *err) {
        if (*socket_path != '/' || strchr(socket_path, ':'))
                return dr_fail(err, DR_E_INVALID_FORMAT, "docker-socket", "\"%s\" is no absolute path of a socket", socket_path);
        struct http_client *http = NULL, *fresh = NULL;
        int r = http_client_new(l, &(struct http_client_config) { .idle_max = 8 }, &http, err);
        if (r >= 0)
                r = http_client_new(l, &(struct http_client_config) { .idle_max = 1 }, &fresh, err);
        if (r < 0) {
                http_client_free(http);
                return r;
        }
        struct docker *d = dr_xnew(struct docker);
        d->loop = l;
        d->http = http;
        d->fresh = fresh;
        d->socket_path = dr_xstrdup(socket_path);
        d->watch = watch;
        d->arg = arg;
        d->retry_ms = RETRY_MS;
        d->retry = timer_new(l, look, d);
        d->ping = timer_new(l, send_ping, d);
        d->split = (struct json_split) JSON_SPLIT(EVENT_BYTES_MAX);
        *ret = d;
        return 0;
}

void docker_start(struct docker *d) { timer_start(d->retry, 0); }

struct docker *docker_free(struct docker *d) {
        if (!d)
                return NULL;
        while (d->calls)
                docker_call_cancel(d->calls);
        timer_free(d->retry);
        timer_free(d->ping);
        http_client_free(d->http);
        http_client_free(d->fresh);
        json_split_done(&d->split);
        free(d->socket_path);
        free(d);
        return NULL;
}
