/* metadata_topics.c: an environment's topics: which objects they hold, as hashes, and the messages from one revision to the next. */
#include "metadata-internal.h"

#include "base/sbuf.h"
#include "base/times.h"

#define REV_BITS ((UINT64_C(1) << 52) - 1)

/* 53 bits, never 0: exact in every JSON reader. */
uint64_t md_topic_rev(const struct md_topic *t) { return (UINT64_C(1) << 52) | (t->sum & REV_BITS); }

void md_frames_done(md_frames *f) {
        for (size_t i = 0; i < f->n; i++)
                buf_unref(f->v[i]);
        vec_done(f);
}

static void items_done(md_items *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i].key);
        vec_done(l);
}

static char marked;                     /* what a mark points to */

/* ---- messages ---- */
static struct sbuf message_begin(struct md_env *e, const char *topic) {
        struct sbuf b = SBUF(MESSAGE_BYTES_MAX);
        sbuf_printf(&b, "{\"t\":\"metadata\",\"epoch\":%llu,\"topic\":", (unsigned long long) core_epoch(e->all->core));
        sbuf_json_string(&b, topic, strlen(topic));
        return b;
}

static struct buf *message_end(struct sbuf *b) {
        sbuf_putc(b, '}');
        struct buf *frame = sbuf_ok(b) ? ws_frame_text(sbuf_str(b), b->len) : NULL;
        sbuf_done(b);
        return frame;
}

struct buf *md_gone_frame(struct md_env *e, const char *topic) {
        struct sbuf b = message_begin(e, topic);
        sbuf_puts(&b, ",\"rev\":0,\"gone\":true");
        return message_end(&b);
}

static void add_member(struct sbuf *b, const char *key, const char *json, size_t len) {
        sbuf_puts(b, b->len ? "," : "");
        sbuf_json_string(b, key, strlen(key));
        sbuf_putc(b, ':');
        sbuf_add(b, json, len);
}

/* What has gathered becomes a message from the last one's revision to now. */
static void tell(struct md_env *e, struct md_topic *t) {
        uint64_t rev = md_topic_rev(t);
        if (!t->set.len && !t->del.len)
                return;
        struct sbuf b = message_begin(e, t->name);
        if (e->quiet)
                b.max = 0;
        sbuf_printf(&b, ",\"rev\":%llu,\"base\":%llu,\"set\":{", (unsigned long long) rev, (unsigned long long) t->told_rev);
        sbuf_add(&b, sbuf_str(&t->set), t->set.len);
        sbuf_printf(&b, "},\"del\":[%s]", sbuf_str(&t->del));
        struct buf *frame = message_end(&b);
        sbuf_done(&t->set);
        sbuf_done(&t->del);
        t->set = t->del = (struct sbuf) SBUF(MESSAGE_BYTES_MAX);
        if (!frame) {                           /* nobody to tell it to; or larger than any message may be: those that follow it ask again */
                t->told_rev = rev;
                return;
        }
        vec_push(&e->log, ((struct md_log_row) { t, t->told_rev, rev, buf_ref(frame) }));
        e->log_bytes += frame->len;
        t->told_rev = rev;
        e->all->messages++;
        md_env_told(e, t, frame);
        buf_unref(frame);
}

/* ---- topics ---- */
static struct md_topic *topic_get(struct md_env *e, const char *name) {
        struct md_topic *t = smap_get(&e->topics, name);
        if (t)
                return t;
        t = dr_xnew(struct md_topic);
        t->name = dr_xstrdup(name);
        t->set = t->del = (struct sbuf) SBUF(MESSAGE_BYTES_MAX);
        smap_set(&e->topics, t->name, t);
        return t;
}

static void topic_free(struct md_topic *t) {
        md_frames_done(&t->snapshot);
        vec_done(&t->groups);
        sbuf_done(&t->set);
        sbuf_done(&t->del);
        free(t->name);
        free(t);
}

static void touch(struct md_env *e, struct md_topic *t) {
        for (size_t i = e->touched.n; i-- > 0;)
                if (e->touched.v[i] == t)
                        return;
        vec_push(&e->touched, t);
}

static void log_remove(struct md_env *e, size_t i) {
        e->log_bytes -= e->log.v[i].frame->len;
        buf_unref(e->log.v[i].frame);
}

void md_env_drop_log(struct md_env *e, const struct md_topic *t) {
        size_t kept = 0;
        for (size_t i = 0; i < e->log.n; i++)
                if (!t || e->log.v[i].topic == t)
                        log_remove(e, i);
                else
                        e->log.v[kept++] = e->log.v[i];
        e->log.n = kept;
}

