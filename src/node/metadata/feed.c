#include "node/metadata/feed.h"

#include "base/file.h"
#include "base/log.h"
#include "net/dial.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { RETRY_FIRST_MS = 100, RETRY_MAX_MS = 5000, CACHE_EVERY_MS = 30000, FILE_BYTES_MAX = 512 << 20 };

struct feed {
        struct loop *loop;
        struct mdata *model;
        struct feed_config cfg;
        char *socket_path, *file, *cache;
        struct dial *dial;
        struct stream *stream;
        struct sbuf line;               /* an unfinished one */
        struct timer *retry, *save;
        uint64_t retry_ms, saved_generation;
        bool telling, bad;              /* bad: the agent sent what cannot be applied; said once */
};

bool feed_is_connected(const struct feed *f) { return f->stream; }

/* Telling --------------------------------------------------------------------------------------------------------- */

static void tell(void *arg) {
        struct feed *f = arg;
        f->telling = false;
        if (f->cfg.changed)
                f->cfg.changed(f->model, f->cfg.arg);
}

static void tell_later(struct feed *f) {
        if (f->telling)
                return;
        f->telling = true;
        loop_defer(f->loop, tell, f);
}

/* The cache ------------------------------------------------------------------------------------------------------- */

static void save(void *arg) {
        struct feed *f = arg;
        if (mdata_generation(f->model) == f->saved_generation)
                return;
        auto_sbuf struct sbuf b = SBUF(FILE_BYTES_MAX);
        mdata_dump(f->model, &b);
        struct dr_error err = { 0 };
        int r = sbuf_ok(&b) ? 0 : dr_fail(&err, DR_E_TOO_LARGE, NULL, "it is longer than %d bytes", FILE_BYTES_MAX);
        if (r < 0 || file_replace(f->cache, b.data, b.len, 0600, &err) < 0)
                log_warning("could not keep metadata on disk", "file", f->cache, "error", err.message, NULL);
        else
                f->saved_generation = mdata_generation(f->model);
}

/* The socket ------------------------------------------------------------------------------------------------------ */

static void retry_slower(struct feed *f) {
        if (!timer_is_running(f->retry))
                timer_start(f->retry, f->retry_ms);
        f->retry_ms = MIN(f->retry_ms * 2, (uint64_t) RETRY_MAX_MS);
}

/* Applies one line. Negative closes the connection. */
static int apply_line(struct feed *f, const char *line, size_t len) {
        struct dr_error err = { 0 };
        bool synced = mdata_is_synced(f->model);
        int r = mdata_apply_text(f->model, line, len, &err);
        if (r > 0 || (r == 0 && !synced && mdata_is_synced(f->model)))
                tell_later(f);
        if (r >= 0) {
                f->retry_ms = RETRY_FIRST_MS;
                f->bad = false;
                return 0;
        }
        if (r == -ESTALE)
                log_debug("metadata missed a change: asked for again", NULL);
        else if (!f->bad)
                log_warning("metadata from the agent cannot be applied", "error", err.message, NULL);
        f->bad |= r != -ESTALE;
        return -EPROTO;
}

static int on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct feed *f = arg;
        while (n) {
                const char *end = memchr(p, '\n', n);
                size_t part = end ? (size_t) (end - p) : n;
                if (!end || f->line.len)
                        sbuf_add(&f->line, p, part);
                if (!sbuf_ok(&f->line)) {
                        log_warning("metadata message of the agent is too long", NULL);
                        return -EMSGSIZE;
                }
                if (!end)
                        return 0;
                bool held = f->line.len;
                const char *line = held ? f->line.data : p;
                size_t len = held ? f->line.len : part;
                int r = len ? apply_line(f, line, len) : 0;
                if (held)
                        sbuf_done(&f->line);            /* snapshots are large and rare */
                if (r < 0)
                        return r;
                p += part + 1;
                n -= part + 1;
        }
        return 0;
}

static void on_close(struct stream *s, int why, void *arg) {
        struct feed *f = arg;
        f->stream = NULL;
        f->line.overflow = false;
        sbuf_done(&f->line);
        retry_slower(f);
}

static const struct stream_events events = { .on_data = on_data, .on_close = on_close };

