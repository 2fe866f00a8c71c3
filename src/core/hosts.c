#include "adopt.h"
#include "applier.h"

#include "base/log.h"
#include "core-internal.h"
#include "health_checks.h"
#include "formats/json.h"
#include "settings.h"
#include "simagent.h"

#include <stdio.h>

enum { SILENT_HEARTBEATS = 2 };         /* so many missed: its checks no longer count (DESIGN.md) */

struct host_rt {
        int64_t host_id, agent_id;
        struct host_link *link;         /* NULL: not connected */
        uint64_t heard_ms;              /* monotonic */
        uint64_t rev;                   /* of the desired state in this epoch */
        bool synced;                    /* a full report came over this link */
        bool wants_snapshot;
        bool silent;                    /* noted by health_checks.c: whoever it checks was looked at */
        struct adopt_pace pace;
        struct map obs;                 /* instance id -> struct observation */
        VEC(struct desired) outbox;     /* durable, to go with the next flush */
};

struct hosts {
        struct core *core;
        struct map rts;                 /* host id -> struct host_rt */
        struct map links;               /* link -> host_rt */
        VEC(int64_t) dirty;             /* hosts with something in their outbox */
        uint64_t pings;
};

static const char *const state_names[] = {
        [OBS_NONE] = "", [OBS_PULLING] = "pulling", [OBS_CREATING] = "creating", [OBS_RUNNING] = "running",
        [OBS_STOPPED] = "stopped", [OBS_ABSENT] = "absent", [OBS_FAILED] = "failed",
};
const char *observed_state_to_string(enum observed_state s) { return (unsigned) s < ARRAY_LEN(state_names) ? state_names[s] : NULL; }
enum observed_state observed_state_from_string(const char *s) {
        for (unsigned i = OBS_PULLING; i < ARRAY_LEN(state_names); i++)
                if (str_eq(s, state_names[i]))
                        return i;
        return OBS_NONE;
}

struct hosts *hosts_new(struct core *c) {
        struct hosts *h = dr_xnew(struct hosts);
        h->core = c;
        return h;
}

static void observation_free(struct observation *o) {
        text_unref(o->docker_id);
        text_unref(o->ip);
        text_unref(o->error);
        text_unref(o->ports);
        text_unref(o->mounts);
        free(o);
}

static void desired_done(struct desired *d) {
        text_unref(d->spec);
        text_unref(d->docker_id);
}

static void outbox_clear(struct host_rt *rt) {
        for (size_t i = 0; i < rt->outbox.n; i++)
                desired_done(&rt->outbox.v[i]);
        vec_clear(&rt->outbox);
}

static void rt_free(struct host_rt *rt) {
        map_foreach(&rt->obs, s)
                observation_free(s->value);
        map_done(&rt->obs);
        outbox_clear(rt);
        vec_done(&rt->outbox);
        free(rt);
}

void hosts_free(struct hosts *h) {
        map_foreach(&h->rts, s)
                rt_free(s->value);
        map_done(&h->rts);
        map_done(&h->links);
        vec_done(&h->dirty);
        free(h);
}

static struct host_rt *rt_get(const struct core *c, int64_t host_id) { return map_get(&c->hosts->rts, (uint64_t) host_id); }
static struct host_rt *rt_make(struct core *c, int64_t host_id) {
        struct host_rt *rt = rt_get(c, host_id);
        if (!rt) {
                rt = dr_xnew(struct host_rt);
                rt->host_id = host_id;
                map_set(&c->hosts->rts, (uint64_t) host_id, rt);
        }
        return rt;
}
static struct host_rt *rt_of_link(const struct core *c, const struct host_link *l) {
        return map_get(&c->hosts->links, (uint64_t) (uintptr_t) l);
}

static struct record *agent_of(const struct core *c, const struct record *host) {
        return world_get(c->world, T_agent, record_int(host, F_agentId));
}

bool host_usable(const struct core *c, const struct record *host) {
        if (host->state != S_active && host->state != S_updating_active)
                return false;
        const struct record *agent = agent_of(c, host);
        return !record_int(host, F_agentId) || (agent && agent->state == S_active);
}

void hosts_loaded(struct core *c) {
        const struct records *all = world_all(c->world, T_host);
        for (size_t i = 0; i < all->n; i++) {
                struct host_rt *rt = rt_make(c, all->v[i]->id);
                rt->heard_ms = core_mono_ms(c);
                struct record *agent = agent_of(c, all->v[i]);
                if (agent)
                        core_wake(c, agent);
        }
}

