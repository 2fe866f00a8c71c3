#include "world.h"

/* The indexed pairs. Text fields are keyed by their interned text, so the key is a pointer. */
static const struct { enum type_id table; enum field_id field; } pairs[] = {
        { T_instance, F_hostId }, { T_instance, F_serviceId }, { T_instance, F_stackId }, { T_instance, F_deploymentUnitUuid },
        { T_instance, F_networkFromId }, { T_instance, F_externalId }, { T_instance, F_name },
        { T_service, F_stackId }, { T_deploymentUnit, F_serviceId },
        { T_serviceConsumeMap, F_serviceId }, { T_serviceConsumeMap, F_consumedServiceId },
        { T_host, F_agentId }, { T_host, F_physicalHostId }, { T_host, F_reportedUuid },
        { T_credential, F_publicValue }, { T_projectMember, F_projectId }, { T_projectMember, F_externalId },
        { T_genericObject, F_key }, { T_agent, F_accountId }, { T_agent, F_registerKey },
        { T_account, F_externalId }, { T_account, F_agentId }, { T_stack, F_name }, { T_volume, F_hostId }, { T_volume, F_externalId }, { T_instanceLink, F_instanceId }, { T_instanceLink, F_targetInstanceId }, { T_setting, F_name },
        { T_token, F_tokenHash }, { T_subnet, F_networkId }, { T_serviceIndex, F_serviceId },
};
enum { PAIRS = ARRAY_LEN(pairs) };

struct table {
        struct records all;
        struct map by_id;
        struct map by_uuid;             /* hash of the uuid; those in another form through the linear slot F_uuid */
        struct map by_account;          /* -> struct records */
        int64_t next_id;
        uint64_t seq;
        uint64_t pairs_mask;
};

struct world {
        struct table tables[T_MAX];
        struct map index[PAIRS];        /* -> struct records */
};

struct world *world_new(void) {
        _Static_assert(PAIRS <= 64, "pairs_mask holds one bit per pair");
        struct world *w = dr_xnew(struct world);
        for (unsigned i = 0; i < T_MAX; i++)
                w->tables[i].next_id = 1;
        for (unsigned i = 0; i < PAIRS; i++)
                w->tables[pairs[i].table].pairs_mask |= BIT(i);
        return w;
}

static void free_buckets(struct map *m) {
        map_foreach(m, s) {
                struct records *l = s->value;
                free(l->v);
                free(l);
        }
        map_done(m);
}

struct world *world_free(struct world *w) {
        if (!w)
                return NULL;
        for (unsigned t = 0; t < T_MAX; t++) {
                struct table *tab = &w->tables[t];
                for (size_t i = 0; i < tab->all.n; i++)
                        record_free(tab->all.v[i]);
                free(tab->all.v);
                map_done(&tab->by_id);
                map_done(&tab->by_uuid);
                free_buckets(&tab->by_account);
        }
        for (unsigned i = 0; i < PAIRS; i++)
                free_buckets(&w->index[i]);
        free(w);
        return NULL;
}

static const struct records none;

