#include "record.h"

#include "base/map.h"
#include "formats/json.h"

/* ---- interned text ---- */
static struct { struct text **chains; size_t n, cap; } table;

static void table_grow(void) {
        size_t cap = table.cap ? table.cap * 2 : 1024;
        struct text **chains = dr_xcalloc(cap, sizeof *chains);
        for (size_t i = 0; i < table.cap; i++)
                for (struct text *t = table.chains[i], *next; t; t = next) {
                        next = t->next;
                        t->next = chains[t->hash & (cap - 1)];
                        chains[t->hash & (cap - 1)] = t;
                }
        free(table.chains);
        table.chains = chains;
        table.cap = cap;
}

struct text *text_get(const char *s, size_t len) {
        assert(len < UINT32_MAX);
        uint64_t hash = hash_bytes(s, len);
        if (table.cap)
                for (struct text *t = table.chains[hash & (table.cap - 1)]; t; t = t->next)
                        if (t->hash == hash && t->len == len && memcmp(t->s, s, len) == 0)
                                return text_ref(t);
        if (table.n >= table.cap)
                table_grow();
        struct text *t = dr_xmalloc(sizeof *t + len + 1);
        *t = (struct text) { .refs = 1, .len = (uint32_t) len, .hash = hash };
        memcpy(t->s, s, len);
        t->s[len] = 0;
        t->next = table.chains[hash & (table.cap - 1)];
        table.chains[hash & (table.cap - 1)] = t;
        table.n++;
        return t;
}

struct text *text_ref(struct text *t) {
        if (t)
                t->refs++;
        return t;
}

void text_unref(struct text *t) {
        if (!t || --t->refs)
                return;
        struct text **p = &table.chains[t->hash & (table.cap - 1)];
        while (*p != t)
                p = &(*p)->next;
        *p = t->next;
        if (t->parsed)
                json_object_put(t->parsed);
        free(t);
        if (--table.n == 0) {                           /* nothing left: leak checkers see a clean end */
                free(table.chains);
                table.chains = NULL;
                table.cap = 0;
        }
}

struct json_object *text_json(struct text *t) {
        if (!t)
                return NULL;
        if (!t->parsed && json_parse(t->s, t->len, t->len, &t->parsed, NULL) < 0)
                t->parsed = NULL;
        return t->parsed;
}

struct text *text_from_json(struct json_object *o) {
        auto_sbuf struct sbuf b = SBUF(64 << 20);
        json_canonical(o, &b);
        assert(sbuf_ok(&b));
        return text_get(sbuf_str(&b), b.len);
}

size_t text_count(void) { return table.n; }

/* ---- values ---- */
struct value value_str(const char *s) {
        return s ? (struct value) { .tag = V_STR, .t = text_get(s, strlen(s)) } : value_null();
}
struct value value_json(struct json_object *o) {
        return o ? (struct value) { .tag = V_JSON, .t = text_from_json(o) } : value_null();
}
struct value value_ref(struct value v) {
        if (v.tag >= V_STR)
                text_ref(v.t);
        return v;
}
void value_done(struct value *v) {
        if (v->tag >= V_STR)
                text_unref(v->t);
        v->tag = V_NULL;
}
bool value_eq(struct value a, struct value b) {
        if (a.tag != b.tag)
                return false;
        switch (a.tag) {
        case V_NULL:  return true;
        case V_BOOL:  return a.b == b.b;
        case V_INT:   return a.i == b.i;
        case V_FLOAT: return a.f == b.f;
        default:      return a.t == b.t;
        }
}

/* ---- records ---- */
struct record *record_new(enum type_id type, enum type_id kind, int64_t id) {
        struct record *r = dr_xnew(struct record);
        r->type = (uint16_t) type;
        r->kind = (uint16_t) kind;
        r->id = id;
        return r;
}

static void slot_done(struct slot *s) {
        if (s->tag >= V_STR)
                text_unref(s->t);
}

void record_free(struct record *r) {
        if (!r)
                return;
        for (unsigned i = 0; i < r->n; i++)
                slot_done(&r->slots[i]);
        free(r->slots);
        run_free(r->run);
        free(r);
}

