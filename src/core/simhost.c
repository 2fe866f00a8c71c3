#include "simhost.h"

#include "core-internal.h"
#include "formats/json.h"
#include "simstream.h"

#include <stdio.h>

enum { CONNECT_DELAY_MS = 10, REBOOT_MS = 20000, LIFE_MIN_MS = 500, LIFE_MAX_MS = 5000, SHUTDOWN_MAX_MS = 86400000 };

/* What the words in a container's definition ask for. */
struct steering {
        char docker_id[UUID_CHARS + 1], ip[16];
        bool image_fails, start_fails, stop_fails, remove_fails, forget, disconnect;
        uint64_t shutdown_ms;           /* vanishes so long after its start; 0: stays */
        char another[64];               /* Docker id of a container that nobody asked for, made with this one; "": none */
};

struct container {
        struct uuid uuid;
        int64_t gen;                    /* of the newest desired entry */
        int64_t obeyed;                 /* generation reported */
        int64_t started_gen;            /* generation that was started */
        enum desired_state want;
        enum observed_state state;
        uint64_t due_ms;                /* an operation ends; 0: none */
        uint64_t dies_ms;               /* ends by itself; 0: not */
        int64_t started_ms, finished_ms;
        bool failed;
        char error[64];
        bool unreported;
        char foreign[64];               /* Docker id of one that drover did not make; "": it did */
        bool claimed;                   /* foreign, and desired by the uuid it has here */
        struct steering *steering;      /* of steered hosts */
};

struct simhost {
        struct host_link link;          /* first: the core's view of it */
        struct simhosts *set;
        int index;
        char uuid[72], name[64], physical[72];
        int64_t agent_id, host_id;
        struct map containers;          /* first 8 bytes of the uuid -> struct container */
        uint64_t epoch, rev;
        uint64_t next_beat_ms, next_full_ms, next_work_ms, connect_ms;
        bool attached, cut, removed;
        uint64_t down_until_ms;         /* rebooting */
        struct simstreams *streams;     /* NULL: none was opened yet */
};

struct simhosts {
        struct core *core;
        struct simhosts_conf conf;
        VEC(struct simhost *) hosts;
        VEC(char *) replies;            /* ids of requests to answer */
        struct rng rng;
};

static uint64_t key_of(const struct uuid *u) {
        uint64_t k;
        memcpy(&k, u->b, sizeof k);
        return k;
}

static uint64_t now_ms(const struct simhosts *s) { return core_mono_ms(s->core); }

static uint64_t op_ms(struct simhosts *s) {
        uint64_t lo = s->conf.op_min_ms, hi = s->conf.op_max_ms;
        return lo + (hi > lo ? rng_below(&s->rng, hi - lo + 1) : 0);
}

static void schedule(struct simhost *h, uint64_t at) { h->next_work_ms = MIN(h->next_work_ms, at); }

/* ---- steering ---- */
static const char *const FAIL_IMAGE = "storage.image.activate", *const FAIL_START = "compute.instance.activate", *const FAIL_STOP = "compute.instance.deactivate",
                  *const FAIL_REMOVE = "compute.instance.remove";

static bool fails_at(const char *spec, const char *event) {
        char text[64];
        snprintf(text, sizeof text, "%s::fail", event);
        return strstr(spec, text);
}

static struct container *foreign_of(struct simhost *h, const char *docker_id) {
        map_foreach(&h->containers, slot)
                if (str_eq(((struct container *) slot->value)->foreign, docker_id))
                        return slot->value;
        return NULL;
}

static void make_foreign(struct simhost *h, const char *docker_id) {
        struct container *k = foreign_of(h, docker_id) ? NULL : dr_xnew(struct container);
        if (!k)
                return;
        uuid_make(core_rng(h->set->core), &k->uuid);
        snprintf(k->foreign, sizeof k->foreign, "%s", docker_id);
        k->state = OBS_RUNNING;
        k->started_ms = core_wall_ms(h->set->core);
        map_set(&h->containers, key_of(&k->uuid), k);
}

/* A foreign container is asked for something: from now on it has the uuid that the core gave it. */
static void claim(struct simhost *h, const struct desired *d) {
        struct container *k = foreign_of(h, d->docker_id->s);
        if (!k || k->claimed)
                return;
        map_del(&h->containers, key_of(&k->uuid));
        k->uuid = d->uuid;
        k->claimed = true;
        k->gen = k->obeyed = k->started_gen = 0;
        map_set(&h->containers, key_of(&k->uuid), k);
}

