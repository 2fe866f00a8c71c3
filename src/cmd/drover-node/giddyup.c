/* drover-node giddyup: what start scripts of images ask about their service: leader, addresses, scale; and waiting for a port or page.
 *
 * Commands and outputs are those of the original program of this name (answers without a newline at the end). The leader is the container of the service with
 * the lowest create index. */
#include "base/parse.h"
#include "base/sbuf.h"
#include "base/times.h"
#include "base/vec.h"
#include "formats/json.h"
#include "net/http_sync.h"
#include "parts.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

enum { ANSWER_BYTES_MAX = 64 << 20, FIRST_TRIES = 6, POLL_MS = 1000 };

struct client { struct http_sync *http; const char *url; };

static void pause_ms(uint64_t ms) {
        struct timespec t = { .tv_sec = (time_t) (ms / 1000), .tv_nsec = (long) (ms % 1000) * 1000000 };
        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

static int fail(const struct dr_error *err) {
        fprintf(stderr, "giddyup: %s\n", err->message);
        return 1;
}

/* Asking metadata ------------------------------------------------------------------------------------------------- */

static int ask(struct client *c, const char *path, struct json_object **ret, struct dr_error *err) {
        auto_free char *url = dr_xasprintf("%s%s", c->url, path);
        struct http_header accept = { "Accept", "application/json" };
        struct http_call_spec spec = { .url = url, .headers = &accept, .n_headers = 1, .body_max = ANSWER_BYTES_MAX, .total_ms = 10000 };
        struct http_response res = { 0 };
        int r = http_sync_call(c->http, &spec, &res, err);
        if (r == 0 && res.status != 200)
                r = dr_fail(err, DR_E_NOT_FOUND, NULL, "Error %d accessing %s path", res.status, path);
        else if (r == 0)
                r = json_parse(str_or(res.body, ""), res.body_len, ANSWER_BYTES_MAX, ret, err);
        http_response_done(&res);
        return r;
}

/* Waits for metadata as its usual client does: after 1, 2, 4, 8 and 16 seconds again. */
static int open_client(const struct opts *o, struct client *c, struct dr_error *err) {
        struct http_client_config cfg = { 0 };
        c->url = opts_str(o, "metadata-url");
        int r = http_sync_new(&cfg, &c->http, err);
        for (unsigned i = 0; r == 0 && i < FIRST_TRIES; i++) {
                AUTO(json_free) struct json_object *version = NULL;
                if (ask(c, "/version", &version, err) == 0)
                        return 0;
                if (i + 1 == FIRST_TRIES)
                        r = -ENOENT;
                else
                        pause_ms(UINT64_C(1000) << i);
        }
        return r;
}

static int run_with(const struct opts *o, int (*fn)(const struct opts *o, struct client *c, struct dr_error *err)) {
        struct dr_error err = { 0 };
        struct client c = { 0 };
        int r = open_client(o, &c, &err);
        if (r == 0)
                r = fn(o, &c, &err);
        http_sync_free(c.http);
        return r < 0 ? fail(&err) : r;
}

/* Containers of a service ----------------------------------------------------------------------------------------- */

static bool has(const struct json_object *c, const char *key, const char *value) { return str_eq(json_str(c, key, NULL), value); }

static int64_t create_index(const struct json_object *c) { return json_int(c, "create_index", INT64_MAX); }

/* Calls for those of stack/service, in the order of the list. */
static size_t members(struct json_object *containers, const char *stack, const char *service, struct json_object **ret, size_t n) {
        size_t found = 0;
        for (size_t i = 0; i < json_object_array_length(containers) && found < n; i++) {
                struct json_object *c = json_object_array_get_idx(containers, i);
                if (has(c, "stack_name", stack) && has(c, "service_name", service))
                        ret[found++] = c;
        }
        return found;
}

static struct json_object *leader_of(struct json_object *self, struct json_object **list, size_t n) {
        struct json_object *ret = self;                 /* of no service: its own */
        for (size_t i = 0; i < n; i++)
                if (create_index(list[i]) < create_index(ret))
                        ret = list[i];
        return ret;
}

struct group { struct json_object *self, *containers, **list, *leader; size_t n; };

static void group_done(struct group *g) {
        json_object_put(g->self);
        json_object_put(g->containers);
        free(g->list);
}

/* named: "stack/service", or NULL for the asking container's own. */
static int group_get(struct client *c, const char *named, struct group *ret, struct dr_error *err) {
        int r = named ? 0 : ask(c, "/self/container", &ret->self, err);
        if (r < 0 || (r = ask(c, "/containers", &ret->containers, err)) < 0)
                return r;
        if (!json_object_is_type(ret->containers, json_type_array))
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "metadata has no list of containers");
        const char *slash = named ? strchr(named, '/') : NULL;
        if (named && !slash)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is not STACK/SERVICE", named);
        auto_free char *stack = dr_xstrdup(named ? NULL : json_str(ret->self, "stack_name", NULL));
        if (named)
                stack = dr_xstrndup(named, (size_t) (slash - named));
        const char *service = named ? slash + 1 : json_str(ret->self, "service_name", NULL);
        size_t n = json_object_array_length(ret->containers);
        ret->list = dr_xcalloc(n + 1, sizeof *ret->list);
        ret->n = service ? members(ret->containers, stack, service, ret->list, n) : 0;
        ret->leader = leader_of(ret->self, ret->list, ret->n);
        return 0;
}

