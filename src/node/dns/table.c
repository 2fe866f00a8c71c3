#include "node/dns/table-internal.h"

#include <arpa/inet.h>

struct dns_table *table_ref(struct dns_table *t) {
        __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
        return t;
}

struct dns_table *table_unref(struct dns_table *t) {
        if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;
        for (size_t i = 0; i < t->n_clients; i++)
                free(t->clients[i].search);
        free(t->clients);
        free(t->client_slots);
        free(t->entries);
        free(t->slots);
        free(t->bytes);
        free(t->authoritative);
        free(t);
        return NULL;
}

/* Eight bytes at a time; who may choose keys is the environment's owner, whose objects are counted, not everybody who asks. */
uint64_t table_hash(uint32_t scope, const uint8_t *p, size_t n) {
        const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
        uint64_t h = (scope + 1) * k ^ n;
        for (; n >= 8; p += 8, n -= 8) {
                uint64_t v;
                memcpy(&v, p, 8);
                h = (h ^ v) * k;
                h ^= h >> 29;
        }
        uint64_t v = 0;
        memcpy(&v, p, n);
        h = (h ^ v) * k;
        return h ^ h >> 32;
}

const struct dns_entry *table_find(const struct dns_table *t, uint32_t scope, const struct dns_name *name) {
        uint64_t hash = table_hash(scope, name->b, name->len);
        for (size_t i = hash & t->slot_mask; t->slots[i].entry; i = (i + 1) & t->slot_mask) {
                if (t->slots[i].tag != (uint32_t) (hash >> 32))
                        continue;
                const struct dns_entry *e = &t->entries[t->slots[i].entry - 1];
                if (e->scope == scope && e->name_bytes == name->len && memcmp(e->name, name->b, name->len) == 0)
                        return e;
        }
        return NULL;
}

static size_t ip_hash(uint32_t ip) { return (ip * UINT32_C(0x9e3779b1)) >> 7; }

const struct dns_client *table_client(const struct dns_table *t, uint32_t ip, uint32_t *ret_scope) {
        uint32_t scope = DNS_EVERYBODY;
        if (ip)
                for (size_t i = ip_hash(ip) & t->client_mask; t->client_slots[i]; i = (i + 1) & t->client_mask)
                        if (t->clients[t->client_slots[i]].ip == ip) {
                                scope = t->client_slots[i];
                                break;
                        }
        if (ret_scope)
                *ret_scope = scope;
        return &t->clients[scope];
}

void table_place_clients(struct dns_table *t) {
        size_t cap = 16;
        while (cap < t->n_clients * 2)
                cap *= 2;
        t->client_mask = cap - 1;
        t->client_slots = dr_xcalloc(cap, sizeof *t->client_slots);
        for (uint32_t c = 1; c < t->n_clients; c++) {
                size_t i = ip_hash(t->clients[c].ip) & t->client_mask;
                while (t->client_slots[i])
                        i = (i + 1) & t->client_mask;
                t->client_slots[i] = c;
        }
}

bool table_is_authoritative(const struct dns_table *t, const struct dns_name *name, const struct dns_name **ret_suffix) {
        for (size_t i = 0; i < t->n_authoritative; i++) {
                if (!dns_name_ends(name, &t->authoritative[i], true))
                        continue;
                if (ret_suffix)
                        *ret_suffix = &t->authoritative[i];
                return true;
        }
        return false;
}

unsigned table_ndots(const struct dns_table *t) { return t->ndots; }
bool table_is_loaded(const struct dns_table *t) { return t->loaded; }
size_t table_names(const struct dns_table *t) { return t->n_entries; }