static void steer(struct simhost *h, struct container *k, const char *spec) {
        static const char shutdown[] = "simShutdownAfter\":\"", another[] = "simCreateAnother_";
        struct steering *t = k->steering;
        if (!t) {
                struct uuid id;
                t = k->steering = dr_xnew(struct steering);
                uuid_make(core_rng(h->set->core), &id);
                uuid_format(&id, t->docker_id);
                snprintf(t->ip, sizeof t->ip, "10.42.%u.%u", k->uuid.b[0], 1 + k->uuid.b[1] % 254);
        }
        t->image_fails = fails_at(spec, FAIL_IMAGE);
        t->start_fails = fails_at(spec, FAIL_START);
        t->stop_fails = fails_at(spec, FAIL_STOP);
        t->remove_fails = fails_at(spec, FAIL_REMOVE);
        t->forget = strstr(spec, "simForgetImmediately");
        t->disconnect = strstr(spec, "simDisconnectAgent");
        const char *at = strstr(spec, shutdown);
        t->shutdown_ms = 0;
        for (const char *p = at ? at + sizeof shutdown - 1 : ""; *p >= '0' && *p <= '9' && t->shutdown_ms < SHUTDOWN_MAX_MS; p++)
                t->shutdown_ms = t->shutdown_ms * 10 + (uint64_t) (*p - '0') * 1000;
        at = strstr(spec, another);
        if (at)
                snprintf(t->another, sizeof t->another, "%.*s", (int) strcspn(at + sizeof another - 1, "\"\\ ,"), at + sizeof another - 1);
        if (*t->another)
                make_foreign(h, t->another);
}

static void fail(struct container *k, const char *event) {
        k->failed = true;
        snprintf(k->error, sizeof k->error, "Failing [%s]", event);
}

/* Answers nothing more, and neither do the other hosts of its agent. */
static void disconnect_agent(struct simhost *h) {
        for (size_t i = 0; i < h->set->hosts.n; i++)
                if (h->set->hosts.v[i]->agent_id == h->agent_id)
                        simhosts_cut(h->set, (int) i, true);
}

static void container_free(struct container *k) {
        if (k)
                free(k->steering);
        free(k);
}

/* ---- the core's side ---- */
static void want(struct simhost *h, const struct desired *d) {
        struct simhosts *s = h->set;
        if (d->docker_id)
                claim(h, d);
        struct container *k = map_get(&h->containers, key_of(&d->uuid));
        if (!k) {
                k = dr_xnew(struct container);
                k->uuid = d->uuid;
                k->state = OBS_ABSENT;
                map_set(&h->containers, key_of(&d->uuid), k);
        }
        if (d->gen < k->gen)
                return;
        k->gen = d->gen;
        k->want = d->state;
        if (d->spec)
                steer(h, k, d->spec->s);
        k->failed = false;
        k->due_ms = now_ms(s) + op_ms(s);
        schedule(h, k->due_ms);
}

static void on_desired(struct host_link *l, const struct desired *entries, size_t n, uint64_t rev, bool full) {
        struct simhost *h = (struct simhost *) l;
        if (h->cut || h->down_until_ms > now_ms(h->set))
                return;                 /* lost on the way: the revision tells at the next connect */
        h->epoch = core_epoch(h->set->core);
        h->rev = rev;
        struct map listed = { 0 };
        for (size_t i = 0; i < n; i++) {
                if (h->set->conf.told)
                        h->set->conf.told(h->set->conf.told_arg, &entries[i].uuid, entries[i].gen, entries[i].state);
                want(h, &entries[i]);
                if (full)
                        map_set(&listed, key_of(&entries[i].uuid), h);
        }
        if (full)
                map_foreach(&h->containers, slot) {
                        struct container *k = slot->value;
                        if (map_get(&listed, slot->key) || (k->state == OBS_ABSENT && !k->due_ms))
                                continue;
                        if (*k->foreign) {
                                k->claimed = false;
                                continue;
                        }
                        k->want = DESIRED_ABSENT;
                        k->due_ms = now_ms(h->set) + op_ms(h->set);
                        schedule(h, k->due_ms);
                }
        map_done(&listed);
}

