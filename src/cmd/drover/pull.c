#include "pull.h"

#include <stdio.h>
#include <time.h>

#include "base/times.h"

enum { POLL_FIRST_MS = 50, POLL_MS = 500, STATUS_BYTES_MAX = 4096 };

static int start(struct cli *c, const char *image, const char *mode, const char *labels, struct json_object **ret) {
        AUTO(json_free) struct json_object *body = json_object_new_object();
        struct json_object *scheduling = json_object_new_object();
        auto_free char *path = api_project_path(c->api, "/pulltasks");
        if (labels && *labels)
                json_set_str(scheduling, "io.rancher.scheduler.affinity:host_label", labels);
        json_set_str(body, "mode", mode);
        json_set_str(body, "image", image);
        json_set(body, "labels", scheduling);
        int r = api_call(c->api, "POST", path, body, ret, &c->err);
        return r < 0 ? dr_prefix(&c->err, r, "could not pull \"%s\"", image) : 0;
}

/* What one look says: how far it is, and once it has ended the hosts that could not. */
static bool describe(const struct json_object *task, bool going, struct sbuf *b) {
        struct json_object *status = json_get_object(task, "status");
        const char *message = json_str(task, "transitioningMessage", "");
        size_t n = 0;
        if (going || !status) {
                sbuf_puts(b, *message ? message : json_str(task, "state", "?"));
                return true;
        }
        json_object_object_foreach(status, host, text) {
                const char *words = str_or(json_object_get_string(text), "");
                n++;
                if (!str_eq(words, "Done"))
                        sbuf_printf(b, "%s%s: %s", b->len ? ", " : "", host, words);
        }
        bool good = b->len == 0;
        if (good)
                sbuf_printf(b, "on %zu host%s", n, n == 1 ? "" : "s");
        return good;
}

/* One look; true when it has ended. *failed is set with c->err for the first that failed. */
static bool look(struct cli *c, struct progress *p, const char *image, struct json_object *task, bool *failed, int *r) {
        auto_free char *path = api_project_path(c->api, "/pulltasks/%s", json_str(task, "id", ""));
        AUTO(json_free) struct json_object *now = NULL;
        auto_sbuf struct sbuf text = SBUF(STATUS_BYTES_MAX);
        if ((*r = api_get(c->api, path, &now, &c->err)) < 0)
                return true;
        const char *transitioning = json_str(now, "transitioning", "no");
        bool going = str_eq(transitioning, "yes"), good = describe(now, going, &text) && !str_eq(transitioning, "error");
        progress_set(p, image, image, going ? PROGRESS_RUNNING : good ? PROGRESS_DONE : PROGRESS_FAILED, sbuf_str(&text));
        if (!good && !*failed) {
                *failed = true;
                dr_fail(&c->err, DR_E_UNAVAILABLE, NULL, "could not pull \"%.80s\": %.100s", image, sbuf_str(&text));
        }
        return !going;
}

static int watch(struct cli *c, struct progress *p, const char *const *images, struct json_object **tasks, size_t n) {
        uint64_t deadline = time_mono_ms() + (uint64_t) opts_int(c->opts, "wait-timeout"), pause_ms = POLL_FIRST_MS;
        bool limit = opts_int(c->opts, "wait-timeout") > 0, failed = false;
        for (size_t done = 0; done < n;) {
                int r = 0;
                if (look(c, p, images[done], tasks[done], &failed, &r)) {
                        if (r < 0)
                                return r;
                        done++;
                        continue;
                }
                progress_draw(p);
                if (limit && time_mono_ms() > deadline)
                        return dr_fail(&c->err, DR_E_TIMEOUT, NULL, "the pull of \"%.80s\" is not done in time", images[done]);
                (void) nanosleep(&(struct timespec) { .tv_nsec = (long) pause_ms * 1000000L }, NULL);
                pause_ms = MIN(pause_ms * 2, (uint64_t) POLL_MS);
        }
        progress_draw(p);
        return failed ? -EAGAIN : 0;
}

int pull_images(struct cli *c, const char *const *images, size_t n, const char *mode, const char *labels, bool print_ids) {
        AUTO(progress_free) struct progress *p = progress_new_stderr();
        struct json_object **tasks = dr_xmalloc((n + 1) * sizeof(*tasks));
        size_t started = 0;
        int r = 0;
        for (; started < n && r >= 0; started++) {
                tasks[started] = NULL;
                if ((r = start(c, images[started], mode, labels, &tasks[started])) < 0)
                        break;
                if (print_ids)
                        printf("%s\n", json_str(tasks[started], "id", ""));
        }
        (void) fflush(stdout);
        if (r >= 0)
                r = watch(c, p, images, tasks, n);
        for (size_t i = 0; i < started; i++)
                json_free(tasks[i]);
        free(tasks);
        return r;
}
