#include "sampler.h"

#include <stdio.h>

#include "base/times.h"
#include "base/vec.h"
#include "node/streams/target.h"
#include "node/streams/usage.h"

enum { EVERY_MS = 1000, LOOKS_MAX = 8, LOOK_MS = 15000, CONTAINERS_MAX = 4096, ELEMENT_BYTES_MAX = 48 * 1024, LABEL_CHARS_MAX = 80 };

/* A container that somebody listens to. */
struct watched {
        struct sampler *sampler;
        char id[DOCKER_ID_CHARS + 1];
        unsigned refs;
        int pid;                        /* 0: does not run, as far as known */
        bool look_wanted;
        struct docker_call *look;
        struct sbuf element;            /* of this round, from "resourceType" on; empty: none */
};

struct member { struct watched *watched; char label[LABEL_CHARS_MAX + 1]; };
struct listener {
        struct channel *channel;
        struct sampler *sampler;
        bool host;
        VEC(struct member) members;
        char label[LABEL_CHARS_MAX + 1];        /* of the host */
        struct listener *prev, *next;
};

struct sampler {
        struct channels *all;
        struct timer *timer;
        struct listener *first;
        struct smap by_id;              /* to struct watched */
        unsigned looks;                 /* inspect calls under way */
        uint64_t memory_bytes;
        struct usage usage;             /* scratch */
};

/* Containers ------------------------------------------------------------------------------------------------------- */

static void look_more(struct sampler *s);

static void on_looked(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct watched *w = arg;
        struct sampler *s = w->sampler;
        struct channels *cs = s->all;
        struct target t;
        struct dr_error why;
        w->look = NULL;
        s->looks--;
        w->pid = 0;
        int r = result == 0 && status == 200 ? target_parse(s->all, body, len, "", &t, &why) : -EIO;
        if (r == 0 && t.running)
                w->pid = t.pid;
        bool gone = status == 404 || r == -ENOENT, over = gone || (r == 0 && !t.running && !w->look_wanted);
        for (struct listener *l = over ? s->first : NULL, *next; l; l = next) {         /* w and s may go with their last listener */
                next = l->next;
                if (l->members.n == 1 && l->members.v[0].watched == w)
                        channel_end(l->channel, gone ? "NotFound" : "NotRunning", gone ? "there is no such container on this host" : "the container does not run");
        }
        if (cs->sampler)
                look_more(cs->sampler);
}

static void look_more(struct sampler *s) {
        smap_foreach(&s->by_id, slot) {
                struct watched *w = slot->value;
                if (s->looks >= LOOKS_MAX)
                        return;
                if (!w->look_wanted || w->look)
                        continue;
                auto_free char *path = dr_xasprintf("/containers/%s/json", w->id);
                w->look_wanted = false;
                w->look = docker_call_start(s->all->cfg.docker, &(struct docker_request) { .path = path, .total_ms = LOOK_MS, .done = on_looked, .arg = w }, NULL);
                s->looks += w->look != NULL;    /* the engine is away: all are looked at when it is back */
        }
}

static void watched_unref(struct watched *w) {
        if (--w->refs)
                return;
        if (w->look) {
                docker_call_cancel(w->look);
                w->sampler->looks--;
        }
        smap_del(&w->sampler->by_id, w->id);
        sbuf_done(&w->element);
        free(w);
}

static struct watched *watch(struct sampler *s, const char *id) {
        struct watched *w = smap_get(&s->by_id, id);
        if (!w) {
                w = dr_xnew(struct watched);
                *w = (struct watched) { .sampler = s, .look_wanted = true, .element = SBUF(ELEMENT_BYTES_MAX) };
                snprintf(w->id, sizeof w->id, "%s", id);
                smap_set(&s->by_id, w->id, w);
        }
        w->refs++;
        return w;
}

void sampler_engine_connected(struct sampler *s) {
        smap_foreach(&s->by_id, slot)
                ((struct watched *) slot->value)->look_wanted = true;
        look_more(s);
}

void sampler_engine_event(struct sampler *s, const struct docker_event *e) {
        struct watched *w = smap_get(&s->by_id, e->id);
        if (!w)
                return;
        if (str_eq(e->action, "die") || str_eq(e->action, "destroy"))
                w->pid = 0;
        if (str_eq(e->action, "start") || str_eq(e->action, "destroy")) {
                w->look_wanted = true;
                look_more(s);
        }
}

/* Rounds ----------------------------------------------------------------------------------------------------------- */

static void sample_all(struct sampler *s, int64_t wall_ms) {
        smap_foreach(&s->by_id, slot) {
                struct watched *w = slot->value;
                sbuf_reset(&w->element);
                if (!w->pid)
                        continue;
                if (usage_read_container(s->all->cfg.proc, s->all->cfg.cgroup, w->pid, &s->usage) == 0)
                        usage_format_container(&s->usage, s->memory_bytes, wall_ms, &w->element);
                else
                        w->pid = 0;                     /* it has just ended: its start will be heard */
        }
}

static void add_element(struct sbuf *out, const char *label, const char *element) {
        sbuf_puts(out, out->len > 1 ? ",{\"id\":" : "{\"id\":");
        sbuf_json_string(out, label, strlen(label));
        sbuf_printf(out, ",%s}", element);
}