static void on_request(struct host_link *l, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms) {
        struct simhost *h = (struct simhost *) l;
        (void) name;
        (void) data;
        (void) deadline_ms;
        if (!h->cut)
                vec_push(&h->set->replies, dr_xstrdup(id));     /* with the next turn: nothing is answered from inside the question */
}

static void lose_streams(struct simhost *h) {
        if (h->streams)
                simstreams_lose(h->streams);
}

static void on_close(struct host_link *l, const char *reason) {
        struct simhost *h = (struct simhost *) l;
        h->attached = false;
        h->removed = str_eq(reason, "removed");
        lose_streams(h);
}

static int on_stream_open(struct host_link *l, struct host_stream *st, const char *kind, struct json_object *data, struct dr_error *err) {
        struct simhost *h = (struct simhost *) l;
        if (!h->streams)
                h->streams = simstreams_new(h->set->core);
        return simstreams_open(h->streams, st, kind, data, err);
}
static void on_stream_send(struct host_link *l, struct host_stream *st, unsigned kind, const void *p, size_t n) {
        simstreams_send(((struct simhost *) l)->streams, st, kind, p, n);
}
static void on_stream_forget(struct host_link *l, struct host_stream *st) { simstreams_forget(((struct simhost *) l)->streams, st); }

static const struct host_link_ops ops = {
        .desired = on_desired, .request = on_request, .close = on_close,
        .stream_open = on_stream_open, .stream_send = on_stream_send, .stream_forget = on_stream_forget,
};
static const struct host_link_ops steered_ops = {
        .wants_spec = true, .desired = on_desired, .request = on_request, .close = on_close,
        .stream_open = on_stream_open, .stream_send = on_stream_send, .stream_forget = on_stream_forget,
};

/* ---- life of containers ---- */
static void finish_op(struct simhost *h, struct container *k) {
        struct simhosts *s = h->set;
        k->due_ms = 0;
        k->unreported = true;
        k->obeyed = k->gen;
        bool fails = s->conf.fail_per_mille && rng_chance(&s->rng, s->conf.fail_per_mille);
        const struct steering *t = k->steering;
        switch (k->want) {
        case DESIRED_RUNNING:
                if (k->state == OBS_RUNNING || (k->state == OBS_STOPPED && k->started_gen >= k->gen))
                        break;
                if (fails) {
                        k->state = k->state == OBS_STOPPED ? OBS_STOPPED : OBS_ABSENT;
                        k->failed = true;
                        snprintf(k->error, sizeof k->error, "simulated failure");
                        break;
                }
                if (t && (t->image_fails || t->start_fails)) {
                        fail(k, t->image_fails ? FAIL_IMAGE : FAIL_START);
                        break;
                }
                k->state = OBS_RUNNING;
                k->started_gen = k->gen;
                k->started_ms = core_wall_ms(s->core);
                k->dies_ms = s->conf.die_per_mille && rng_chance(&s->rng, s->conf.die_per_mille)
                                     ? now_ms(s) + LIFE_MIN_MS + rng_below(&s->rng, LIFE_MAX_MS - LIFE_MIN_MS) : 0;
                if (t && t->shutdown_ms)
                        k->dies_ms = now_ms(s) + t->shutdown_ms;
                if (k->dies_ms)
                        schedule(h, k->dies_ms);
                if (t && t->disconnect)
                        disconnect_agent(h);
                break;
        case DESIRED_STOPPED:
                if (t && t->stop_fails)
                        fail(k, FAIL_STOP);
                else if (k->state == OBS_RUNNING) {
                        k->state = OBS_STOPPED;
                        k->finished_ms = core_wall_ms(s->core);
                }
                break;
        case DESIRED_ABSENT:
                if (t && t->remove_fails && k->state != OBS_ABSENT)
                        fail(k, FAIL_REMOVE);
                else
                        k->state = OBS_ABSENT;
                break;
        }
}

