#include "metadata-internal.h"

#include "base/sbuf.h"
#include "core/settings.h"

static const char limit_setting[] = "drover.metadata.everything.hosts";

enum { SWEEP_MS = 10000, AHEAD_BYTES = 1 << 20 };       /* so much is made for a host before it has taken what it was sent */

/* ---- what waits for its commit ---- */
static void pump(struct metadata_sub *s);

static void delivery_free(struct md_delivery *d) {
        for (size_t i = 0; i < d->posts.n; i++)
                buf_unref(d->posts.v[i].frame);
        vec_done(&d->posts);
        free(d);
}

static void unlink_delivery(struct md_delivery *d) {
        *(d->prev ? &d->prev->next : &d->all->deliveries) = d->next;
        if (d->next)
                d->next->prev = d->prev;
}

static struct md_delivery *delivery_of(struct md_env *e) {
        if (!e->delivery) {
                struct md_delivery *d = dr_xnew(struct md_delivery);
                d->all = e->all;
                d->env = e;
                d->next = e->all->deliveries;
                if (d->next)
                        d->next->prev = d;
                e->all->deliveries = d;
                e->delivery = d;
        }
        return e->delivery;
}

static void post(struct metadata_sub *s, struct buf *frame) {
        vec_push(&delivery_of(s->env)->posts, ((struct md_post) { s, buf_ref(frame) }));
        s->waiting_bytes += frame->len;
}

static void behind_on(struct metadata_sub *s, struct md_topic *t, uint64_t have);
static void send_self(struct metadata_sub *s);

/* What was told did not come to be, and neither did what follows from it: everybody is brought up from nothing. */
static void start_over(struct md_env *e) {
        md_env_drop_log(e, NULL);
        smap_foreach(&e->topics, slot) {
                struct md_topic *t = slot->value;
                md_frames_done(&t->snapshot);
                for (struct metadata_sub *s = e->first; s; s = s->next)
                        behind_on(s, t, 0);
        }
        for (struct metadata_sub *s = e->first; s; s = s->next) {       /* a frame of its own, or its sync, may have been among them */
                s->self_rev = 0;
                s->sync_due = true;
                send_self(s);
        }
        md_env_mark_all(e);
}

static void release(void *arg, int result) {
        struct md_delivery *d = arg;
        if (d->all)
                unlink_delivery(d);
        for (size_t i = 0; i < d->posts.n; i++) {
                struct metadata_sub *s = d->posts.v[i].sub;
                if (s && result == 0)
                        vec_push(&s->out, buf_ref(d->posts.v[i].frame));
                else if (s)
                        s->waiting_bytes -= d->posts.v[i].frame->len;
        }
        if (d->all && d->env && result < 0)
                start_over(d->env);
        for (size_t i = 0; i < d->posts.n; i++)
                if (d->posts.v[i].sub)
                        pump(d->posts.v[i].sub);
        delivery_free(d);
}

static void deliver(struct md_env *e) {
        struct md_delivery *d = e->delivery;
        e->delivery = NULL;
        if (d)
                core_output(e->all->core, release, d);
}

/* ---- who follows what ---- */
static bool follows(const struct metadata_sub *s, const struct md_topic *t) {
        return s->everything || str_eq(t->name, METADATA_ENV) || smap_get(&s->wanted, t->name);
}

static bool is_behind(const struct metadata_sub *s, const struct md_topic *t) {
        for (size_t i = 0; i < s->behind.n; i++)
                if (s->behind.v[i].topic == t)
                        return true;
        return false;
}

static void behind_on(struct metadata_sub *s, struct md_topic *t, uint64_t have) {
        for (size_t i = 0; i < s->behind.n; i++)
                if (s->behind.v[i].topic == t) {
                        s->behind.v[i].have = have;
                        return;
                }
        if (follows(s, t))
                vec_push(&s->behind, ((struct md_behind) { t, have }));
}

static void up_to_date(struct metadata_sub *s, const struct md_topic *t) {
        for (size_t i = 0; i < s->behind.n; i++)
                if (s->behind.v[i].topic == t) {
                        vec_remove_at(&s->behind, i);
                        return;
                }
}

void md_env_told(struct md_env *e, struct md_topic *t, struct buf *frame) {
        for (struct metadata_sub *s = e->first; s; s = s->next)
                if (follows(s, t) && !is_behind(s, t))
                        post(s, frame);
}