/* What the host of a container is called or reached by; "" when it is not known. */
static int print_host(struct client *c, const struct json_object *container, const char *field, struct sbuf *ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *hosts = NULL;
        int r = ask(c, "/hosts", &hosts, err);
        for (size_t i = 0; r == 0 && json_object_is_type(hosts, json_type_array) && i < json_object_array_length(hosts); i++) {
                struct json_object *h = json_object_array_get_idx(hosts, i);
                if (has(h, "uuid", json_str(container, "host_uuid", "")))
                        sbuf_puts(ret, json_str(h, field, ""));
        }
        return r;
}

/* Verbs ----------------------------------------------------------------------------------------------------------- */

static int myip(const struct opts *o, struct client *c, struct dr_error *err) {
        AUTO(json_free) struct json_object *self = NULL;
        int r = ask(c, "/self/container", &self, err);
        if (r < 0)
                return dr_prefix(err, r, "Failed to find IP");
        fputs(json_str(self, "primary_ip", ""), stdout);
        return 0;
}

static int stringify(const struct opts *o, struct client *c, struct dr_error *err) {
        struct group g = { 0 };
        auto_sbuf struct sbuf out = SBUF(1 << 20);
        int r = group_get(c, opts_args(o, NULL)[0], &g, err);
        bool ips = opts_bool(o, "use-agent-ips"), names = opts_bool(o, "use-agent-names");
        for (size_t i = 0; r == 0 && i < g.n; i++) {
                sbuf_puts(&out, i ? opts_str(o, "delimiter") : "");
                sbuf_puts(&out, str_or(opts_str(o, "prefix"), ""));
                if (ips || names)
                        r = print_host(c, g.list[i], ips ? "agent_ip" : "name", &out, err);
                else
                        sbuf_puts(&out, json_str(g.list[i], "primary_ip", ""));
                sbuf_puts(&out, str_or(opts_str(o, "suffix"), ""));
        }
        fputs(sbuf_str(&out), stdout);
        group_done(&g);
        return r;
}

static int leader_check(const struct opts *o, struct client *c, struct dr_error *err) {
        struct group g = { 0 };
        int r = group_get(c, NULL, &g, err);
        r = r < 0 ? r : !has(g.self, "uuid", json_str(g.leader, "uuid", ""));
        group_done(&g);
        return r;
}

static int leader_get(const struct opts *o, struct client *c, struct dr_error *err) {
        struct group g = { 0 };
        auto_sbuf struct sbuf out = SBUF(4096);
        const char *what = str_or(opts_args(o, NULL)[0], "");
        int r = group_get(c, NULL, &g, err);
        if (r == 0 && (str_eq(what, "host") || str_eq(what, "agent_ip")))
                r = print_host(c, g.leader, str_eq(what, "host") ? "hostname" : "agent_ip", &out, err);
        else if (r == 0 && !*what)
                sbuf_puts(&out, json_str(g.leader, "primary_ip", ""));
        fputs(sbuf_str(&out), stdout);
        group_done(&g);
        return r;
}

static int get_service(const struct opts *o, struct client *c, const char *name, struct json_object **ret, struct dr_error *err) {
        auto_free char *path = name ? dr_xasprintf("/self/stack/services/%s", name) : dr_xstrdup("/self/service");
        return ask(c, path, ret, err);
}

static size_t container_count(const struct json_object *service) {
        struct json_object *list = json_get_array(service, "containers");
        return list ? json_object_array_length(list) : 0;
}

static int service_scale(const struct opts *o, struct client *c, struct dr_error *err) {
        AUTO(json_free) struct json_object *service = NULL;
        int r = get_service(o, c, opts_args(o, NULL)[0], &service, err);
        if (r < 0)
                return r;
        printf("%lld", opts_bool(o, "current") ? (long long) container_count(service) : (long long) json_int(service, "scale", 0));
        return 0;
}