/* ---- a host reports itself (agent.md 5, "Server on reply") ---- */
static void put_if_given(struct core *c, struct record *r, enum field_id f, struct json_object *o, const char *key) {
        const char *s = json_str(o, key, NULL);
        if (s && *s)
                core_put_str(c, r, f, s);
}

static void merge_map(struct core *c, struct record *r, enum field_id f, struct json_object *given) {
        if (!given || json_object_object_length(given) == 0)
                return;
        struct json_object *now = record_json(r, f);
        AUTO(json_free) struct json_object *merged = now ? json_copy(now) : json_object_new_object();
        json_object_object_foreach(given, key, v)
                json_set(merged, key, json_copy(v));
        core_put(c, r, f, value_json(merged));
}

static void update_host(struct core *c, struct record *host, struct json_object *o) {
        put_if_given(c, host, F_hostname, o, "hostname");
        put_if_given(c, host, F_agentIpAddress, o, "agentIp");
        struct text *labels = text_ref(record_text(host, F_labels));
        merge_map(c, host, F_labels, json_get_object(o, "labels"));
        struct json_object *info = json_get_object(o, "info");
        if (info && json_object_object_length(info) > 0)
                core_put(c, host, F_info, value_json(info));
        static const struct { enum field_id f; const char *key; } once[] = {
                { F_memory, "memory" }, { F_milliCpu, "milliCpu" }, { F_localStorageMb, "localStorageMb" },
        };
        for (size_t i = 0; i < ARRAY_LEN(once); i++)    /* set only when null: a user's edit sticks */
                if (!record_has(host, once[i].f) && json_int(o, once[i].key, 0) > 0)
                        core_put_int(c, host, once[i].f, json_int(o, once[i].key, 0));
        if (labels && labels != record_text(host, F_labels))
                core_state_changed(c, host, (enum state_id) host->state, (enum state_id) host->state);
        text_unref(labels);
}

/* The one this agent has with that id; one without an agent that was made for it (a machine); else a new one (agent.md 5). */
static struct record *physical_host_of(struct core *c, const struct record *agent, int64_t account, struct json_object *o) {
        struct text *id = text_get(json_str(o, "physicalUuid", ""), strlen(json_str(o, "physicalUuid", "")));
        const struct records *l = world_of_account(c->world, T_physicalHost, account);
        struct record *found = NULL;
        for (size_t i = 0; id->len && i < l->n && !found; i++) {
                int64_t owner = record_int(l->v[i], F_agentId);
                if (record_text(l->v[i], F_externalId) == id && (!owner || owner == agent->id) && l->v[i]->state != S_removing)
                        found = l->v[i];
        }
        text_unref(id);
        if (!found) {
                found = core_create(c, T_physicalHost, account);
                put_if_given(c, found, F_externalId, o, "physicalUuid");
                put_if_given(c, found, F_name, o, "hostname");
        }
        core_put_int(c, found, F_agentId, agent->id);
        return found;
}

/* A host that lost its key and registered anew is known by its uuid (agent.md 1): it is the one that is away, not a second one. One that is
 * connected keeps its row: then two machines have the same uuid. Negative: it is not known yet whether the other one is away. */
static int returning(struct core *c, const struct record *agent, const char *uuid, struct record **ret, struct dr_error *err) {
        const struct records *all = world_by_str(c->world, T_host, F_reportedUuid, uuid);
        for (size_t i = 0; i < all->n; i++) {
                struct record *h = all->v[i];
                const struct record *former = agent_of(c, h);
                if (h->account_id != record_int(agent, F_resourceAccountId) || state_is_gone((enum state_id) h->state) || hosts_connected(c, h))
                        continue;
                if (former && former->state == S_active)
                        return dr_fail(err, DR_E_CONFLICT, "uuid", "a host with this uuid was there a moment ago: connect again when it counts as away");
                *ret = h;
        }
        return 0;
}