static void post_gone(struct metadata_sub *s, const char *topic) {
        AUTO(buf_unref) struct buf *frame = md_gone_frame(s->env, topic);
        post(s, frame);
}

void md_env_ended(struct md_env *e, struct md_topic *t) {
        for (struct metadata_sub *s = e->first; s; s = s->next) {
                if (follows(s, t))
                        post_gone(s, t->name);
                up_to_date(s, t);
        }
}

static void send_self(struct metadata_sub *s) {
        struct world *w = core_world(s->env->all->core);
        const struct record *host = world_get(w, T_host, s->host_id);
        auto_sbuf struct sbuf text = SBUF(1 << 20), message = SBUF(2 << 20);
        if (!host || !metadata_default_data(w, host, &text))
                return;
        uint64_t rev = metadata_hash("defaultData", sbuf_str(&text), text.len) >> 12 | (UINT64_C(1) << 52);
        if (rev == s->self_rev)
                return;
        s->self_rev = rev;
        sbuf_printf(&message, "{\"t\":\"metadata\",\"epoch\":%llu,\"topic\":\"self\",\"rev\":%llu,\"base\":0,\"set\":{\"defaultData\":%s},\"del\":[]}",
                    (unsigned long long) core_epoch(s->env->all->core), (unsigned long long) rev, sbuf_str(&text));
        AUTO(buf_unref) struct buf *frame = ws_frame_text(sbuf_str(&message), message.len);
        post(s, frame);
}

/* ---- hosts of large environments follow few topics ---- */
static void names_done(struct smap *m) {
        smap_foreach(m, slot)
                free(slot->value);
        smap_done(m);
}

static void want(struct smap *m, const struct world *w, int64_t stack_id) {
        char uuid[RECORD_UUID_MAX];
        const struct record *stack = stack_id ? world_get(w, T_stack, stack_id) : NULL;
        char *name = dr_xasprintf("stack/%s", stack ? record_uuid(stack, uuid) : "-");
        if (smap_get(m, name))
                free(name);
        else
                smap_set(m, name, name);
}

/* The stacks of its containers and those that their services link to. */
static struct smap wanted_of(const struct world *w, int64_t host_id) {
        const struct records *l = world_by_int(w, T_instance, F_hostId, host_id);
        struct smap m = { 0 };
        struct map stacks = { 0 };
        for (size_t i = 0; i < l->n; i++) {
                int64_t stack = record_int(l->v[i], F_stackId);
                want(&m, w, stack);
                if (stack)
                        map_set(&stacks, (uint64_t) stack, &stacks);
        }
        map_foreach(&stacks, slot) {
                const struct records *services = world_by_int(w, T_service, F_stackId, (int64_t) slot->key);
                for (size_t i = 0; i < services->n; i++) {
                        const struct records *links = world_by_int(w, T_serviceConsumeMap, F_serviceId, services->v[i]->id);
                        for (size_t k = 0; k < links->n; k++) {
                                const struct record *to = world_get(w, T_service, record_int(links->v[k], F_consumedServiceId));
                                if (to)
                                        want(&m, w, record_int(to, F_stackId));
                        }
                }
        }
        map_done(&stacks);
        return m;
}

static bool is_small(struct md_env *e) {
        int64_t max = setting_int(e->all->core, limit_setting);
        return (int64_t) world_of_account(core_world(e->all->core), T_host, e->account_id)->n <= max;
}

/* Follows what it should from now on: what it followed before and no more is ended, what is new it has nothing of. */
static void review(struct metadata_sub *s) {
        struct md_env *e = s->env;
        bool everything = is_small(e), had_everything = s->everything;
        if (everything && had_everything)
                return;
        struct smap had = s->wanted;
        s->wanted = everything ? (struct smap) { 0 } : wanted_of(core_world(e->all->core), s->host_id);
        s->everything = everything;
        smap_foreach(&e->topics, slot) {
                struct md_topic *t = slot->value;
                bool before = had_everything || str_eq(t->name, METADATA_ENV) || smap_get(&had, t->name), now = follows(s, t);
                if (now && !before)
                        behind_on(s, t, 0);
                if (before && !now) {
                        up_to_date(s, t);
                        post_gone(s, t->name);
                }
        }
        names_done(&had);
}