static size_t position(const struct records *l, int64_t id) {
        size_t lo = 0, hi = l->n;
        while (lo < hi) {
                size_t mid = (lo + hi) / 2;
                if (l->v[mid]->id < id)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

static void list_add(struct records *l, struct record *r) {
        size_t i = l->n && l->v[l->n - 1]->id < r->id ? l->n : position(l, r->id);
        vec_push(l, r);
        memmove(l->v + i + 1, l->v + i, (l->n - 1 - i) * sizeof *l->v);
        l->v[i] = r;
}

static void list_del(struct records *l, struct record *r) {
        size_t i = position(l, r->id);
        assert(i < l->n && l->v[i] == r);
        vec_remove_at(l, i);
}

static void bucket_add(struct map *m, uint64_t key, struct record *r) {
        struct records *l = map_get(m, key);
        if (!l) {
                l = dr_xnew(struct records);
                map_set(m, key, l);
        }
        list_add(l, r);
}

static void bucket_del(struct map *m, uint64_t key, struct record *r) {
        struct records *l = map_get(m, key);
        assert(l);
        list_del(l, r);
        if (!l->n) {
                map_del(m, key);
                free(l->v);
                free(l);
        }
}

static uint64_t uuid_key(const struct uuid *u) { return hash_bytes(u->b, sizeof u->b); }        /* seeded: nobody can aim at a collision */
static bool uuid_is_zero(const struct uuid *u) {
        static const struct uuid zero;
        return memcmp(u, &zero, sizeof zero) == 0;
}

static bool slot_key(const struct record *r, enum field_id f, uint64_t *ret) {
        const struct slot *s = record_slot(r, f);
        if (!s)
                return false;
        if (s->tag == V_INT)
                *ret = (uint64_t) s->i;
        else if (s->tag >= V_STR)
                *ret = (uint64_t) (uintptr_t) s->t;
        else
                return false;
        return true;
}

static void index_record(struct world *w, struct record *r, bool add) {
        struct table *t = &w->tables[r->type];
        if (r->account_id)
                (add ? bucket_add : bucket_del)(&t->by_account, (uint64_t) r->account_id, r);
        if (!uuid_is_zero(&r->uuid)) {
                if (add)
                        map_set(&t->by_uuid, uuid_key(&r->uuid), r);
                else
                        map_del(&t->by_uuid, uuid_key(&r->uuid));
        }
        for (uint64_t m = t->pairs_mask; m; m &= m - 1) {
                unsigned i = (unsigned) __builtin_ctzll(m);
                uint64_t key;
                if (slot_key(r, pairs[i].field, &key))
                        (add ? bucket_add : bucket_del)(&w->index[i], key, r);
        }
}

struct record *world_get(const struct world *w, enum type_id table, int64_t id) {
        return map_get(&w->tables[table].by_id, (uint64_t) id);
}

struct record *world_by_uuid(const struct world *w, enum type_id table, const char *uuid) {
        const struct table *t = &w->tables[table];
        struct uuid u;
        char plain[UUID_CHARS + 1];
        if (uuid_parse(uuid, &u) == 0 && (uuid_format(&u, plain), str_eq(plain, uuid))) {       /* upper case is another form */
                struct record *r = map_get(&t->by_uuid, uuid_key(&u));
                return r && memcmp(&r->uuid, &u, sizeof u) == 0 ? r : NULL;
        }
        for (size_t i = 0; i < t->all.n; i++)           /* only built-in accounts have such names: few, and first */
                if (str_eq(record_str(t->all.v[i], F_uuid), uuid))
                        return t->all.v[i];
        return NULL;
}

const struct records *world_all(const struct world *w, enum type_id table) { return &w->tables[table].all; }

static const struct records *bucket(const struct map *m, uint64_t key) {
        const struct records *l = map_get(m, key);
        return l ? l : &none;
}

const struct records *world_of_account(const struct world *w, enum type_id table, int64_t account_id) {
        return bucket(&w->tables[table].by_account, (uint64_t) account_id);
}

static const struct records *by_key(const struct world *w, enum type_id table, enum field_id f, uint64_t key) {
        for (unsigned i = 0; i < PAIRS; i++)
                if (pairs[i].table == table && pairs[i].field == f)
                        return bucket(&w->index[i], key);
        assert(!"not an indexed pair: add it to pairs[]");
        return &none;
}

const struct records *world_by_int(const struct world *w, enum type_id table, enum field_id f, int64_t value) {
        return by_key(w, table, f, (uint64_t) value);
}
const struct records *world_by_text(const struct world *w, enum type_id table, enum field_id f, const struct text *value) {
        return by_key(w, table, f, (uint64_t) (uintptr_t) value);
}
const struct records *world_by_str(const struct world *w, enum type_id table, enum field_id f, const char *value) {
        struct text *t = text_get(value, strlen(value));
        const struct records *l = world_by_text(w, table, f, t);
        text_unref(t);                                  /* still held by the records, if there are any */
        return l;
}

int64_t world_next_id(struct world *w, enum type_id table) { return w->tables[table].next_id++; }
void world_set_next_id(struct world *w, enum type_id table, int64_t next) {
        if (next > w->tables[table].next_id)
                w->tables[table].next_id = next;
}
int64_t world_peek_next_id(const struct world *w, enum type_id table) { return w->tables[table].next_id; }
uint64_t world_table_seq(const struct world *w, enum type_id table) { return w->tables[table].seq; }
void world_set_table_seq(struct world *w, enum type_id table, uint64_t seq) { w->tables[table].seq = seq; }

void world_insert(struct world *w, struct record *r) {
        struct table *t = &w->tables[r->type];
        void *former = map_set(&t->by_id, (uint64_t) r->id, r);
        assert(!former);
        list_add(&t->all, r);
        index_record(w, r, true);
        if (r->id >= t->next_id)
                t->next_id = r->id + 1;
}

struct record *world_delete(struct world *w, struct record *r) {
        struct table *t = &w->tables[r->type];
        index_record(w, r, false);
        list_del(&t->all, r);
        map_del(&t->by_id, (uint64_t) r->id);
        return r;
}

void world_put(struct world *w, struct record *r, enum field_id f, struct value v) {
        uint64_t key;
        int at = -1;
        for (uint64_t m = w->tables[r->type].pairs_mask; m; m &= m - 1)
                if (pairs[__builtin_ctzll(m)].field == f)
                        at = __builtin_ctzll(m);
        if (at >= 0 && slot_key(r, f, &key))
                bucket_del(&w->index[at], key, r);
        record_put(r, f, v);
        if (at >= 0 && slot_key(r, f, &key))
                bucket_add(&w->index[at], key, r);
}

void world_set_account(struct world *w, struct record *r, int64_t account_id) {
        struct table *t = &w->tables[r->type];
        if (r->account_id)
                bucket_del(&t->by_account, (uint64_t) r->account_id, r);
        r->account_id = account_id;
        if (r->account_id)
                bucket_add(&t->by_account, (uint64_t) r->account_id, r);
}

void world_replace_content(struct world *w, struct record *r, struct record *with) {
        index_record(w, r, false);
        record_swap_content(r, with);
        index_record(w, r, true);
}