static void trim_log(struct md_env *e) {
        size_t n = 0;
        while (e->log_bytes > LOG_BYTES_MAX)
                log_remove(e, n++);
        if (n)
                memmove(e->log.v, e->log.v + n, (e->log.n - n) * sizeof *e->log.v);
        e->log.n -= n;
}

/* ---- groups ---- */
struct built { md_items items; VEC(size_t) from; VEC(size_t) len; struct sbuf text; };

static void on_put(void *arg, const char *key, const char *json, size_t len) {
        struct built *b = arg;
        struct md_item item = { NULL, metadata_hash(key, json, len) };
        size_t i = 0;
        while (i < b->items.n && !str_eq(b->items.v[i].key, key))
                i++;
        if (i == b->items.n) {
                item.key = dr_xstrdup(key);
                vec_push(&b->items, item);
                vec_push(&b->from, b->text.len);
                vec_push(&b->len, len);
        } else {
                b->items.v[i].hash = item.hash;
                b->from.v[i] = b->text.len;
                b->len.v[i] = len;
        }
        sbuf_add(&b->text, json, len);
}

static void built_done(struct built *b) {
        items_done(&b->items);
        vec_done(&b->from);
        vec_done(&b->len);
        sbuf_done(&b->text);
}

static const struct md_item *item_of(const md_items *l, const char *key) {
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->v[i].key, key))
                        return &l->v[i];
        return NULL;
}

static void join(struct md_group *g, struct md_topic *t) {
        g->topic = t;
        g->at = t->groups.n;
        vec_push(&t->groups, g);
}

static void leave(struct md_group *g) {
        struct md_topic *t = g->topic;
        struct md_group *last = t->groups.v[t->groups.n - 1];
        t->groups.v[g->at] = last;
        last->at = g->at;
        t->groups.n--;
        g->topic = NULL;
}

static void item_out(struct md_topic *t, const struct md_item *i) {
        t->sum -= i->hash;
        t->n_items--;
}

static void item_deleted(struct md_env *e, struct md_topic *t, const struct md_item *i) {
        item_out(t, i);
        sbuf_puts(&t->del, t->del.len ? "," : "");
        sbuf_json_string(&t->del, i->key, strlen(i->key));
        touch(e, t);
}

static void item_set(struct md_env *e, struct md_topic *t, const struct md_item *i, const char *json, size_t len) {
        t->sum += i->hash;
        t->n_items++;
        add_member(&t->set, i->key, json, len);
        touch(e, t);
}

/* ---- snapshots ---- */
static void capture(struct md_env *e, struct md_topic *t, const char *key, const char *json, size_t len) {
        if (!t || e->capture != t)
                return;
        if (!e->pieces.n || e->pieces.v[e->pieces.n - 1].len + len > PIECE_BYTES)
                vec_push(&e->pieces, (struct sbuf) SBUF(MESSAGE_BYTES_MAX));
        add_member(&e->pieces.v[e->pieces.n - 1], key, json, len);
}

/* All of a topic's objects, looked at anew: what has changed meanwhile goes to those that follow it. False: the topic has ended. */
static bool make_snapshot(struct md_env *e, struct md_topic *t) {
        for (size_t i = 0; i < t->groups.n; i++)
                map_set(&e->dirty, t->groups.v[i]->key, &marked);
        md_frames_done(&t->snapshot);
        e->capture = t;
        md_env_pass(e);
        bool lives = e->capture != NULL;
        e->capture = NULL;
        uint64_t rev = lives ? md_topic_rev(t) : 0;
        for (size_t i = 0; i < e->pieces.n; i++) {
                struct sbuf *p = &e->pieces.v[i];
                struct sbuf b = message_begin(e, lives ? t->name : "");
                sbuf_printf(&b, ",\"rev\":%llu,\"base\":%llu,\"set\":{", (unsigned long long) rev, (unsigned long long) (i ? rev : 0));
                sbuf_add(&b, sbuf_str(p), p->len);
                sbuf_puts(&b, i + 1 < e->pieces.n ? "},\"del\":[],\"more\":true" : "},\"del\":[]");
                struct buf *frame = message_end(&b);
                if (frame && lives)
                        vec_push(&t->snapshot, frame);
                else
                        buf_unref(frame);
                sbuf_done(p);
        }
        vec_done(&e->pieces);
        if (lives) {
                t->snapshot_rev = rev;
                t->snapshot_ms = loop_now_ms(e->all->loop);
        }
        return lives;
}