static void fill(const struct container *k, struct observed *o) {
        *o = (struct observed) { .uuid = k->uuid, .gen = k->obeyed, .state = k->failed ? OBS_FAILED : k->state, .error = k->failed ? k->error : NULL,
                                 .started_ms = k->started_ms, .finished_ms = k->finished_ms };
        if (*k->foreign && k->state != OBS_ABSENT)
                o->docker_id = k->foreign;
        if (*k->foreign && !k->claimed) {
                o->foreign = true;
                o->docker_id = o->name = k->foreign;
                o->image = "sim:foo";
        }
        if (k->steering && k->state != OBS_ABSENT) {
                o->docker_id = k->steering->docker_id;
                o->ip = k->state == OBS_RUNNING ? k->steering->ip : NULL;
        }
        if (k->failed && k->want != DESIRED_RUNNING) {  /* it runs on, and says why */
                o->state = k->state;
                o->gen = k->gen - 1;
                o->progress = k->error;
        }
}

static void report(struct simhost *h, bool full) {
        struct simhosts *s = h->set;
        if (!h->attached || h->cut)
                return;
        VEC(struct observed) list = { 0 };
        VEC(uint64_t) gone = { 0 };
        map_foreach(&h->containers, slot) {
                struct container *k = slot->value;
                if (!full && !k->unreported)
                        continue;
                unsigned lie = !full && s->conf.lie_per_mille && rng_chance(&s->rng, s->conf.lie_per_mille) ? 1 + (unsigned) rng_below(&s->rng, 3) : 0;
                k->unreported = false;
                if (full && k->state == OBS_ABSENT && !k->failed) {
                        if (!k->due_ms)
                                vec_push(&gone, slot->key);
                        continue;
                }
                struct observed o;
                fill(k, &o);
                if (lie == 1)
                        continue;               /* lost */
                if (lie == 2 && o.gen > 0)
                        o.gen--;                /* an old story */
                vec_push(&list, o);
                if (lie == 3)
                        vec_push(&list, o);     /* told twice */
                if (k->steering && k->steering->forget && k->state == OBS_RUNNING)
                        k->state = OBS_ABSENT;          /* the next report misses it */
        }
        if (list.n || full)
                hosts_observed(s->core, &h->link, list.v, list.n, full);
        for (size_t i = 0; i < gone.n; i++)
                container_free(map_del(&h->containers, gone.v[i]));
        vec_done(&gone);
        vec_done(&list);
}

static void connect_host(struct simhost *h) {
        struct simhosts *s = h->set;
        struct core *c = s->core;
        struct record *agent = world_get(core_world(c), T_agent, h->agent_id);
        h->connect_ms = UINT64_MAX;
        if (!agent)
                return;
        AUTO(json_free) struct json_object *o = json_object_new_object();
        json_set_str(o, "uuid", h->uuid);
        json_set_str(o, "physicalUuid", h->physical);
        json_set_str(o, "hostname", h->name);
        json_set_str(o, "agentIp", "127.0.0.1");
        json_set_int(o, "memory", INT64_C(8) << 30);
        json_set_int(o, "milliCpu", 4000);
        struct record *host = hosts_report(c, agent, o, NULL);
        if (!host)
                return;
        h->host_id = host->id;
        h->attached = true;
        hosts_attach(c, host, &h->link, h->epoch, h->rev);
        report(h, true);
        h->next_beat_ms = s->conf.quiet ? UINT64_MAX : now_ms(s) + s->conf.heartbeat_ms;
        h->next_full_ms = s->conf.quiet ? UINT64_MAX : now_ms(s) + s->conf.full_report_ms;
}

static void reboot_done(struct simhost *h) {
        h->down_until_ms = 0;
        map_foreach(&h->containers, slot) {     /* what was desired running comes back by itself, as the agent does it */
                struct container *k = slot->value;
                if (k->want == DESIRED_RUNNING && k->state == OBS_STOPPED) {
                        k->state = OBS_RUNNING;
                        k->started_gen = k->gen;
                        k->unreported = true;
                }
        }
        h->connect_ms = now_ms(h->set) + CONNECT_DELAY_MS;
}

