#include "waiter.h"

#include <stdio.h>
#include <time.h>

#include "base/times.h"
#include "base/vec.h"

enum { POLL_FIRST_MS = 50, POLL_MS = 1000, POLL_BESIDE_EVENTS_MS = 5000, CONTAINER_REASONS_MAX = 3 };

struct item {
        char *id, *path, *label;
        enum res_type type;
        bool finished;
        bool follower;                  /* shown only */
        uint64_t error_since_ms;        /* 0: no error at the last look */
        char *error;
};

struct waiter {
        struct waiter_config cfg;
        VEC(struct item) items;
        bool events;
};

const char *waiter_combined_state(const struct json_object *o) {
        const char *state = json_str(o, "state", ""), *health = json_str(o, "healthState", NULL);
        bool steady = str_eq(state, "active") || str_eq(state, "running");
        if (steady && health && *health)
                return health;
        const char *agent = json_str(o, "agentState", NULL);
        return steady && agent && *agent ? agent : state;
}

static bool counts_containers(const struct json_object *o) {
        return res_type_of(o) == RES_SERVICE && json_get_array(o, "instanceIds") && json_has(o, "scale");
}

enum wait_verdict waiter_judge(const struct json_object *o, const char *state, bool up) {
        const char *now = json_str(o, "state", ""), *transitioning = json_str(o, "transitioning", "no");
        if (state) {
                if (str_eq(now, state))
                        return WAIT_DONE;
                if (str_eq(waiter_combined_state(o), state))
                        return WAIT_DONE;
        }
        if (str_eq(now, "removed") || str_eq(now, "purged") || str_eq(now, "purging"))
                return state || up ? WAIT_ERROR : WAIT_DONE;
        if (str_eq(transitioning, "error") || str_eq(now, "error"))
                return WAIT_ERROR;
        if (state || str_eq(transitioning, "yes") || str_eq(now, "requested"))
                return WAIT_AGAIN;
        if (up && res_type_of(o) == RES_SERVICE) {
                const char *health = json_str(o, "healthState", NULL);
                if (!str_eq(now, "active") && !str_eq(now, "upgraded"))
                        return WAIT_AGAIN;
                return !health || str_eq(health, "healthy") || str_eq(health, "started-once") ? WAIT_DONE : WAIT_AGAIN;
        }
        return WAIT_DONE;
}

char *waiter_describe(const struct json_object *o) {
        auto_sbuf struct sbuf b = SBUF(4096);
        const char *message = json_str(o, "transitioningMessage", NULL);
        sbuf_puts(&b, waiter_combined_state(o));
        if (counts_containers(o)) {
                /* Sidekicks do not count, so not instanceIds where the server says it. */
                long long have = json_int(o, "currentScale", (int64_t) json_object_array_length(json_get_array(o, "instanceIds")));
                bool global = str_eq(json_str(json_get_object(json_get_object(o, "launchConfig"), "labels"), "io.rancher.scheduler.global", ""), "true");
                if (global)
                        sbuf_printf(&b, " %lld", have);
                else
                        sbuf_printf(&b, " %lld/%lld", have, (long long) json_int(o, "scale", 0));
        }
        if (message && *message && !str_eq(json_str(o, "transitioning", "no"), "no"))
                sbuf_printf(&b, ": %.1000s", message);
        return sbuf_steal(&b);
}

struct waiter *waiter_new(const struct waiter_config *cfg) {
        struct waiter *w = dr_xnew(struct waiter);
        w->cfg = *cfg;
        return w;
}

static void items_clear(struct waiter *w) {
        for (size_t i = 0; i < w->items.n; i++) {
                free(w->items.v[i].id);
                free(w->items.v[i].path);
                free(w->items.v[i].label);
                free(w->items.v[i].error);
        }
        vec_done(&w->items);
}

struct waiter *waiter_free(struct waiter *w) {
        if (!w)
                return NULL;
        items_clear(w);
        if (w->events)
                api_unsubscribe(w->cfg.api);
        free(w);
        return NULL;
}