static int take_over(struct core *c, struct record *host, struct record *agent, struct dr_error *err) {
        struct record *former = agent_of(c, host), *ph = world_get(c->world, T_physicalHost, record_int(host, F_physicalHostId));
        log_info("a host is back with another key", "name", str_or(record_str(host, F_hostname), ""), "uuid", record_str(host, F_reportedUuid), NULL);
        core_put_int(c, host, F_agentId, agent->id);
        core_put_str(c, host, F_agentState, state_name((enum state_id) agent->state));
        core_clear(c, host, F_removeAfter);
        if (ph)
                core_put_int(c, ph, F_agentId, agent->id);
        const struct records *l = world_by_int(c->world, T_instance, F_hostId, host->id);
        for (size_t i = 0; i < l->n; i++)
                core_wake(c, l->v[i]);
        services_hosts_changed(c, host->account_id);
        /* The former agent's key is worth nothing any more: without a host it goes once it is inactive. */
        return former && core_process_allowed(former, P_agent_deactivate) ? core_process_start(c, former, P_agent_deactivate, NULL, err) : 0;
}

struct record *hosts_report(struct core *c, struct record *agent, struct json_object *o, struct dr_error *err) {
        const char *uuid = json_str(o, "uuid", NULL);
        if (!uuid || !*uuid || strlen(uuid) > 128) {
                dr_fail(err, DR_E_MISSING_REQUIRED, "uuid", "the host's uuid is missing or too long");
                return NULL;
        }
        struct record *host = NULL;
        const struct records *mine = world_by_int(c->world, T_host, F_agentId, agent->id);
        for (size_t i = 0; i < mine->n && !host; i++)
                if (str_eq(record_str(mine->v[i], F_reportedUuid), uuid))
                        host = mine->v[i];
        if (!host && (returning(c, agent, uuid, &host, err) < 0 || (host && take_over(c, host, agent, err) < 0)))
                return NULL;
        if (host) {
                update_host(c, host, o);
                return host;
        }
        int64_t account = record_int(agent, F_resourceAccountId);
        struct record *ph = physical_host_of(c, agent, account, o);
        host = core_create(c, T_host, account);
        if (str_starts(str_or(record_str(agent, F_uri), ""), SIM_URI))
                core_put_str(c, host, F_kind, SIM_HOST_KIND);
        core_put_int(c, host, F_agentId, agent->id);
        core_put_int(c, host, F_physicalHostId, ph->id);
        core_put_str(c, host, F_reportedUuid, uuid);
        core_put_str(c, host, F_agentState, state_name((enum state_id) agent->state));
        merge_map(c, host, F_labels, json_get_object(o, "createLabels"));
        update_host(c, host, o);
        struct record *pool = core_create(c, T_storagePool, account);
        char text[192];
        snprintf(text, sizeof text, "%.100s Storage Pool", json_str(o, "hostname", "host"));
        core_put_str(c, pool, F_name, text);
        core_put_int(c, pool, F_hostId, host->id);
        if ((ph->state == S_requested && core_process_start(c, ph, P_physicalhost_create, NULL, err) < 0) || core_process_start(c, host, P_host_create, NULL, err) < 0 ||
            core_process_start(c, pool, P_storagepool_create, NULL, err) < 0)
                return NULL;
        struct host_rt *rt = rt_make(c, host->id);
        rt->heard_ms = core_mono_ms(c);
        log_info("host registered", "name", json_str(o, "hostname", ""), "uuid", uuid, NULL);
        return host;
}

/* ---- links ---- */
static struct desired desired_of(struct core *c, const struct record *i, enum desired_state state, bool wants_spec) {
        bool native = record_bool(i, F_nativeContainer);
        return (struct desired) {
                .instance_id = i->id, .uuid = i->uuid, .gen = record_int(i, F_generation), .state = state,
                .stop_timeout_s = (int) record_int_or(i, F_desiredStopTimeout, 10),
                .docker_id = native ? text_ref(record_text(i, F_externalId)) : NULL,
                .spec = state == DESIRED_RUNNING && wants_spec && !native ? instance_spec(c, i) : NULL,
        };
}

/* What a host should do with an instance, from its state alone. */
static bool wanted(struct core *c, const struct record *i, enum desired_state *ret) {
        bool native = record_bool(i, F_nativeContainer);
        if (native && (!i->run || adopt_hands_off(c, i, i->run)))
                return false;                   /* nothing is asked of it */
        switch (i->state) {
        case S_starting: case S_running: case S_updating_running:
                *ret = DESIRED_RUNNING;
                break;
        case S_restarting:
                *ret = i->run && i->run->step ? DESIRED_RUNNING : DESIRED_STOPPED;
                break;
        case S_stopped: case S_stopping: case S_updating_stopped:
                *ret = DESIRED_STOPPED;
                break;
        default:
                *ret = DESIRED_ABSENT;
                break;
        }
        return record_int(i, F_generation) > 0;
}