static void host_turn(struct simhost *h) {
        struct simhosts *s = h->set;
        uint64_t now = now_ms(s);
        if (h->down_until_ms) {
                if (now < h->down_until_ms)
                        return;
                reboot_done(h);
        }
        if (h->next_work_ms <= now) {
                h->next_work_ms = UINT64_MAX;
                map_foreach(&h->containers, slot) {
                        struct container *k = slot->value;
                        if (k->due_ms && k->due_ms <= now)
                                finish_op(h, k);
                        if (k->dies_ms && k->dies_ms <= now) {
                                k->dies_ms = 0;
                                if (k->state == OBS_RUNNING) {
                                        k->state = k->steering && k->steering->shutdown_ms ? OBS_ABSENT : OBS_STOPPED;
                                        k->finished_ms = core_wall_ms(s->core);
                                        k->unreported = true;
                                }
                        }
                        if (k->due_ms)
                                schedule(h, k->due_ms);
                        if (k->dies_ms)
                                schedule(h, k->dies_ms);
                }
                report(h, false);
        }
        if (h->connect_ms <= now && !h->cut && !h->removed)
                connect_host(h);
        if (h->attached && !h->cut && h->next_beat_ms <= now) {
                hosts_heard(s->core, &h->link);
                h->next_beat_ms = now + s->conf.heartbeat_ms;
        }
        if (h->attached && !h->cut && h->next_full_ms <= now) {
                report(h, true);
                h->next_full_ms = now + s->conf.full_report_ms;
        }
        if (h->streams && h->attached && !h->cut)
                simstreams_turn(h->streams);
}

static uint64_t host_next(const struct simhost *h) {
        if (h->down_until_ms)
                return h->down_until_ms;
        uint64_t next = MIN(h->next_work_ms, h->cut || h->removed ? UINT64_MAX : h->connect_ms);
        if (h->attached && !h->cut)
                next = MIN(next, MIN(h->next_beat_ms, h->next_full_ms));
        if (h->attached && !h->cut && h->streams)
                next = MIN(next, simstreams_next_ms(h->streams));
        return next;
}

/* ---- the owner's side ---- */
struct simhosts *simhosts_new(struct core *c, const struct simhosts_conf *conf) {
        struct simhosts *s = dr_xnew(struct simhosts);
        s->core = c;
        simhosts_faults(s, conf);
        rng_seed(&s->rng, rng_u64(core_rng(c)));
        return s;
}

void simhosts_faults(struct simhosts *s, const struct simhosts_conf *conf) {
        s->conf = *conf;
        if (!s->conf.heartbeat_ms)
                s->conf.heartbeat_ms = 5000;
        if (!s->conf.full_report_ms)
                s->conf.full_report_ms = 60000;
}

void simhosts_free(struct simhosts *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->hosts.n; i++) {
                struct simhost *h = s->hosts.v[i];
                map_foreach(&h->containers, slot)
                        container_free(slot->value);
                map_done(&h->containers);
                simstreams_free(h->streams);
                free(h);
        }
        vec_done(&s->hosts);
        while (s->replies.n)
                free(vec_pop(&s->replies));
        vec_done(&s->replies);
        free(s);
}

int simhosts_add_to(struct simhosts *s, const struct record *agent, const char *uuid, const char *name, const char *physical) {
        struct simhost *h = dr_xnew(struct simhost);
        h->link.ops = s->conf.steered ? &steered_ops : &ops;
        h->set = s;
        h->index = (int) s->hosts.n;
        snprintf(h->name, sizeof h->name, "%s", name);
        snprintf(h->uuid, sizeof h->uuid, "%s", uuid);
        snprintf(h->physical, sizeof h->physical, "%s", physical);
        h->agent_id = agent->id;
        h->next_work_ms = UINT64_MAX;
        h->connect_ms = now_ms(s);
        vec_push(&s->hosts, h);
        return h->index;
}

int simhosts_add(struct simhosts *s, int64_t account_id, const char *name) {
        struct core *c = s->core;
        char uuid[40], uri[64];
        snprintf(uuid, sizeof uuid, "sim-%lld-%zu", (long long) account_id, s->hosts.n);
        const struct records *known = world_by_str(core_world(c), T_agent, F_registerKey, uuid);
        struct record *agent = known->n ? known->v[0] : NULL;           /* of a former run of this program */
        if (!agent) {
                agent = core_create(c, T_agent, 0);
                core_put_int(c, agent, F_resourceAccountId, account_id);
                core_put_str(c, agent, F_registerKey, uuid);
                snprintf(uri, sizeof uri, "sim://%s", uuid);
                core_put_str(c, agent, F_uri, uri);
                (void) core_process_start(c, agent, P_agent_create, NULL, NULL);        /* allowed: it is new */
        }
        return simhosts_add_to(s, agent, uuid, name, "");
}