/* ---- sending ---- */
static void pump_out(struct metadata_sub *s) {
        while (s->out_at < s->out.n && s->ops->queued_bytes(s->arg) < AHEAD_BYTES) {
                struct buf *b = s->out.v[s->out_at++];
                s->waiting_bytes -= b->len;
                s->ops->send(s->arg, b);
                buf_unref(b);
        }
        if (s->out_at == s->out.n) {
                vec_clear(&s->out);
                s->out_at = 0;
        }
}

static void bring_up(struct metadata_sub *s) {
        struct md_behind b = s->behind.v[0];
        md_frames frames = { 0 };
        vec_remove_at(&s->behind, 0);
        /* While its snapshot is made changes may be found: they are in it, so they do not go to this host. */
        vec_push(&s->behind, b);
        bool lives = md_topic_frames(s->env, b.topic, b.have, &frames);
        if (lives)
                up_to_date(s, b.topic);
        for (size_t i = 0; lives && i < frames.n; i++)
                post(s, frames.v[i]);
        md_frames_done(&frames);
}

static void pump(struct metadata_sub *s) {
        if (s->pumping)
                return;
        s->pumping = true;
        pump_out(s);
        while (s->behind.n && s->waiting_bytes + s->ops->queued_bytes(s->arg) < AHEAD_BYTES) {
                bring_up(s);
                deliver(s->env);
                pump_out(s);
        }
        if (s->sync_due && !s->behind.n) {
                static const char form[] = "{\"t\":\"metadata\",\"epoch\":%llu,\"sync\":true}";
                auto_free char *text = dr_xasprintf(form, (unsigned long long) core_epoch(s->env->all->core));
                AUTO(buf_unref) struct buf *frame = ws_frame_text(text, strlen(text));
                s->sync_due = false;
                post(s, frame);
                deliver(s->env);
                pump_out(s);
        }
        s->pumping = false;
}

void metadata_drained(struct metadata_sub *s) { pump(s); }

void md_env_due(struct md_env *e) {
        bool placed = e->placed, selves = e->selves;
        e->placed = e->selves = false;
        md_env_pass(e);
        for (struct metadata_sub *s = e->first; s; s = s->next) {
                if (placed)
                        review(s);
                if (selves)
                        send_self(s);
        }
        deliver(e);
        for (struct metadata_sub *s = e->first; s; s = s->next)
                pump(s);
}

/* ---- changes ---- */
static void on_change(void *arg, const struct record *r) {
        struct metadata *m = arg;
        if (!m->envs.n || !r->type)
                return;
        bool limit = r->type == T_setting && str_eq(record_name(r), limit_setting);
        if (r->type != T_region && r->type != T_agent && !limit) {
                struct md_env *e = map_get(&m->envs, (uint64_t) metadata_account(r));
                if (e)
                        md_env_changed(e, r);
                return;
        }
        map_foreach(&m->envs, slot) {
                struct md_env *e = slot->value;
                if (r->type == T_agent) {
                        md_env_changed(e, r);
                        continue;
                }
                e->placed |= limit;
                md_env_mark(e, T_account, e->account_id);
        }
}

/* ---- subscriptions ---- */
static struct md_topic *topic_by_name(struct md_env *e, const char *name) { return smap_get(&e->topics, name); }

static void take_revisions(struct metadata_sub *s, struct json_object *have) {
        size_t n = 0;
        if (!json_object_is_type(have, json_type_object))
                return;
        json_object_object_foreach(have, name, v) {
                struct md_topic *t = topic_by_name(s->env, name);
                int64_t rev = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
                if (n++ >= METADATA_RESUME_TOPICS_MAX)
                        return;
                if (str_eq(name, "self"))
                        s->self_rev = (uint64_t) rev;
                else if (t && follows(s, t))
                        behind_on(s, t, (uint64_t) rev);
                else
                        post_gone(s, name);
        }
}

void metadata_resume(struct metadata_sub *s, struct json_object *have) {
        bool all = !json_object_is_type(have, json_type_object) || !json_object_object_length(have);
        if (all) {
                s->self_rev = 0;
                smap_foreach(&s->env->topics, slot)
                        behind_on(s, slot->value, 0);
        }
        take_revisions(s, have);
        send_self(s);
        s->sync_due = true;
        deliver(s->env);
        pump(s);
}