struct pending { struct core *c; int64_t host_id; struct desired d; bool full; VEC(struct desired) all; };

static void send_all(struct core *c, struct host_rt *rt, const struct desired *entries, size_t n, bool full) {
        rt->rev++;
        rt->link->ops->desired(rt->link, entries, n, rt->rev, full);
        (void) c;
}

static void release_snapshot(void *arg, int result) {
        struct pending *p = arg;
        struct host_rt *rt = result < 0 ? NULL : rt_get(p->c, p->host_id);
        if (rt && rt->link && rt->wants_snapshot) {
                rt->wants_snapshot = false;
                outbox_clear(rt);               /* older than the snapshot */
                send_all(p->c, rt, p->all.v, p->all.n, true);
        } else if (result < 0 && (rt = rt_get(p->c, p->host_id)) && rt->link && rt->wants_snapshot && !p->c->fatal) {
                struct record *host = world_get(p->c->world, T_host, p->host_id);
                if (host)
                        core_wake(p->c, host);  /* the idle trigger makes another snapshot */
        }
        for (size_t i = 0; i < p->all.n; i++)
                desired_done(&p->all.v[i]);
        vec_done(&p->all);
        free(p);
}

static void queue_snapshot(struct core *c, struct host_rt *rt) {
        struct pending *p = dr_xnew(struct pending);
        p->c = c;
        p->host_id = rt->host_id;
        rt->wants_snapshot = true;
        const struct records *l = world_by_int(c->world, T_instance, F_hostId, rt->host_id);
        for (size_t i = 0; i < l->n; i++) {
                enum desired_state state;
                /* Left out is enough to be removed, but one whose removal waits for the answer needs it for its own generation. */
                if (wanted(c, l->v[i], &state) && (state != DESIRED_ABSENT || l->v[i]->state == S_removing))
                        vec_push(&p->all, desired_of(c, l->v[i], state, rt->link->ops->wants_spec));
        }
        core_output(c, release_snapshot, p);
}

void hosts_resnapshot(struct core *c, struct record *host) {
        struct host_rt *rt = rt_get(c, host->id);
        if (rt && rt->link && rt->wants_snapshot)
                queue_snapshot(c, rt);
}

void hosts_attach(struct core *c, struct record *host, struct host_link *l, uint64_t known_epoch, uint64_t known_rev) {
        struct host_rt *rt = rt_make(c, host->id);
        if (rt->link && rt->link != l) {
                struct host_link *old = rt->link;
                map_del(&c->hosts->links, (uint64_t) (uintptr_t) old);
                rt->link = NULL;
                old->ops->close(old, "replaced");
        }
        rt->link = l;
        rt->agent_id = record_int(host, F_agentId);
        rt->heard_ms = core_mono_ms(c);
        rt->synced = false;
        map_set(&c->hosts->links, (uint64_t) (uintptr_t) l, rt);
        bool current = known_epoch == core_epoch(c) && known_rev == rt->rev && rt->rev && !rt->outbox.n;
        if (!current)
                queue_snapshot(c, rt);
        struct record *agent = agent_of(c, host);
        if (agent)
                core_wake(c, agent);
}

void hosts_detach(struct core *c, struct host_link *l) {
        struct host_rt *rt = map_del(&c->hosts->links, (uint64_t) (uintptr_t) l);
        if (!rt || rt->link != l)
                return;
        rt->link = NULL;
        rt->synced = false;
        rt->rev += rt->outbox.n > 0;    /* the next link begins with a comparison of revisions */
        outbox_clear(rt);
}

struct host_link *hosts_link(const struct core *c, const struct record *host) {
        const struct host_rt *rt = rt_get(c, host->id);
        return rt ? rt->link : NULL;
}
bool hosts_connected(const struct core *c, const struct record *host) { return hosts_link(c, host) != NULL; }
bool hosts_synced(const struct core *c, int64_t host_id) {
        const struct host_rt *rt = rt_get(c, host_id);
        return rt && rt->link && rt->synced;
}
uint64_t hosts_heard_ms(const struct core *c, int64_t host_id) {
        const struct host_rt *rt = rt_get(c, host_id);
        return rt ? rt->heard_ms : 0;
}