void simhosts_ping(struct simhosts *s, int64_t agent_id) {
        for (size_t i = 0; i < s->hosts.n; i++) {
                struct simhost *h = s->hosts.v[i];
                if (h->agent_id != agent_id || h->cut || h->removed || h->down_until_ms)
                        continue;
                if (h->attached)
                        h->next_full_ms = now_ms(s);
                else
                        h->connect_ms = now_ms(s);
        }
}

void simhosts_rejoin(struct simhosts *s, struct core *c) {
        s->core = c;
        for (size_t i = 0; i < s->hosts.n; i++) {
                struct simhost *h = s->hosts.v[i];
                const struct records *l = world_by_str(core_world(c), T_agent, F_registerKey, h->uuid);
                h->attached = false;
                h->removed = l->n == 0;
                h->agent_id = l->n ? l->v[0]->id : 0;
                h->connect_ms = now_ms(s) + CONNECT_DELAY_MS;
        }
}

static void answer(struct simhosts *s) {
        while (s->replies.n) {
                auto_free char *id = vec_pop(&s->replies);
                (void) core_reply(s->core, id, NULL);
        }
}

void simhosts_turn(struct simhosts *s) {
        answer(s);
        for (size_t i = 0; i < s->hosts.n; i++)
                if (host_next(s->hosts.v[i]) <= now_ms(s))
                        host_turn(s->hosts.v[i]);
}

uint64_t simhosts_next_ms(const struct simhosts *s) {
        uint64_t next = s->replies.n ? 0 : UINT64_MAX;
        for (size_t i = 0; i < s->hosts.n; i++)
                next = MIN(next, host_next(s->hosts.v[i]));
        return next;
}

void simhosts_cut(struct simhosts *s, int host, bool cut) {
        struct simhost *h = s->hosts.v[host];
        if (h->cut == cut)
                return;
        h->cut = cut;
        if (cut)
                return;
        if (h->attached) {                      /* the connection did not survive: a new one, with a comparison */
                hosts_detach(s->core, &h->link);
                h->attached = false;
                lose_streams(h);
        }
        h->connect_ms = now_ms(s) + CONNECT_DELAY_MS;
}

void simhosts_reboot(struct simhosts *s, int host) {
        struct simhost *h = s->hosts.v[host];
        if (h->attached)
                hosts_detach(s->core, &h->link);
        h->attached = false;
        lose_streams(h);
        h->down_until_ms = now_ms(s) + REBOOT_MS;
        map_foreach(&h->containers, slot) {
                struct container *k = slot->value;
                if (k->state == OBS_RUNNING)
                        k->state = OBS_STOPPED;
                k->finished_ms = core_wall_ms(s->core);
        }
}

static struct container *running_one(struct simhost *h, struct rng *r) {
        struct container *found = NULL;
        uint64_t n = 0;
        map_foreach(&h->containers, slot) {
                struct container *k = slot->value;
                if (k->state == OBS_RUNNING && rng_below(r, ++n) == 0)
                        found = k;
        }
        return found;
}

void simhosts_kill_container(struct simhosts *s, int host, struct rng *r) {
        struct container *k = running_one(s->hosts.v[host], r);
        if (!k)
                return;
        k->state = OBS_STOPPED;
        k->finished_ms = core_wall_ms(s->core);
        k->unreported = true;
        schedule(s->hosts.v[host], now_ms(s));
}

void simhosts_remove_container(struct simhosts *s, int host, struct rng *r) {
        struct container *k = running_one(s->hosts.v[host], r);
        if (!k)
                return;
        k->state = OBS_ABSENT;
        k->unreported = true;
        schedule(s->hosts.v[host], now_ms(s));
}

size_t simhosts_count(const struct simhosts *s) { return s->hosts.n; }

void simhosts_each(const struct simhosts *s, void (*fn)(void *arg, int host, const struct uuid *uuid, bool running), void *arg) {
        for (size_t i = 0; i < s->hosts.n; i++)
                map_foreach(&s->hosts.v[i]->containers, slot) {
                        const struct container *k = slot->value;
                        if (k->state == OBS_RUNNING || k->state == OBS_STOPPED)
                                fn(arg, (int) i, &k->uuid, k->state == OBS_RUNNING);
                }
}

struct record *simhosts_record(const struct simhosts *s, int host) {
        return world_get(core_world(s->core), T_host, s->hosts.v[host]->host_id);
}