struct metadata_sub *metadata_subscribe(struct metadata *m, int64_t host_id, struct json_object *have, const struct metadata_ops *ops, void *arg) {
        const struct record *host = world_get(core_world(m->core), T_host, host_id);
        const struct record *project = host ? world_get(core_world(m->core), T_account, host->account_id) : NULL;
        if (!project || project->kind != T_project)
                return NULL;
        struct md_env *e = map_get(&m->envs, (uint64_t) project->id);
        if (!e) {
                e = md_env_new(m, project->id);
                map_set(&m->envs, (uint64_t) project->id, e);
        }
        struct metadata_sub *s = dr_xnew(struct metadata_sub);
        s->env = e;
        s->host_id = host_id;
        s->ops = ops;
        s->arg = arg;
        s->everything = is_small(e);
        if (!s->everything)
                s->wanted = wanted_of(core_world(m->core), host_id);
        s->next = e->first;
        if (e->first)
                e->first->prev = s;
        e->first = s;
        smap_foreach(&e->topics, slot)
                behind_on(s, slot->value, 0);
        take_revisions(s, have);
        send_self(s);
        s->sync_due = true;
        deliver(e);
        pump(s);
        return s;
}

struct metadata_sub *metadata_unsubscribe(struct metadata_sub *s) {
        if (!s)
                return NULL;
        struct md_env *e = s->env;
        *(s->prev ? &s->prev->next : &e->first) = s->next;
        if (s->next)
                s->next->prev = s->prev;
        for (struct md_delivery *d = e->all->deliveries; d; d = d->next)
                for (size_t i = 0; i < d->posts.n; i++)
                        if (d->posts.v[i].sub == s)
                                d->posts.v[i].sub = NULL;
        for (; s->out_at < s->out.n; s->out_at++)
                buf_unref(s->out.v[s->out_at]);
        vec_done(&s->out);
        vec_done(&s->behind);
        names_done(&s->wanted);
        if (!e->first)
                e->empty_ms = loop_now_ms(e->all->loop);
        free(s);
        return NULL;
}

/* ---- life ---- */
static void env_end(struct metadata *m, struct md_env *e) {
        for (struct md_delivery *d = m->deliveries; d; d = d->next)
                if (d->env == e)
                        d->env = NULL;
        (void) map_del(&m->envs, (uint64_t) e->account_id);
        md_env_free(e);
}

static void on_sweep(void *arg) {
        struct metadata *m = arg;
        uint64_t now = loop_now_ms(m->loop);
        struct md_env *over = NULL;
        map_foreach(&m->envs, slot) {
                struct md_env *e = slot->value;
                md_env_sweep(e, now);
                if (!e->first && now >= e->empty_ms + LINGER_MS)
                        over = e;
        }
        if (over)                               /* one each time: more follow */
                env_end(m, over);
}

struct metadata *metadata_new(struct loop *l, struct core *c) {
        struct metadata *m = dr_xnew(struct metadata);
        m->loop = l;
        m->core = c;
        m->sweep = timer_new(l, on_sweep, m);
        timer_unref(m->sweep);
        timer_start_periodic(m->sweep, SWEEP_MS, SWEEP_MS);
        core_on_change(c, on_change, m);
        return m;
}

struct metadata *metadata_free(struct metadata *m) {
        if (!m)
                return NULL;
        for (struct md_delivery *d = m->deliveries; d; d = d->next) {
                d->all = NULL;
                for (size_t i = 0; i < d->posts.n; i++)
                        d->posts.v[i].sub = NULL;
        }
        for (;;) {
                struct md_env *e = NULL;
                map_foreach(&m->envs, slot)
                        e = slot->value;
                if (!e)
                        break;
                (void) map_del(&m->envs, (uint64_t) e->account_id);
                md_env_free(e);
        }
        map_done(&m->envs);
        timer_free(m->sweep);
        free(m);
        return NULL;
}

struct metadata_stats metadata_stats(const struct metadata *m) {
        struct metadata_stats st = { .environments = m->envs.n, .messages = m->messages };
        map_foreach(&m->envs, slot) {
                const struct md_env *e = slot->value;
                st.topics += e->topics.n;
                st.log_bytes += e->log_bytes;
                smap_foreach(&e->topics, t)
                        st.objects += ((struct md_topic *) t->value)->n_items;
                for (const struct metadata_sub *s = e->first; s; s = s->next)
                        st.subscribers++;
        }
        return st;
}
