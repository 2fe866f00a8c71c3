/* drover-node healthcheck: checks the containers that the server gave to this host, and tells it what it found. */
#include "base/log.h"
#include "node/healthcheck/watch.h"
#include "node/metadata/feed.h"
#include "parts.h"

#include <stdio.h>
#include <sys/resource.h>

static void on_changed(struct mdata *m, void *arg) {
        struct watch **w = arg;
        if (*w)
                watch_changed(*w);
}

/* A socket per running check: as many as the system lets us have. */
static void raise_limit(void) {
        struct rlimit l;
        if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
                l.rlim_cur = l.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &l);
        }
}

static int serve(const struct opts *o, struct loop *l, struct mdata *m, struct watch **w, struct reporter *r, struct dr_error *err) {
        struct feed_config cfg = { .socket_path = opts_str(o, "socket"), .file = opts_str(o, "file"), .changed = on_changed, .arg = w };
        struct watch_conf conf = { .reporter = r };
        *w = watch_new(l, m, &conf);
        AUTO(feed_free) struct feed *f = feed_new(l, m, &cfg, err);
        if (!f)
                return -EINVAL;
        watch_changed(*w);              /* what the file held */
        struct part_signals signals = part_signals(l, NULL, NULL);
        log_info("health checks started", NULL);
        part_run(l, &signals);
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct dr_error err = { 0 };
        AUTO(loop_free) struct loop *l = loop_new();
        struct reporter_conf conf = {
                .url = opts_str(o, "url"), .access_key = opts_str(o, "access-key"), .secret_key = opts_str(o, "secret-key"), .ca_file = opts_str(o, "ca-file"),
        };
        raise_limit();
        if (!conf.url)
                log_warning("no server is given (--url, CATTLE_URL): what checks find is only logged", NULL);
        struct reporter *r = reporter_new(l, &conf, &err);
        struct mdata *m = mdata_new();
        struct watch *w = NULL;
        int result = r ? serve(o, l, m, &w, r, &err) : -EINVAL;
        mdata_free(m);
        watch_free(w);
        reporter_free(r);
        loop_run(l);
        if (result < 0)
                fprintf(stderr, "drover-node: %s\n", err.message);
        return result < 0;
}

static const struct opt_row rows[] = {
        { .name = "access-key", .arg = "KEY", .type = OPT_STRING, .env = "CATTLE_ACCESS_KEY", .help = "access key of the agent whose words the reports are" },
        { .name = "secret-key", .arg = "KEY", .type = OPT_STRING, .env = "CATTLE_SECRET_KEY", .flags = OPT_SECRET, .help = "its secret key" },
        { .name = "socket", .arg = "PATH", .type = OPT_PATH, .dflt = FEED_SOCKET, .help = "the agent's metadata socket" },
        { .name = "file", .arg = "FILE", .type = OPT_PATH, .help = "read this instead of the socket" },
};
const struct opt_command healthcheck_command = {
        .name = "healthcheck", .summary = "checks the health of containers for the server", OPT_ROWS(rows), .run = run,
};