static int service_containers(const struct opts *o, struct client *c, struct dr_error *err) {
        AUTO(json_free) struct json_object *service = NULL, *self = NULL;
        int r = get_service(o, c, NULL, &service, err);
        if (r == 0 && opts_bool(o, "exclude-self"))
                r = ask(c, "/self/container", &self, err);
        bool first = true;
        for (size_t i = 0; r == 0 && i < container_count(service); i++) {
                struct json_object *one = json_object_array_get_idx(json_get_array(service, "containers"), i);
                if (self && has(self, "uuid", json_str(one, "uuid", "")))
                        continue;
                printf("%s%s", first ? "" : opts_bool(o, "n") ? " " : "\n", json_str(one, "name", ""));
                first = false;
        }
        return r;
}

static int service_wait_scale(const struct opts *o, struct client *c, struct dr_error *err) {
        uint64_t until = time_mono_ms() + (uint64_t) opts_int(o, "timeout") * 1000;
        for (;;) {
                AUTO(json_free) struct json_object *service = NULL;
                int r = get_service(o, c, NULL, &service, err);
                if (r < 0)
                        return r;
                if ((int64_t) container_count(service) >= json_int(service, "scale", 0))
                        return 0;
                if (time_mono_ms() >= until)
                        return dr_fail(err, DR_E_TIMEOUT, NULL, "Timed out waiting for the service to reach its scale");
                pause_ms(POLL_MS);
        }
}

/* probe ----------------------------------------------------------------------------------------------------------- */

/* tcp://HOST:PORT */
static int probe_tcp(const char *where, uint64_t timeout_ms, struct dr_error *err) {
        const char *colon = strrchr(where, ':');
        if (!colon || !colon[1])
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is not HOST:PORT", where);
        auto_free char *host = dr_xstrndup(where, (size_t) (colon - where));
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
        int e = getaddrinfo(host, colon + 1, &hints, &found);
        if (e)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not find \"%s\": %s", host, gai_strerror(e));
        auto_close int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -1 : connect(fd, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
        if (r < 0 && errno == EINPROGRESS) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                int why = ETIMEDOUT;
                socklen_t size = sizeof why;
                if (poll(&p, 1, (int) MIN(timeout_ms, UINT64_C(600000))) == 1)
                        (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size);
                errno = why;
                r = why ? -1 : 0;
        }
        return r < 0 ? dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not connect to \"%s\": %m", where) : 0;
}

static int probe_once(struct http_sync *http, const char *url, uint64_t timeout_ms, struct dr_error *err) {
        if (str_starts(url, "tcp://"))
                return probe_tcp(url + strlen("tcp://"), timeout_ms, err);
        struct http_call_spec spec = { .url = url, .body_max = ANSWER_BYTES_MAX, .total_ms = timeout_ms, .connect_ms = timeout_ms };
        struct http_response res = { 0 };
        int r = http_sync_call(http, &spec, &res, err);
        if (r == 0 && res.status / 100 != 2)
                r = dr_fail(err, DR_E_UNAVAILABLE, NULL, "\"%s\" answers with status %d", url, res.status);
        http_response_done(&res);
        return r;
}

static int run_probe(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        struct http_client_config cfg = { 0 };
        AUTO(http_sync_free) struct http_sync *http = NULL;
        if (http_sync_new(&cfg, &http, &err) < 0)
                return fail(&err);
        double delay = (double) opts_int(o, "min"), backoff = 1;
        int64_t num = opts_int(o, "num");
        if (parse_double(opts_str(o, "backoff"), &backoff) < 0 || backoff < 1) {
                dr_fail(&err, DR_E_INVALID_FORMAT, "backoff", "backoff \"%s\" is not a number of at least 1", opts_str(o, "backoff"));
                return fail(&err);
        }
        for (int64_t i = 1; probe_once(http, opts_args(o, NULL)[0], (uint64_t) opts_int(o, "timeout"), &err) < 0; i++) {
                if (!opts_bool(o, "loop") || (num && i >= num))
                        return fail(&err);
                pause_ms((uint64_t) MIN(delay, (double) opts_int(o, "max")));
                delay *= backoff;
        }
        printf("OK\n");
        return 0;
}

/* Commands -------------------------------------------------------------------------------------------------------- */

static int run_myip(const struct opts *o, void *context) { return run_with(o, myip); }
static int run_stringify(const struct opts *o, void *context) { return run_with(o, stringify); }
static int run_check(const struct opts *o, void *context) { return run_with(o, leader_check); }
static int run_get(const struct opts *o, void *context) { return run_with(o, leader_get); }
static int run_scale(const struct opts *o, void *context) { return run_with(o, service_scale); }
static int run_containers(const struct opts *o, void *context) { return run_with(o, service_containers); }
static int run_wait_scale(const struct opts *o, void *context) { return run_with(o, service_wait_scale); }