size_t waiter_count(const struct waiter *w) {
        return w->items.n;
}

static void add(struct waiter *w, const struct json_object *o, const char *label, bool follower) {
        int type = res_type_of(o);
        if (type < 0)
                return;                 /* a type that has no states to wait for */
        if (!w->events && type != RES_PROJECT)
                w->events = api_subscribe(w->cfg.api, false, NULL) == 0;        /* polled instead when it fails */
        auto_free char *collection = lookup_collection(w->cfg.api, (enum res_type) type);
        const char *id = json_str(o, "id", "");
        vec_push(&w->items, ((struct item) { .id = dr_xstrdup(id), .follower = follower, .path = dr_xasprintf("%s/%s", collection, id), .type = (enum res_type) type,
                                             .label = dr_xstrdup(label ? label : json_str(o, "name", id)) }));
}

void waiter_add(struct waiter *w, const struct json_object *o, const char *label) {
        add(w, o, label, false);
}

void waiter_follow(struct waiter *w, const struct json_object *o, const char *label) {
        add(w, o, label, true);
}

static void tell(struct waiter *w, const struct item *it, enum progress_mark mark, const char *text) {
        if (w->cfg.progress)
                progress_set(w->cfg.progress, it->label, it->label, mark, text);
}

static void follow(struct waiter *w, struct item *it, const struct json_object *o) {
        auto_free char *text = o ? waiter_describe(o) : dr_xstrdup("removed");
        enum wait_verdict v = o ? waiter_judge(o, NULL, false) : WAIT_DONE;
        tell(w, it, v == WAIT_DONE ? PROGRESS_DONE : PROGRESS_RUNNING, text);
}

/* o NULL: it is gone. */
static void look(struct waiter *w, struct item *it, const struct json_object *o, uint64_t now) {
        if (it->follower) {
                follow(w, it, o);
                return;
        }
        enum wait_verdict v = o ? waiter_judge(o, w->cfg.state, w->cfg.up) : w->cfg.state || w->cfg.up ? WAIT_ERROR : WAIT_DONE;
        auto_free char *text = o ? waiter_describe(o) : dr_xstrdup("removed");
        bool gone = !o || str_eq(json_str(o, "state", ""), "removed");
        if (v != WAIT_ERROR) {
                it->error_since_ms = 0;
                it->finished = v == WAIT_DONE;
                tell(w, it, v == WAIT_DONE ? PROGRESS_DONE : PROGRESS_RUNNING, text);
                return;
        }
        if (!it->error_since_ms)
                it->error_since_ms = now;
        free(it->error);
        it->error = dr_take(text);
        it->finished = gone || now - it->error_since_ms >= w->cfg.error_grace_ms;
        tell(w, it, it->finished ? PROGRESS_FAILED : PROGRESS_RUNNING, it->error);
}

static int poll_all(struct waiter *w, struct dr_error *err) {
        for (size_t i = 0; i < w->items.n; i++) {
                AUTO(json_free) struct json_object *o = NULL;
                struct item *it = &w->items.v[i];
                if (it->finished)
                        continue;
                int r = api_get(w->cfg.api, it->path, &o, err);
                if (r < 0 && r != -ENOENT)
                        return r;
                look(w, it, r < 0 ? NULL : o, time_mono_ms());
        }
        return 0;
}

static bool all_finished(const struct waiter *w) {
        for (size_t i = 0; i < w->items.n; i++)
                if (!w->items.v[i].finished && !w->items.v[i].follower)
                        return false;
        return true;
}

/* Waits for one event, or for the time of the next poll. */
static void await_change(struct waiter *w, uint64_t wait_ms) {
        AUTO(json_free) struct json_object *event = NULL;
        if (!w->events) {
                struct timespec t = { .tv_sec = (time_t) (wait_ms / 1000), .tv_nsec = (long) (wait_ms % 1000) * 1000000 };
                (void) nanosleep(&t, NULL);
                return;
        }
        int r = api_next_event(w->cfg.api, wait_ms, &event, NULL);
        if (r < 0) {
                api_unsubscribe(w->cfg.api);
                w->events = false;
        }
        if (r <= 0)
                return;
        struct json_object *o = json_get_object(json_get_object(event, "data"), "resource");
        const char *id = json_str(event, "resourceId", json_str(o, "id", ""));
        for (size_t i = 0; o && i < w->items.n; i++)
                if (!w->items.v[i].finished && str_eq(w->items.v[i].id, id) && res_type_of(o) == (int) w->items.v[i].type)
                        look(w, &w->items.v[i], o, time_mono_ms());
}