static unsigned lower_bound(const struct record *r, enum field_id f) {
        unsigned lo = 0, hi = r->n;
        while (lo < hi) {
                unsigned mid = (lo + hi) / 2;
                if (r->slots[mid].field < f)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

const struct slot *record_slot(const struct record *r, enum field_id f) {
        unsigned i = lower_bound(r, f);
        return i < r->n && r->slots[i].field == f ? &r->slots[i] : NULL;
}

struct value record_value(const struct record *r, enum field_id f) {
        const struct slot *s = record_slot(r, f);
        if (!s)
                return value_null();
        struct value v = { .tag = s->tag };
        v.i = s->i;                                     /* the widest member */
        return v;
}

void record_put(struct record *r, enum field_id f, struct value v) {
        unsigned i = lower_bound(r, f);
        bool there = i < r->n && r->slots[i].field == f;
        if (there)
                slot_done(&r->slots[i]);
        if (v.tag == V_NULL) {
                if (there) {
                        memmove(r->slots + i, r->slots + i + 1, (r->n - i - 1u) * sizeof *r->slots);
                        r->n--;
                }
                return;
        }
        if (!there) {
                if (r->n == r->cap) {
                        r->cap = (uint16_t) (r->cap ? r->cap + 4 : 8);
                        r->slots = dr_xrealloc(r->slots, r->cap * sizeof *r->slots);
                }
                memmove(r->slots + i + 1, r->slots + i, (r->n - i) * sizeof *r->slots);
                r->n++;
        }
        r->slots[i] = (struct slot) { .field = (uint16_t) f, .tag = (uint8_t) v.tag };
        r->slots[i].i = v.i;
}

int64_t record_int_or(const struct record *r, enum field_id f, int64_t other) {
        const struct slot *s = record_slot(r, f);
        return !s ? other : s->tag == V_INT ? s->i : s->tag == V_BOOL ? s->b : other;
}
int64_t record_int(const struct record *r, enum field_id f) { return record_int_or(r, f, 0); }
bool record_bool(const struct record *r, enum field_id f) { return record_int(r, f) != 0; }
double record_float(const struct record *r, enum field_id f) {
        const struct slot *s = record_slot(r, f);
        return !s ? 0 : s->tag == V_FLOAT ? s->f : s->tag == V_INT ? (double) s->i : 0;
}
struct text *record_text(const struct record *r, enum field_id f) {
        const struct slot *s = record_slot(r, f);
        return s && s->tag >= V_STR ? s->t : NULL;
}
const char *record_str(const struct record *r, enum field_id f) {
        struct text *t = record_text(r, f);
        return t ? t->s : NULL;
}
struct json_object *record_json(const struct record *r, enum field_id f) {
        const struct slot *s = record_slot(r, f);
        return s && s->tag == V_JSON ? text_json(s->t) : NULL;
}

const char *record_uuid(const struct record *r, char buf[RECORD_UUID_MAX]) {
        const char *given = record_str(r, F_uuid);
        if (given)
                return given;
        uuid_format(&r->uuid, buf);
        return buf;
}

void record_set_uuid(struct record *r, const char *uuid) {
        struct uuid u;
        char back[UUID_CHARS + 1];
        bool plain = uuid_parse(uuid, &u) == 0 && (uuid_format(&u, back), str_eq(back, uuid));
        r->uuid = plain ? u : (struct uuid) { { 0 } };
        record_put(r, F_uuid, plain ? value_null() : value_str(uuid));
}

struct run *run_copy(const struct run *run) {
        if (!run)
                return NULL;
        struct run *c = dr_xnew(struct run);
        *c = *run;
        text_ref(c->data);
        text_ref(c->event);
        text_ref(c->reply);
        text_ref(c->error);
        return c;
}

void run_free(struct run *run) {
        if (!run)
                return;
        text_unref(run->data);
        text_unref(run->event);
        text_unref(run->reply);
        text_unref(run->error);
        free(run);
}

struct record *record_copy(const struct record *r) {
        struct record *c = dr_xnew(struct record);
        *c = *r;
        c->undo = NULL;
        c->cap = r->n;
        c->slots = r->n ? dr_xmalloc(r->n * sizeof *c->slots) : NULL;
        for (unsigned i = 0; i < r->n; i++) {
                c->slots[i] = r->slots[i];
                if (c->slots[i].tag >= V_STR)
                        text_ref(c->slots[i].t);
        }
        c->run = run_copy(r->run);
        return c;
}

void record_swap_content(struct record *a, struct record *b) {
        assert(a->id == b->id && a->type == b->type);
        void *ua = a->undo, *ub = b->undo;
        struct record t = *a;
        *a = *b;
        *b = t;
        a->undo = ua;
        b->undo = ub;
}