void hosts_heard(struct core *c, struct host_link *l) {
        struct host_rt *rt = rt_of_link(c, l);
        if (!rt)
                return;
        rt->heard_ms = core_mono_ms(c);
        struct record *agent = world_get(c->world, T_agent, rt->agent_id), *host = rt->silent ? world_get(c->world, T_host, rt->host_id) : NULL;
        if (agent && agent->state != S_active)
                core_wake(c, agent);
        if (host) {
                core_wake(c, host);
                health_review_soon(c, host->account_id);
        }
        rt->silent = false;
}

uint64_t hosts_silent_at(struct core *c, int64_t host_id) {
        const struct host_rt *rt = rt_get(c, host_id);
        return rt ? rt->heard_ms + SILENT_HEARTBEATS * (uint64_t) setting_int(c, "drover.host.heartbeat.millis") : UINT64_MAX;
}
bool hosts_silent(struct core *c, int64_t host_id) { return core_mono_ms(c) >= hosts_silent_at(c, host_id); }
bool hosts_note_silent(struct core *c, int64_t host_id) {
        struct host_rt *rt = rt_get(c, host_id);
        bool news = rt && !rt->silent;
        if (news)
                rt->silent = true;
        return news;
}

static struct text *text_or_null(const char *s) { return s && *s ? text_get(s, strlen(s)) : NULL; }

/* The instance a report is about; NULL: there is none here, and for one of drover's the snapshot's silence removes it there. */
static struct record *reported(struct core *c, struct host_rt *rt, const struct observed *o) {
        struct record *i = NULL, *host = o->foreign ? world_get(c->world, T_host, rt->host_id) : NULL;
        if (!o->foreign) {
                char uuid[UUID_CHARS + 1];
                uuid_format(&o->uuid, uuid);
                i = world_by_uuid(c->world, T_instance, uuid);
        } else if (host) {
                i = adopt_seen(c, host, o, &rt->pace);
                if (i && !record_bool(i, F_nativeContainer))
                        i = NULL;       /* one of drover's, told before the host knew whose it is */
        }
        return i && record_int(i, F_hostId) == rt->host_id ? i : NULL;
}

static void observe_one(struct core *c, struct host_rt *rt, struct record *i, const struct observed *o) {
        struct observation *seen = map_get(&rt->obs, (uint64_t) i->id);
        bool was_synced = seen != NULL;
        if (!seen) {
                seen = dr_xnew(struct observation);
                seen->instance_id = i->id;
                map_set(&rt->obs, (uint64_t) i->id, seen);
        }
        int64_t gen = o->foreign ? seen->gen : o->gen;  /* a look at a foreign one says nothing of orders */
        if (gen < seen->gen && was_synced)
                return;                 /* older news */
        bool changed = seen->gen != gen || seen->state != o->state || seen->finished_ms != o->finished_ms || seen->started_ms != o->started_ms;
        seen->gen = gen;
        seen->state = o->state;
        seen->by_silence = false;
        seen->exit_code = o->exit_code;
        seen->started_ms = o->started_ms;
        seen->finished_ms = o->finished_ms;
        struct text *docker_id = text_or_null(o->docker_id), *ip = text_or_null(o->ip), *error = text_or_null(o->error);
        struct text *ports = o->ports && json_object_array_length(o->ports) ? text_from_json(o->ports) : NULL;
        struct text *mounts = o->mounts && json_object_array_length(o->mounts) ? text_from_json(o->mounts) : NULL;
        changed |= seen->mounts != mounts;
        text_unref(seen->mounts);
        seen->mounts = mounts;
        changed |= seen->docker_id != docker_id || seen->ip != ip || seen->error != error || seen->ports != ports;
        text_unref(seen->docker_id);
        text_unref(seen->ip);
        text_unref(seen->error);
        text_unref(seen->ports);
        seen->docker_id = docker_id;
        seen->ip = ip;
        seen->error = error;
        seen->ports = ports;
        if (o->progress && *o->progress && i->run)
                core_progress(c, i, o->progress);
        if (changed || !was_synced)
                core_wake(c, i);
}