/* Why containers of a service do not run: appended to err's message. */
static void add_container_reasons(struct waiter *w, const struct item *it, struct dr_error *err) {
        AUTO(json_free) struct json_object *list = NULL;
        if (!err || it->type != RES_SERVICE)
                return;
        auto_free char *path = dr_xasprintf("%s/instances", it->path);
        if (api_list(w->cfg.api, path, &list, NULL) < 0)
                return;
        unsigned told = 0;
        for (size_t i = 0; i < json_object_array_length(list) && told < CONTAINER_REASONS_MAX; i++) {
                struct json_object *c = json_object_array_get_idx(list, i);
                const char *message = json_str(c, "transitioningMessage", NULL);
                size_t n = strlen(err->message);
                if (!message || !*message || strstr(err->message, message) || n >= sizeof err->message - 1)
                        continue;
                snprintf(err->message + n, sizeof err->message - n, "; container \"%s\": %s", json_str(c, "name", "?"), message);
                told++;
        }
}

static int verdict(struct waiter *w, struct dr_error *err) {
        for (size_t i = 0; i < w->items.n; i++) {
                const struct item *it = &w->items.v[i];
                if (it->follower || !it->finished || !it->error_since_ms)
                        continue;
                int r = dr_fail(err, DR_E_INVALID_STATE, NULL, "%s \"%s\" failed: %s", res_type_to_string(it->type), it->label, it->error);
                add_container_reasons(w, it, err);
                return r;
        }
        return 0;
}

static int fail_timeout(struct waiter *w, struct dr_error *err) {
        for (size_t i = 0; i < w->items.n; i++) {
                struct item *it = &w->items.v[i];
                AUTO(json_free) struct json_object *o = NULL;
                if (it->finished || it->follower)
                        continue;
                auto_free char *text = api_get(w->cfg.api, it->path, &o, NULL) < 0 ? dr_xstrdup("unknown") : waiter_describe(o);
                int r = dr_fail(err, DR_E_TIMEOUT, NULL, "%s \"%s\" is not there after %llu s: %s", res_type_to_string(it->type), it->label,
                                (unsigned long long) (w->cfg.timeout_ms / 1000), text);
                add_container_reasons(w, it, err);
                return r;
        }
        return 0;
}

int waiter_run(struct waiter *w, struct dr_error *err) {
        uint64_t start = time_mono_ms(), next_poll = start, poll_ms = POLL_FIRST_MS;
        int r = 0;
        while (r >= 0) {
                uint64_t now = time_mono_ms();
                if (now >= next_poll) {
                        if ((r = poll_all(w, err)) < 0)
                                break;
                        now = time_mono_ms();
                        next_poll = now + (w->events ? POLL_BESIDE_EVENTS_MS : poll_ms);
                        poll_ms = MIN(poll_ms * 2, (uint64_t) POLL_MS);
                }
                if (w->cfg.progress)
                        progress_draw(w->cfg.progress);
                if (all_finished(w)) {
                        r = verdict(w, err);
                        break;
                }
                if (w->cfg.timeout_ms && now - start >= w->cfg.timeout_ms) {
                        r = fail_timeout(w, err);
                        break;
                }
                uint64_t wait = next_poll - now;
                if (w->cfg.timeout_ms)
                        wait = MIN(wait, start + w->cfg.timeout_ms - now);
                await_change(w, MAX(wait, (uint64_t) 1));
                if (!w->events)
                        next_poll = MIN(next_poll, time_mono_ms());
        }
        items_clear(w);
        return r < 0 ? r : 0;
}