static void flush(struct channel *c, struct sbuf *out) {
        sbuf_putc(out, ']');
        channel_send(c, out->data, out->len);
        sbuf_reset(out);
        sbuf_putc(out, '[');
}

/* One array, or several when it would not fit into a frame. */
static void tell_containers(struct listener *l) {
        auto_sbuf struct sbuf out = SBUF(FRAME_DATA_MAX);
        sbuf_putc(&out, '[');
        for (size_t i = 0; i < l->members.n; i++) {
                const struct sbuf *e = &l->members.v[i].watched->element;
                if (!e->len || !sbuf_ok(e))
                        continue;
                if (out.len > 1 && out.len + e->len + LABEL_CHARS_MAX * 6 + 32 > FRAME_DATA_MAX)
                        flush(l->channel, &out);
                add_element(&out, l->members.v[i].label, sbuf_str(e));
        }
        if (out.len > 1)
                flush(l->channel, &out);
}

static void on_round(void *arg) {
        struct sampler *s = arg;
        bool containers = false, host = false;
        for (struct listener *l = s->first; l; l = l->next)
                *(l->host ? &host : &containers) |= channel_is_idle(l->channel);
        auto_sbuf struct sbuf out = SBUF(FRAME_DATA_MAX);
        int64_t wall_ms = time_wall_ms();
        s->memory_bytes = usage_host_memory(s->all->cfg.proc);
        if (containers)
                sample_all(s, wall_ms);
        if (host) {
                usage_read_host(s->all->cfg.proc, &s->usage);
                usage_format_host(&s->usage, s->memory_bytes, wall_ms, &out);
        }
        for (struct listener *l = s->first; l; l = l->next) {
                if (!channel_is_idle(l->channel))
                        continue;                       /* slow: it gets the next one */
                if (!l->host) {
                        tell_containers(l);
                        continue;
                }
                auto_sbuf struct sbuf array = SBUF(FRAME_DATA_MAX);
                sbuf_putc(&array, '[');
                add_element(&array, l->label, sbuf_str(&out));
                if (sbuf_ok(&out) && sbuf_ok(&array))
                        flush(l->channel, &array);
        }
}

/* Listeners -------------------------------------------------------------------------------------------------------- */

static struct sampler *sampler_get(struct channels *cs) {
        if (cs->sampler)
                return cs->sampler;
        struct sampler *s = dr_xnew(struct sampler);
        s->all = cs;
        s->timer = timer_new(cs->cfg.loop, on_round, s);
        timer_start_periodic(s->timer, 0, EVERY_MS);
        cs->sampler = s;
        return s;
}

static struct listener *listen_to(struct channel *c, bool host) {
        struct listener *l = dr_xnew(struct listener);
        struct sampler *s = sampler_get(c->all);
        *l = (struct listener) { .channel = c, .sampler = s, .host = host, .next = s->first };
        if (s->first)
                s->first->prev = l;
        s->first = l;
        c->state = l;
        return l;
}

static void stats_close(struct channel *c) {
        struct listener *l = c->state;
        struct sampler *s = l->sampler;
        for (size_t i = 0; i < l->members.n; i++)
                watched_unref(l->members.v[i].watched);
        vec_done(&l->members);
        *(l->prev ? &l->prev->next : &s->first) = l->next;
        if (l->next)
                l->next->prev = l->prev;
        free(l);
        if (s->first)
                return;
        s->all->sampler = NULL;
        timer_free(s->timer);
        smap_done(&s->by_id);
        free(s);
}

static void container_stats_open(struct channel *c, json_object *data) {
        json_object *containers = jv_obj(data, "containers");
        bool raw = jv_bool(data, "raw");
        struct listener *l = listen_to(c, false);
        if (containers && json_object_object_length(containers) > CONTAINERS_MAX)
                return channel_end(c, "InvalidFormat", "more than %d containers are named", CONTAINERS_MAX);
        if (!containers)
                return channel_end(c, "InvalidFormat", "no containers are named");
        json_object_object_foreach(containers, id, name) {
                size_t n = strlen(id);
                struct member m = { 0 };
                bool is_id = n >= 12 && n <= DOCKER_ID_CHARS && strspn(id, "0123456789abcdef") == n;
                if (!is_id && json_object_object_length(containers) > 1)
                        continue;                       /* not made yet: it has no figures, the others have */
                if (!is_id)
                        return channel_end(c, "NotFound", "\"%.80s\" is no id of a container", id);
                snprintf(m.label, sizeof m.label, "%s", raw ? id : jv_text(name));
                m.watched = watch(l->sampler, id);
                vec_push(&l->members, m);
        }
        look_more(l->sampler);
}

static void host_stats_open(struct channel *c, json_object *data) {
        struct listener *l = listen_to(c, true);
        snprintf(l->label, sizeof l->label, "%s", jv_str(data, "resourceId"));
}

const struct channel_kind channel_container_stats = { .name = "containerStats", .open = container_stats_open, .close = stats_close };
const struct channel_kind channel_host_stats = { .name = "hostStats", .open = host_stats_open, .close = stats_close };
