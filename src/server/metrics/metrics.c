#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/times.h"

/* What a request is for: few enough that each gets a line. */
enum route { ROUTE_READ, ROUTE_WRITE, ROUTE_ACTION, ROUTE_SUBSCRIBE, ROUTE_HOST, ROUTE_STREAM, ROUTE_SCRIPT, ROUTE_DOWNLOAD, ROUTE_PING, ROUTE_METRICS, ROUTE_OTHER,
             ROUTE_UNREAD, ROUTE_MAX };
static const char *const route_names[ROUTE_MAX] = {
        [ROUTE_READ] = "read", [ROUTE_WRITE] = "write", [ROUTE_ACTION] = "action", [ROUTE_SUBSCRIBE] = "subscribe", [ROUTE_HOST] = "host",
        [ROUTE_STREAM] = "stream", [ROUTE_SCRIPT] = "script", [ROUTE_DOWNLOAD] = "download", [ROUTE_PING] = "ping", [ROUTE_METRICS] = "metrics",
        [ROUTE_OTHER] = "other", [ROUTE_UNREAD] = "unread",
};
enum { CODE_MIN = 100, CODE_MAX = 599 };

#define bounds_s store_commit_bounds_s   /* the same for requests */
enum { BOUNDS = STORE_COMMIT_BOUNDS };

struct histogram { uint64_t n[BOUNDS + 1], sum_us; };

struct metrics {
        uint64_t requests[ROUTE_MAX][CODE_MAX - CODE_MIN + 1];
        struct histogram latency[ROUTE_MAX];
};

struct metrics *metrics_new(void) {
        struct metrics *m = dr_xnew(struct metrics);
        memset(m, 0, sizeof *m);
        return m;
}

struct metrics *metrics_free(struct metrics *m) {
        free(m);
        return NULL;
}

static bool segment_is(const struct http_request *req, size_t i, const char *name) { return req->path.n > i && str_eq(req->path.seg[i], name); }

static enum route route_of(const struct http_request *req) {
        static const struct { const char *name; enum route route; } kinds[] = {
                { "subscribe", ROUTE_SUBSCRIBE }, { "publish", ROUTE_SUBSCRIBE }, { "scripts", ROUTE_SCRIPT }, { "node", ROUTE_DOWNLOAD },
                { "logs", ROUTE_STREAM }, { "exec", ROUTE_STREAM }, { "console", ROUTE_STREAM }, { "dockersocket", ROUTE_STREAM }, { "stats", ROUTE_STREAM },
                { "hoststats", ROUTE_STREAM }, { "containerstats", ROUTE_STREAM }, { "container-proxy", ROUTE_STREAM },
        };
        bool api = segment_is(req, 0, "v1") || segment_is(req, 0, "v2-beta");
        if (segment_is(req, 0, "ping"))
                return ROUTE_PING;
        if (segment_is(req, 0, "metrics"))
                return ROUTE_METRICS;
        if (segment_is(req, 0, "v3"))
                return ROUTE_HOST;
        if (!api)
                return ROUTE_OTHER;
        size_t at = segment_is(req, 1, "projects") && req->path.n > 3 ? 3 : 1;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (segment_is(req, at, kinds[i].name))
                        return kinds[i].route;
        if (req->verb == VERB_GET || req->verb == VERB_HEAD || req->verb == VERB_OPTIONS)
                return ROUTE_READ;
        return req->verb == VERB_POST && req->raw_query && strstr(req->raw_query, "action=") ? ROUTE_ACTION : ROUTE_WRITE;
}

static void observe(struct histogram *h, uint64_t us) {
        size_t i = 0;
        while (i < BOUNDS && (double) us > bounds_s[i] * 1e6)
                i++;
        h->n[i]++;
        h->sum_us += us;
}

void metrics_count_request(struct metrics *m, const struct http_request *req, int status) {
        enum route route = req ? route_of(req) : ROUTE_UNREAD;
        m->requests[route][MIN(MAX(status, (int) CODE_MIN), (int) CODE_MAX) - CODE_MIN]++;
        if (req && status != 101)       /* an upgrade is open for hours */
                observe(&m->latency[route], time_mono_us() - req->began_us);
}