/* The log's messages from `have` on; false: it does not reach back so far. */
static bool from_log(const struct md_env *e, const struct md_topic *t, uint64_t have, md_frames *ret) {
        size_t first = e->log.n;
        for (size_t i = e->log.n; have && i-- > 0 && first == e->log.n;)
                if (e->log.v[i].topic == t && e->log.v[i].base == have)
                        first = i;
        for (size_t i = first; i < e->log.n; i++)
                if (e->log.v[i].topic == t)
                        vec_push(ret, buf_ref(e->log.v[i].frame));
        return first < e->log.n;
}

bool md_topic_frames(struct md_env *e, struct md_topic *t, uint64_t have, md_frames *ret) {
        if (have && have == t->told_rev)
                return true;
        if (from_log(e, t, have, ret))
                return true;
        if ((!t->snapshot.n || t->snapshot_rev != t->told_rev) && !make_snapshot(e, t))
                return false;
        for (size_t i = 0; i < t->snapshot.n; i++)
                vec_push(ret, buf_ref(t->snapshot.v[i]));
        return true;
}

void md_env_sweep(struct md_env *e, uint64_t now_ms) {
        smap_foreach(&e->topics, s) {
                struct md_topic *t = s->value;
                if (t->snapshot.n && now_ms >= t->snapshot_ms + SNAPSHOT_KEEP_MS)
                        md_frames_done(&t->snapshot);
        }
}

/* ---- groups ---- */
/* Whatever of the record's objects is not as it was told last goes into its topic's next message. */
static void rebuild(struct md_env *e, uint64_t key) {
        struct md_group *g = map_get(&e->groups, key);
        const struct record *r = world_get(core_world(e->all->core), (enum type_id) (key >> 48), (int64_t) (key & 0xffffffffffffu));
        struct built b = { .text = SBUF(64 << 20) };
        char name[METADATA_TOPIC_MAX] = METADATA_ENV;
        if (r && metadata_account(r) == e->account_id)
                metadata_build(core_world(e->all->core), r, name, on_put, &b);
        struct md_topic *t = b.items.n && sbuf_ok(&b.text) ? topic_get(e, name) : NULL;
        if (!g && t) {
                g = dr_xnew(struct md_group);
                g->key = key;
                map_set(&e->groups, key, g);
        }
        for (size_t i = 0; g && g->topic && i < g->items.n; i++)
                if (g->topic != t || !item_of(&b.items, g->items.v[i].key))
                        item_deleted(e, g->topic, &g->items.v[i]);
        for (size_t i = 0; t && i < b.items.n; i++) {
                const struct md_item *old = g->topic == t ? item_of(&g->items, b.items.v[i].key) : NULL;
                if (old && old->hash != b.items.v[i].hash)
                        item_out(t, old);
                if (!old || old->hash != b.items.v[i].hash)
                        item_set(e, t, &b.items.v[i], sbuf_str(&b.text) + b.from.v[i], b.len.v[i]);
                capture(e, t, b.items.v[i].key, sbuf_str(&b.text) + b.from.v[i], b.len.v[i]);
        }
        if (g) {
                if (g->topic && g->topic != t)
                        leave(g);
                if (t && g->topic != t)
                        join(g, t);
                items_done(&g->items);
                g->items = b.items;
                b.items = (md_items) { 0 };
                if (!t && !r) {
                        (void) map_del(&e->groups, key);
                        items_done(&g->items);
                        free(g);
                } else if (!t) {
                        items_done(&g->items);
                }
        }
        built_done(&b);
        for (size_t i = 0; i < e->touched.n; i++)
                if (e->touched.v[i]->set.len + e->touched.v[i]->del.len >= PIECE_BYTES)
                        tell(e, e->touched.v[i]);
}

/* ---- marks ---- */
static void schedule(struct md_env *e) {
        if (timer_is_running(e->flush))
                return;
        uint64_t now = loop_now_ms(e->all->loop), due = e->flushed_ms + e->gap_ms;
        timer_start(e->flush, due > now + FIRST_MS ? due - now : FIRST_MS);
}

void md_env_mark(struct md_env *e, enum type_id table, int64_t id) {
        if (id > 0) {
                map_set(&e->dirty, (uint64_t) table << 48 | (uint64_t) id, &marked);
                schedule(e);
        }
}

