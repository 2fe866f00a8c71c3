/* verb_logs.c: drover logs: what containers write, and what services report. */
#include <stdio.h>
#include <time.h>

#include "cli.h"
#include "host_stream.h"
#include "pick.h"
#include "verbs.h"

enum { LOOK_MS = 100, LOG_POLL_MS = 1000 };

static const struct opt_row rows[] = {
        { .name = "follow", .letter = 'f', .type = OPT_FLAG, .help = "go on with what is written from now on, over restarts too" },
        { .name = "tail", .arg = "N", .type = OPT_INT, .dflt = "100", .min = 0, .max = 1000000, .help = "so many of the last lines" },
        { .name = "since", .arg = "TIME", .type = OPT_STRING, .help = "only later lines: 2026-01-31T12:00:00Z, Unix seconds, or 10m" },
        { .name = "timestamps", .letter = 't', .type = OPT_FLAG, .help = "show the time of each line" },
        { .name = "service", .letter = 's', .type = OPT_FLAG, .help = "show the service log: what drover did for the services" },
};

struct source { struct host_stream *stream; char *prefix; };

/* "01 text": stdout, "02 text": stderr, "00 text": a terminal's. */
static int print_line(const struct source *s, const char *p, size_t n, struct dr_error *err) {
        FILE *to = n > 2 && p[1] == '2' ? stderr : stdout;
        if (n < 3)
                return 0;
        if (s->prefix)
                fputs(s->prefix, to);
        bool ok = fwrite(p + 3, 1, n - 3, to) == n - 3;
        if (p[n - 1] != '\n')
                fputc('\n', to);
        return ok && fflush(to) == 0 ? 0 : dr_fail(err, DR_E_INTERNAL, NULL, "could not write the output: %m");
}

/* All there is of one source: 1 some, 0 nothing now, negative: ended. */
static int drain(struct source *s, uint64_t wait_ms, struct dr_error *err) {
        bool any = false;
        for (;;) {
                auto_free char *p = NULL;
                size_t n = 0;
                int r = host_stream_next(s->stream, any ? 0 : wait_ms, &p, &n, err);
                if (r > 0)
                        r = print_line(s, p, n, err) < 0 ? -EPIPE : 1;
                if (r <= 0)
                        return r < 0 ? r : any;
                any = true;
        }
}

static int follow_all(struct cli *c, struct source *sources, size_t n) {
        size_t open = n;
        while (open > 0) {
                bool any = false;
                for (size_t i = 0; i < n; i++) {
                        if (!sources[i].stream)
                                continue;
                        struct dr_error err = { 0 };
                        int r = drain(&sources[i], any || open > 1 ? 0 : LOOK_MS, &err);
                        any |= r > 0;
                        if (r == -EPIPE)
                                return r;
                        if (r < 0) {
                                sources[i].stream = host_stream_free(sources[i].stream);
                                open--;
                                if (r != -ENODATA)
                                        cli_complain(c, &err);
                        }
                }
                if (!any && open > 1)
                        (void) nanosleep(&(struct timespec) { .tv_nsec = LOOK_MS * 1000000L / 4 }, NULL);
        }
        return 0;
}

static int open_one(struct cli *c, struct json_object *container, struct source *ret) {
        AUTO(json_free) struct json_object *body = json_object_new_object(), *access = NULL;
        json_set_bool(body, "follow", opts_bool(c->opts, "follow"));
        json_set_int(body, "lines", opts_int(c->opts, "tail"));
        json_set_bool(body, "timestamps", opts_bool(c->opts, "timestamps"));
        json_set_str(body, "since", opts_str(c->opts, "since") ? opts_str(c->opts, "since") : "");
        int r = api_action(c->api, container, "logs", body, &access, &c->err);
        return r < 0 ? r : host_stream_open(c->api, access, &ret->stream, &c->err);
}

static int containers(struct cli *c, const char *const *words, size_t n_words) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = pick_containers(c, words, n_words, &list);
        if (r < 0)
                return r;
        size_t n = json_object_array_length(list), width = 0, opened = 0;
        struct source *sources = dr_xcalloc(n + 1, sizeof *sources);
        for (size_t i = 0; i < n; i++)
                width = MAX(width, strlen(json_str(json_object_array_get_idx(list, i), "name", "")));
        for (size_t i = 0; i < n; i++) {
                struct json_object *one = json_object_array_get_idx(list, i);
                if (!api_can(one, "logs"))
                        continue;               /* not on a host yet, or no more */
                if (n > 1)
                        sources[opened].prefix = dr_xasprintf("%-*s | ", (int) width, json_str(one, "name", ""));
                if (open_one(c, one, &sources[opened]) < 0) {
                        cli_complain(c, &c->err);
                        free(sources[opened].prefix);
                        continue;
                }
                opened++;
        }
        if (opened == 0 && !c->complained)
                fprintf(stderr, "drover: no container has logs now\n");
        r = follow_all(c, sources, opened);
        for (size_t i = 0; i < opened; i++) {
                host_stream_free(sources[i].stream);
                free(sources[i].prefix);
        }
        free(sources);
        return r;
}

/* ---- service logs ---- */
static void print_service_log(struct cli *c, const struct json_object *row, const char *service) {
        if (opts_bool(c->opts, "timestamps"))
                printf("%s ", json_str(row, "created", ""));
        printf("%s: %s %s: %s\n", service, json_str(row, "level", "info"), json_str(row, "eventType", ""), json_str(row, "description", ""));
}

static int service_logs(struct cli *c, const char *const *words, size_t n) {
        AUTO(json_free) struct json_object *last = json_object_new_object();
        do {
                for (size_t i = 0; i < n; i++) {
                        AUTO(json_free) struct json_object *service = NULL, *page = NULL;
                        int r = lookup(c->api, words[i], (unsigned) BIT(RES_SERVICE), &service, &c->err);
                        if (r < 0)
                                return r;
                        auto_free char *path = api_project_path(c->api, "/servicelogs?serviceId=%s&sort=id&order=desc&limit=%lld", json_str(service, "id", ""),
                                                                (long long) MAX(opts_int(c->opts, "tail"), 1));
                        if ((r = api_get(c->api, path, &page, &c->err)) < 0)
                                return r;
                        struct json_object *data = json_get_array(page, "data");
                        const char *seen = json_str(last, words[i], "");
                        size_t fresh = 0, have = data ? json_object_array_length(data) : 0;
                        while (fresh < have && !str_eq(json_str(json_object_array_get_idx(data, fresh), "id", ""), seen))
                                fresh++;
                        for (size_t k = fresh; k-- > 0;)
                                print_service_log(c, json_object_array_get_idx(data, k), words[i]);
                        if (have)
                                json_set_str(last, words[i], json_str(json_object_array_get_idx(data, 0), "id", ""));
                }
                if (fflush(stdout) != 0)
                        return dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not write the output: %m");
                if (opts_bool(c->opts, "follow"))
                        (void) nanosleep(&(struct timespec) { .tv_sec = LOG_POLL_MS / 1000 }, NULL);
        } while (opts_bool(c->opts, "follow"));
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *words = opts_args(o, &n);
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        return opts_bool(o, "service") ? service_logs(c, words, n) : containers(c, words, n);
}

const struct opt_command verb_logs = {
        .name = "logs", .summary = "show what containers write", .args = "CONTAINER|SERVICE...", .min_args = 1, .max_args = OPT_ANY,
        .complete = "service,container",
        .about = "Of a service, the logs of all its containers. With several containers each line begins with its container's name.\n"
                 "Standard output goes to standard output, standard error to standard error.",
        OPT_ROWS(rows), .run = run,
};