void hosts_observed(struct core *c, struct host_link *l, const struct observed *obs, size_t n, bool full) {
        struct host_rt *rt = rt_of_link(c, l);
        if (!rt)
                return;
        hosts_heard(c, l);
        struct map listed = { 0 };
        for (size_t k = 0; k < n; k++) {
                struct record *i = reported(c, rt, &obs[k]);
                if (!i)
                        continue;
                observe_one(c, rt, i, &obs[k]);
                if (full)
                        map_set(&listed, (uint64_t) i->id, i);
        }
        if (full) {
                const struct records *mine = world_by_int(c->world, T_instance, F_hostId, rt->host_id);
                for (size_t k = 0; k < mine->n; k++) {
                        struct record *i = mine->v[k];
                        struct observation *seen = map_get(&rt->obs, (uint64_t) i->id);
                        if (map_get(&listed, (uint64_t) i->id))
                                continue;
                        if (!seen) {
                                seen = dr_xnew(struct observation);
                                seen->instance_id = i->id;
                                map_set(&rt->obs, (uint64_t) i->id, seen);
                        } else if (seen->state == OBS_ABSENT && seen->by_silence) {
                                if (i->state == S_starting || i->state == S_restarting)
                                        hosts_desire(c, i, DESIRED_RUNNING);    /* silent twice: it came and went unreported, or was never made */
                                continue;
                        }
                        seen->state = OBS_ABSENT;
                        seen->by_silence = true;
                        core_wake(c, i);
                }
                if (!rt->synced) {
                        rt->synced = true;
                        struct record *agent = world_get(c->world, T_agent, rt->agent_id);
                        if (agent)
                                core_wake(c, agent);
                        for (size_t k = 0; k < mine->n; k++)
                                core_wake(c, mine->v[k]);
                }
        }
        map_done(&listed);
}

void hosts_ping(struct core *c) { c->hosts->pings++; }
uint64_t hosts_pings(const struct core *c) { return c->hosts->pings; }

bool hosts_request(struct core *c, const struct record *host, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms) {
        struct host_rt *rt = rt_get(c, host->id);
        if (!rt || !rt->link)
                return false;
        rt->link->ops->request(rt->link, id, name, data, deadline_ms);
        return true;
}

const struct observation *hosts_observation(const struct core *c, const struct record *i) {
        const struct host_rt *rt = rt_get(c, record_int(i, F_hostId));
        return rt ? map_get(&rt->obs, (uint64_t) i->id) : NULL;
}

/* ---- desired state, after its commit ---- */
static void release_desired(void *arg, int result) {
        struct pending *p = arg;
        struct host_rt *rt = result < 0 ? NULL : rt_get(p->c, p->host_id);
        if (rt && rt->link && !rt->wants_snapshot) {
                if (!rt->outbox.n)
                        vec_push(&p->c->hosts->dirty, p->host_id);
                vec_push(&rt->outbox, p->d);
        } else {
                desired_done(&p->d);
                if (rt)
                        rt->rev++;      /* missed: what the other side has is old now */
        }
        free(p);
}

void hosts_desire(struct core *c, struct record *i, enum desired_state state) {
        struct host_rt *rt = rt_get(c, record_int(i, F_hostId));
        if (!rt)
                return;                 /* its next link gets a snapshot */
        if (!rt->link) {
                rt->rev++;
                return;
        }
        struct pending *p = dr_xnew(struct pending);
        p->c = c;
        p->host_id = rt->host_id;
        p->d = desired_of(c, i, state, rt->link->ops->wants_spec);
        core_output(c, release_desired, p);
}

void hosts_flush(struct core *c) {
        struct hosts *h = c->hosts;
        for (size_t i = 0; i < h->dirty.n; i++) {
                struct host_rt *rt = rt_get(c, h->dirty.v[i]);
                if (!rt || !rt->outbox.n || !rt->link || rt->wants_snapshot)
                        continue;
                send_all(c, rt, rt->outbox.v, rt->outbox.n, false);
                outbox_clear(rt);
        }
        vec_clear(&h->dirty);
}

void hosts_forget_instance(struct core *c, const struct record *i) {
        struct host_rt *rt = rt_get(c, record_int(i, F_hostId));
        struct observation *o = rt ? map_del(&rt->obs, (uint64_t) i->id) : NULL;
        if (o)
                observation_free(o);
}

void hosts_forget(struct core *c, const struct record *host, const char *reason) {
        struct host_rt *rt = map_del(&c->hosts->rts, (uint64_t) host->id);
        if (!rt)
                return;
        if (rt->link) {
                map_del(&c->hosts->links, (uint64_t) (uintptr_t) rt->link);
                rt->link->ops->close(rt->link, reason);
        }
        rt_free(rt);
}