void md_env_mark_all(struct md_env *e) {
        static const enum type_id tables[] = { T_host, T_network, T_stack, T_service, T_instance };
        struct world *w = core_world(e->all->core);
        md_env_mark(e, T_account, e->account_id);
        for (size_t k = 0; k < ARRAY_LEN(tables); k++) {
                const struct records *l = world_of_account(w, tables[k], e->account_id);
                for (size_t i = 0; i < l->n; i++)
                        md_env_mark(e, tables[k], l->v[i]->id);
        }
        map_foreach(&e->groups, s)
                map_set(&e->dirty, s->key, &marked);
}

static void on_mark(void *arg, enum type_id table, int64_t id) {
        struct md_env *e = arg;
        const struct record *r = world_get(core_world(e->all->core), table, id);
        if (map_get(&e->groups, (uint64_t) table << 48 | (uint64_t) id) || (r && metadata_account(r) == e->account_id))
                md_env_mark(e, table, id);
}

void md_env_changed(struct md_env *e, const struct record *r) {
        struct world *w = core_world(e->all->core);
        struct md_group *g = map_get(&e->groups, (uint64_t) r->type << 48 | (uint64_t) r->id);
        uint64_t seen = metadata_seen(w, r);
        bool is_new = metadata_makes((enum type_id) r->type) ? !g || g->seen != seen : true;
        if (g)
                g->seen = seen;
        metadata_related(w, r, is_new, on_mark, e);
        e->placed |= r->type == T_instance || r->type == T_serviceConsumeMap || r->type == T_host;
        e->selves |= r->type == T_host || r->type == T_agent || r->type == T_account;
}

/* ---- a pass ---- */
static int by_number(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
        return x < y ? -1 : x > y;
}

static void end_topic(struct md_env *e, struct md_topic *t) {
        if (t->told_rev)
                md_env_ended(e, t);
        md_env_drop_log(e, t);
        (void) smap_del(&e->topics, t->name);
        if (e->capture == t)
                e->capture = NULL;
        topic_free(t);
}

void md_env_pass(struct md_env *e) {
        struct world *w = core_world(e->all->core);
        uint64_t began = time_mono_ms();
        VEC(uint64_t) keys = { 0 };
        map_foreach(&e->dirty, s)
                vec_push(&keys, s->key);
        map_done(&e->dirty);
        e->dirty = (struct map) { 0 };
        vec_sort(&keys, by_number);
        for (size_t i = 0; i < keys.n; i++) {
                rebuild(e, keys.v[i]);
                struct md_group *g = map_get(&e->groups, keys.v[i]);
                const struct record *r = g && !g->seen ? world_get(w, (enum type_id) (g->key >> 48), (int64_t) (g->key & 0xffffffffffffu)) : NULL;
                if (r)
                        g->seen = metadata_seen(w, r);
        }
        for (size_t i = 0; i < e->touched.n; i++) {
                struct md_topic *t = e->touched.v[i];
                if (t->n_items)
                        tell(e, t);
                else
                        end_topic(e, t);
        }
        vec_clear(&e->touched);
        trim_log(e);
        e->flushed_ms = loop_now_ms(e->all->loop);
        e->gap_ms = keys.n > BUSY_RECORDS || time_mono_ms() - began > BUSY_MS ? BUSY_GAP_MS : GAP_MS;
        vec_done(&keys);
}

/* ---- life ---- */
static void on_flush(void *arg) { md_env_due(arg); }

struct md_env *md_env_new(struct metadata *m, int64_t account_id) {
        struct md_env *e = dr_xnew(struct md_env);
        e->all = m;
        e->account_id = account_id;
        e->gap_ms = GAP_MS;
        e->flush = timer_new(m->loop, on_flush, e);
        e->quiet = true;
        md_env_mark_all(e);
        md_env_pass(e);
        e->quiet = false;
        e->flushed_ms = 0;
        e->gap_ms = GAP_MS;
        timer_stop(e->flush);
        return e;
}

void md_env_free(struct md_env *e) {
        timer_free(e->flush);
        md_env_drop_log(e, NULL);
        vec_done(&e->log);
        smap_foreach(&e->topics, s)
                topic_free(s->value);
        smap_done(&e->topics);
        map_foreach(&e->groups, s) {
                struct md_group *g = s->value;
                items_done(&g->items);
                free(g);
        }
        map_done(&e->groups);
        map_done(&e->dirty);
        vec_done(&e->touched);
        free(e);
}