static void on_dialed(struct stream *s, const struct dr_error *err, void *arg) {
        struct feed *f = arg;
        f->dial = NULL;
        if (!s) {
                log_debug("agent's metadata socket is not there", "error", err->message, NULL);
                retry_slower(f);
                return;
        }
        f->stream = s;
        stream_set_events(s, &events, f);
        AUTO(json_free) struct json_object *resume = json_object_new_object();
        json_set(resume, "resume", mdata_revisions(f->model));
        auto_sbuf struct sbuf line = SBUF(MDATA_MESSAGE_BYTES_MAX);
        json_write(resume, 0, &line);
        sbuf_putc(&line, '\n');
        if (!sbuf_ok(&line) || stream_write(s, sbuf_str(&line), line.len) < 0)
                stream_close(s);
}

static void dial_now(void *arg) {
        struct feed *f = arg;
        struct dr_error err;
        if (f->dial || f->stream)
                return;
        struct dial_spec spec = { .unix_path = f->socket_path, .netns_fd = -1, .done = on_dialed, .arg = f };
        f->dial = dial_start(f->loop, &spec, &err);
        if (!f->dial) {
                log_debug("agent's metadata socket cannot be dialled", "error", err.message, NULL);
                retry_slower(f);
        }
}

/* Files ----------------------------------------------------------------------------------------------------------- */

/* Into the model what the file says, and out of it what it does not: as messages between a fresh model of the file and the one here. */
int feed_reload(struct feed *f, struct dr_error *err) {
        if (!f->file) {
                dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "metadata comes from the agent's socket, not from a file");
                return -ENOTSUP;
        }
        AUTO(mdata_free) struct mdata *fresh = mdata_new();
        int r = mdata_load(fresh, f->file, FILE_BYTES_MAX, err);
        if (r < 0)
                return r;
        r = mdata_become(f->model, fresh, err);
        if (r < 0)
                return r;
        mdata_set_synced(f->model, true);
        tell_later(f);
        return 0;
}

static void read_cache(struct feed *f) {
        struct dr_error err = { 0 };
        if (access(f->cache, F_OK) < 0)
                return;
        AUTO(mdata_free) struct mdata *cached = mdata_new();
        if (mdata_load(cached, f->cache, FILE_BYTES_MAX, &err) < 0 || mdata_become(f->model, cached, &err) < 0)
                log_warning("kept metadata cannot be used", "error", err.message, NULL);
        f->saved_generation = mdata_generation(f->model);
        if (f->saved_generation)
                tell_later(f);
}

struct feed *feed_new(struct loop *l, struct mdata *m, const struct feed_config *cfg, struct dr_error *err) {
        AUTO(feed_free) struct feed *f = dr_xnew(struct feed);
        *f = (struct feed) {
                .loop = l, .model = m, .cfg = *cfg, .file = dr_xstrdup(cfg->file), .cache = dr_xstrdup(cfg->cache),
                .socket_path = dr_xstrdup(cfg->file ? NULL : str_or(cfg->socket_path, FEED_SOCKET)),
                .line = SBUF(MDATA_MESSAGE_BYTES_MAX), .retry_ms = RETRY_FIRST_MS,
        };
        if (f->cache) {
                read_cache(f);
                f->save = timer_new(l, save, f);
                timer_start_periodic(f->save, CACHE_EVERY_MS, CACHE_EVERY_MS);
        }
        if (f->file && feed_reload(f, err) < 0)
                return NULL;
        if (f->socket_path) {
                f->retry = timer_new(l, dial_now, f);
                dial_now(f);
        }
        return dr_take(f);
}

struct feed *feed_free(struct feed *f) {
        if (!f)
                return NULL;
        if (f->cache)
                save(f);
        if (f->dial)
                dial_cancel(f->dial);
        if (f->stream) {
                static const struct stream_events none;
                stream_set_events(f->stream, &none, NULL);
                stream_close(f->stream);
        }
        loop_defer_cancel(f->loop, tell, f);
        timer_free(f->retry);
        timer_free(f->save);
        sbuf_done(&f->line);
        free(f->socket_path);
        free(f->file);
        free(f->cache);
        free(f);
        return NULL;
}