static const struct opt_row stringify_rows[] = {
        { .name = "delimiter", .arg = "TEXT", .type = OPT_STRING, .dflt = ",", .help = "what stands between two" },
        { .name = "prefix", .arg = "TEXT", .type = OPT_STRING, .help = "what stands before each" },
        { .name = "suffix", .arg = "TEXT", .type = OPT_STRING, .help = "what stands behind each" },
        { .name = "use-agent-ips", .type = OPT_FLAG, .help = "addresses of the containers' hosts" },
        { .name = "use-agent-names", .type = OPT_FLAG, .help = "names of the containers' hosts" },
};
static const struct opt_row scale_rows[] = { { .name = "current", .type = OPT_FLAG, .help = "how many there are, not how many there should be" } };
static const struct opt_row containers_rows[] = {
        { .name = "n", .letter = 'n', .type = OPT_FLAG, .help = "on one line" },
        { .name = "exclude-self", .type = OPT_FLAG, .help = "without the container that asks" },
};
static const struct opt_row wait_rows[] = {
        { .name = "timeout", .arg = "SECONDS", .type = OPT_INT, .dflt = "600", .min = 0, .max = 1000000, .help = "how long to wait at most" },
};
static const struct opt_row probe_rows[] = {
        { .name = "timeout", .type = OPT_DURATION, .dflt = "5s", .min = 1, .max = 600000, .help = "of one try" },
        { .name = "loop", .type = OPT_FLAG, .help = "try until it answers" },
        { .name = "min", .type = OPT_DURATION, .dflt = "1s", .min = 0, .max = 3600000, .help = "pause behind the first try" },
        { .name = "max", .type = OPT_DURATION, .dflt = "120s", .min = 0, .max = 3600000, .help = "longest pause" },
        { .name = "backoff", .arg = "FACTOR", .type = OPT_STRING, .dflt = "1.0", .help = "each pause is this much longer than the one before" },
        { .name = "num", .arg = "N", .type = OPT_INT, .dflt = "0", .min = 0, .max = 1000000, .help = "most tries; 0: no limit" },
};

static const struct opt_command myip_command = { .name = "myip", .summary = "prints this container's address", .run = run_myip };
static const struct opt_command stringify_command = {
        .name = "stringify", .summary = "prints the addresses of a service's containers", .args = "[STACK/SERVICE]", OPT_ROWS(stringify_rows), .max_args = 1, .run = run_stringify,
};
static const struct opt_command check_command = { .name = "check", .summary = "succeeds in the leader of the service only", .run = run_check };
static const struct opt_command get_command = {
        .name = "get", .summary = "prints the leader's address", .args = "[host|agent_ip]", .max_args = 1, .run = run_get,
};
static const struct opt_command scale_command = {
        .name = "scale", .summary = "prints the scale of a service of this stack", .args = "[SERVICE]", OPT_ROWS(scale_rows), .max_args = 1, .run = run_scale,
};
static const struct opt_command containers_command = {
        .name = "containers", .summary = "prints the names of the service's containers", OPT_ROWS(containers_rows), .run = run_containers,
};
static const struct opt_command wait_scale_command = {
        .name = "scale", .summary = "waits until the service has as many containers as it should", OPT_ROWS(wait_rows), .run = run_wait_scale,
};
static const struct opt_command *const wait_commands[] = { &wait_scale_command };
static const struct opt_command wait_command = { .name = "wait", .summary = "waits for the service", OPT_SUB(wait_commands) };
static const struct opt_command *const ip_commands[] = { &myip_command, &stringify_command };
static const struct opt_command *const leader_commands[] = { &check_command, &get_command };
static const struct opt_command *const service_commands[] = { &scale_command, &containers_command, &wait_command };
static const struct opt_command ip_command = { .name = "ip", .summary = "addresses of containers", OPT_SUB(ip_commands) };
static const struct opt_command leader_command = { .name = "leader", .summary = "which container of the service leads", OPT_SUB(leader_commands) };
static const struct opt_command service_command = { .name = "service", .summary = "the service of this container", OPT_SUB(service_commands) };
static const struct opt_command probe_command = {
        .name = "probe", .summary = "tries whether tcp://, http:// or https:// answers", .args = "URL", OPT_ROWS(probe_rows), .min_args = 1, .max_args = 1, .run = run_probe,
};
static const struct opt_command *const commands[] = { &ip_command, &leader_command, &service_command, &probe_command };
static const struct opt_row rows[] = {
        { .name = "metadata-url", .arg = "URL", .type = OPT_STRING, .dflt = "http://rancher-metadata/2015-12-19", .help = "where metadata answers" },
};
const struct opt_command giddyup_command = {
        .name = "giddyup", .summary = "answers questions of start scripts: leader, addresses, scale, ports that answer", OPT_ROWS(rows), OPT_SUB(commands),
};