/* ---- writing ---- */
static void head(struct sbuf *out, const char *name, const char *kind, const char *help) {
        sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void one(struct sbuf *out, const char *name, const char *kind, const char *help, uint64_t value) {
        head(out, name, kind, help);
        sbuf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_histogram(struct sbuf *out, const char *name, const char *label, const char *value, const uint64_t *n, uint64_t sum_us) {
        uint64_t all = 0;
        for (size_t i = 0; i <= BOUNDS; i++) {
                char le[32] = "+Inf";
                all += n[i];
                if (i < BOUNDS)
                        snprintf(le, sizeof le, "%g", bounds_s[i]);
                sbuf_printf(out, "%s_bucket{", name);
                if (label)
                        sbuf_printf(out, "%s=\"%s\",", label, value);
                sbuf_printf(out, "le=\"%s\"} %" PRIu64 "\n", le, all);
        }
        const char *open = label ? "{" : "", *eq = label ? "=\"" : "", *close = label ? "\"}" : "";
        sbuf_printf(out, "%s_sum%s%s%s%s%s %.6f\n", name, open, label ? label : "", eq, label ? value : "", close, (double) sum_us / 1e6);
        sbuf_printf(out, "%s_count%s%s%s%s%s %" PRIu64 "\n", name, open, label ? label : "", eq, label ? value : "", close, all);
}

static void write_requests(const struct metrics *m, struct sbuf *out) {
        head(out, "drover_http_requests_total", "counter", "Requests answered, by what they are for and status.");
        for (unsigned r = 0; r < ROUTE_MAX; r++)
                for (unsigned c = 0; c <= CODE_MAX - CODE_MIN; c++)
                        if (m->requests[r][c])
                                sbuf_printf(out, "drover_http_requests_total{route=\"%s\",code=\"%u\"} %" PRIu64 "\n", route_names[r], c + CODE_MIN, m->requests[r][c]);
        head(out, "drover_http_request_duration_seconds", "histogram", "From a request's head to its answer, upgrades left out.");
        for (unsigned r = 0; r < ROUTE_MAX; r++)
                if (r != ROUTE_UNREAD)
                        write_histogram(out, "drover_http_request_duration_seconds", "route", route_names[r], m->latency[r].n, m->latency[r].sum_us);
}

/* Live records and the runs on them, table by table. */
static void write_records(struct core *c, struct sbuf *out) {
        uint64_t running = 0, failing = 0;
        head(out, "drover_records", "gauge", "Live records, by table.");
        for (unsigned t = 1; t < T_MAX; t++) {
                if (type_base((enum type_id) t) != (enum type_id) t)
                        continue;
                const struct records *l = world_all(core_world(c), (enum type_id) t);
                if (l->n)
                        sbuf_printf(out, "drover_records{type=\"%s\"} %zu\n", type_name((enum type_id) t), l->n);
                for (size_t i = 0; i < l->n; i++)
                        if (l->v[i]->run) {
                                running++;
                                failing += l->v[i]->run->attempts > 0;
                        }
        }
        one(out, "drover_process_runs", "gauge", "Process runs under way or waiting.", running);
        one(out, "drover_process_runs_failing", "gauge", "Those of them whose last attempt failed or that waited too long.", failing);
}

static void write_store(const struct metrics_view *v, struct sbuf *out) {
        struct store_stats s = v->store->ops->stats(v->store);
        static const char *const parts[] = { "", "-wal" };
        uint64_t bytes = 0;
        for (size_t i = 0; v->db_file && i < ARRAY_LEN(parts); i++) {
                auto_free char *path = dr_xasprintf("%s%s", v->db_file, parts[i]);
                struct stat st;
                if (stat(path, &st) == 0)
                        bytes += (uint64_t) st.st_size;
        }
        one(out, "drover_store_size_bytes", "gauge", "Database and its write-ahead log.", bytes);
        one(out, "drover_store_commits_total", "counter", "Transactions committed.", s.commits);
        one(out, "drover_store_commits_failed_total", "counter", "Transactions that failed.", s.failed);
        one(out, "drover_store_rows_total", "counter", "Rows written.", s.rows);
        head(out, "drover_store_commit_duration_seconds", "histogram", "How long a transaction took on the writer's thread.");
        write_histogram(out, "drover_store_commit_duration_seconds", NULL, NULL, s.commit_n, s.commit_us);
}

static void write_process(const struct metrics_view *v, struct sbuf *out) {
        struct rusage u = { 0 };
        uint64_t resident = 0, pages = 0;
        FILE *f = fopen("/proc/self/statm", "re");
        if (f && fscanf(f, "%*s %" SCNu64, &pages) == 1)
                resident = pages * (uint64_t) sysconf(_SC_PAGESIZE);
        if (f)
                (void) fclose(f);
        one(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident);
        head(out, "process_cpu_seconds_total", "counter", "User and system time.");
        (void) getrusage(RUSAGE_SELF, &u);
        sbuf_printf(out, "process_cpu_seconds_total %.6f\n", (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
        head(out, "process_start_time_seconds", "gauge", "Start, as Unix time.");
        sbuf_printf(out, "process_start_time_seconds %.3f\n", (double) v->started_ms / 1e3);
        head(out, "drover_build_info", "gauge", "The program: always 1.");
        sbuf_printf(out, "drover_build_info{version=\"%s\"} 1\n", DROVER_VERSION);
}

void metrics_write(const struct metrics *m, const struct metrics_view *v, struct sbuf *out) {
        struct core_stats s = core_stats(v->core);
        write_process(v, out);
        write_requests(m, out);
        write_records(v->core, out);
        one(out, "drover_process_runs_total", "counter", "Process runs that came to an end.", s.runs);
        one(out, "drover_process_attempts_failed_total", "counter", "Attempts of process runs that failed.", s.runs_failed);
        one(out, "drover_queue_length", "gauge", "Records waiting to be worked on.", s.queued);
        one(out, "drover_timers", "gauge", "Records waiting for a time.", s.timers);
        one(out, "drover_batches_total", "counter", "Batches of changes given to the store.", s.batches);
        one(out, "drover_batches_rolled_back_total", "counter", "Batches taken back because the store failed.", s.rolled_back);
        one(out, "drover_store_epoch", "gauge", "Epoch of this leadership.", core_epoch(v->core));
        write_store(v, out);
        one(out, "drover_connections", "gauge", "Open connections, websockets included.", v->connections);
        one(out, "drover_host_sessions", "gauge", "Connected hosts.", v->host_sessions);
        one(out, "drover_subscribers", "gauge", "Subscribers of events.", v->subscribers);
        one(out, "drover_stream_clients", "gauge", "Clients of logs, exec, statistics and proxies.", v->streams);
        one(out, "drover_slow_readers_closed_total", "counter", "Websockets closed, their messages dropped, because the reader was too slow.", v->slow_readers);
}
