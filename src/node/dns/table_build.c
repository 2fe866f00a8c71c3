#include "node/dns/table-internal.h"

#include "base/parse.h"
#include "base/vec.h"

#include <arpa/inet.h>

enum { TABLE_BYTES_MAX = 256 << 20, NEVER_MAX = 64 };

/* While building, entries name their data by offset + 1 in bytes; builder_finish() turns these into pointers. */
struct table_builder {
        uint32_t ttl;
        unsigned ndots;
        VEC(struct dns_entry) entries;
        VEC(uint32_t) chain;                    /* per entry: next with the same bucket, + 1 */
        uint32_t *buckets;
        size_t n_buckets;
        VEC(struct dns_client) clients;
        VEC(struct dns_name) authoritative;
        struct { unsigned n; char v[NEVER_MAX][INET6_ADDRSTRLEN]; } never;
        struct sbuf bytes;
};

struct table_builder *builder_new(uint32_t ttl, unsigned ndots) {
        struct table_builder *b = dr_xnew(struct table_builder);
        b->ttl = ttl;
        b->ndots = ndots;
        b->bytes.max = TABLE_BYTES_MAX;
        b->n_buckets = 1024;
        b->buckets = dr_xcalloc(b->n_buckets, sizeof *b->buckets);
        vec_push(&b->clients, (struct dns_client) { 0 });
        return b;
}

struct table_builder *builder_free(struct table_builder *b) {
        if (!b)
                return NULL;
        for (size_t i = 0; i < b->clients.n; i++)
                free(b->clients.v[i].search);
        vec_done(&b->clients);
        vec_done(&b->entries);
        vec_done(&b->chain);
        vec_done(&b->authoritative);
        free(b->buckets);
        sbuf_done(&b->bytes);
        free(b);
        return NULL;
}

int builder_scope(struct table_builder *b, const char *ip, uint32_t *ret_scope) {
        struct in_addr a = { 0 };
        if (ip && (inet_pton(AF_INET, ip, &a) != 1 || a.s_addr == 0))
                return -EINVAL;
        for (uint32_t i = 0; i < b->clients.n; i++)
                if (b->clients.v[i].ip == a.s_addr) {
                        *ret_scope = i;
                        return 0;
                }
        vec_push(&b->clients, ((struct dns_client) { .ip = a.s_addr }));
        *ret_scope = (uint32_t) b->clients.n - 1;
        return 0;
}

void builder_search(struct table_builder *b, uint32_t scope, const char *domain) {
        struct dns_client *c = &b->clients.v[scope];
        struct dns_name name;
        if (c->n_search == DNS_SEARCH_MAX || dns_name_from_text(domain, &name) < 0 || name.len == 1)
                return;
        dns_name_lower(&name);
        c->search = dr_xrealloc(c->search, (c->n_search + 1) * sizeof *c->search);
        c->search[c->n_search++] = name;
}

void builder_clear_lists(struct table_builder *b, uint32_t scope, bool search, bool recursers) {
        if (search)
                b->clients.v[scope].n_search = 0;
        if (recursers)
                b->clients.v[scope].n_own = b->clients.v[scope].recursers.n = 0;
}

void builder_never_recurse(struct table_builder *b, const char *address) {
        if (b->never.n < NEVER_MAX && strlen(address) < sizeof b->never.v[0])
                memcpy(b->never.v[b->never.n++], address, strlen(address) + 1);
}

/* Splits "ADDRESS", "ADDRESS:PORT", "[V6]", "[V6]:PORT". */
static int server_address(const char *server, struct sockaddr_storage *ret, char host[INET6_ADDRSTRLEN]) {
        const char *from = server, *end = server + strlen(server), *port = NULL;
        uint64_t number = 53;
        if (*server == '[') {
                from++;
                end = strchr(from, ']');
                if (!end || (end[1] && end[1] != ':'))
                        return -EINVAL;
                port = end[1] ? end + 2 : NULL;
        } else {
                const char *colon = strchr(server, ':');
                if (colon && !strchr(colon + 1, ':')) {
                        end = colon;
                        port = colon + 1;
                }
        }
        if (end == from || end - from >= INET6_ADDRSTRLEN || (port && (parse_u64(port, 65535, &number) < 0 || number == 0)))
                return -EINVAL;
        memcpy(host, from, (size_t) (end - from));
        host[end - from] = 0;
        memset(ret, 0, sizeof *ret);
        struct sockaddr_in *v4 = (void *) ret;
        struct sockaddr_in6 *v6 = (void *) ret;
        if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons((uint16_t) number);
                return 0;
        }
        if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t) number);
                return 0;
        }
        return -EINVAL;
}

bool builder_recurser(struct table_builder *b, uint32_t scope, const char *server) {
        struct dns_client *c = &b->clients.v[scope];
        struct sockaddr_storage a;
        char host[INET6_ADDRSTRLEN];
        if (c->recursers.n == DNS_RECURSERS_MAX || server_address(server, &a, host) < 0)
                return false;
        if (str_starts(host, "127.") || str_eq(host, "::1") || str_eq(host, "0.0.0.0") || str_eq(host, "169.254.169.250"))
                return false;
        for (unsigned i = 0; i < b->never.n; i++)
                if (str_eq(host, b->never.v[i]))
                        return false;
        c->recursers.v[c->recursers.n++] = a;
        c->n_own = c->recursers.n;
        return true;
}

void builder_authoritative(struct table_builder *b, const char *suffix) {
        struct dns_name name;
        if (dns_name_from_text(suffix, &name) < 0 || name.len == 1)
                return;
        dns_name_lower(&name);
        for (size_t i = 0; i < b->authoritative.n; i++)
                if (b->authoritative.v[i].len == name.len && memcmp(b->authoritative.v[i].b, name.b, name.len) == 0)
                        return;
        vec_push(&b->authoritative, name);
}

static const uint8_t *keep(struct table_builder *b, const void *p, size_t n) {
        uintptr_t at = b->bytes.len + 1;
        sbuf_add(&b->bytes, p, n);
        return (const uint8_t *) at;
}

static void grow(struct table_builder *b) {
        if (b->entries.n < b->n_buckets)
                return;
        b->n_buckets *= 2;
        b->buckets = dr_xrealloc(b->buckets, b->n_buckets * sizeof *b->buckets);
        memset(b->buckets, 0, b->n_buckets * sizeof *b->buckets);
        for (size_t i = 0; i < b->entries.n; i++) {
                struct dns_entry *e = &b->entries.v[i];
                const uint8_t *name = (const uint8_t *) b->bytes.data + (uintptr_t) e->name - 1;
                uint32_t *head = &b->buckets[table_hash(e->scope, name, e->name_bytes) & (b->n_buckets - 1)];
                b->chain.v[i] = *head;
                *head = (uint32_t) i + 1;
        }
}

/* The entry of that name, made when there is none; NULL: that is no name. */
static struct dns_entry *entry(struct table_builder *b, uint32_t scope, const char *text) {
        struct dns_name name;
        if (dns_name_from_text(text, &name) < 0 || name.len == 1)
                return NULL;
        dns_name_lower(&name);
        uint64_t hash = table_hash(scope, name.b, name.len);
        for (uint32_t i = b->buckets[hash & (b->n_buckets - 1)]; i; i = b->chain.v[i - 1]) {
                struct dns_entry *e = &b->entries.v[i - 1];
                if (e->scope == scope && e->name_bytes == name.len &&
                    memcmp(b->bytes.data + (uintptr_t) e->name - 1, name.b, name.len) == 0)
                        return e;
        }
        if (b->bytes.len + name.len > TABLE_BYTES_MAX - (1 << 20))
                return NULL;
        struct dns_entry e = { .scope = scope, .name_bytes = name.len, .name = keep(b, name.b, name.len) };
        vec_push(&b->entries, e);
        vec_push(&b->chain, b->buckets[hash & (b->n_buckets - 1)]);
        b->buckets[hash & (b->n_buckets - 1)] = (uint32_t) b->entries.n;
        b->clients.v[scope].n_entries++;
        grow(b);
        return &b->entries.v[b->entries.n - 1];
}

void builder_a(struct table_builder *b, uint32_t scope, const char *name, const uint32_t *addresses, size_t n, uint32_t ttl) {
        struct dns_entry *e = entry(b, scope, name);
        if (!e)
                return;
        e->has_a = true;
        e->n_a = (uint32_t) MIN(n, (size_t) DNS_ADDRESSES_MAX);
        e->ttl_a = ttl;
        e->a = e->n_a ? keep(b, addresses, e->n_a * 4) : NULL;
}

static bool put_name(struct table_builder *b, const char *target, const uint8_t **ret) {
        struct dns_name t;
        if (dns_name_from_text(target, &t) < 0 || t.len == 1)
                return false;
        *ret = keep(b, t.b, t.len);
        return true;
}

void builder_cname(struct table_builder *b, uint32_t scope, const char *name, const char *target, uint32_t ttl) {
        struct dns_name t;
        struct dns_entry *e = dns_name_from_text(target, &t) == 0 && t.len > 1 ? entry(b, scope, name) : NULL;
        if (e && put_name(b, target, &e->cname))
                e->ttl_cname = ttl;
}

void builder_ptr(struct table_builder *b, uint32_t scope, const char *name, const char *target, uint32_t ttl) {
        struct dns_name t;
        struct dns_entry *e = dns_name_from_text(target, &t) == 0 && t.len > 1 ? entry(b, scope, name) : NULL;
        if (e && put_name(b, target, &e->ptr))
                e->ttl_ptr = ttl;
}

void builder_txt(struct table_builder *b, uint32_t scope, const char *name, const char *const *texts, size_t n, uint32_t ttl) {
        size_t bytes = 0;
        for (size_t i = 0; i < n; i++) {
                size_t len = strlen(texts[i]);
                if (len > 255)
                        return;                 /* spec 9: no answer then */
                bytes += 1 + len;
        }
        struct dns_entry *e = bytes && bytes <= 65535 ? entry(b, scope, name) : NULL;
        if (!e)
                return;
        uintptr_t at = b->bytes.len + 1;
        for (size_t i = 0; i < n; i++) {
                sbuf_putc(&b->bytes, (char) strlen(texts[i]));
                sbuf_puts(&b->bytes, texts[i]);
        }
        e->txt = (const uint8_t *) at;
        e->txt_bytes = (uint32_t) bytes;
        e->ttl_txt = ttl;
}

static void list_id(struct dns_recursers *r) {
        struct { uint16_t family, port; uint8_t address[16]; } key[DNS_RECURSERS_MAX];
        memset(key, 0, sizeof key);
        for (unsigned i = 0; i < r->n; i++) {
                const struct sockaddr_in *v4 = (const void *) &r->v[i];
                const struct sockaddr_in6 *v6 = (const void *) &r->v[i];
                key[i].family = r->v[i].ss_family;
                key[i].port = v4->sin_port;
                if (r->v[i].ss_family == AF_INET)
                        memcpy(key[i].address, &v4->sin_addr, 4);
                else
                        memcpy(key[i].address, &v6->sin6_addr, 16);
        }
        r->id = table_hash(r->n, (const uint8_t *) key, r->n * sizeof key[0]);
}

static const uint8_t *at(const uint8_t *base, const uint8_t *offset) { return offset ? base + (uintptr_t) offset - 1 : NULL; }

struct dns_table *builder_finish(struct table_builder *b, bool loaded) {
        struct dns_table *t = dr_xnew(struct dns_table);
        *t = (struct dns_table) {
                .refs = 1, .ndots = b->ndots, .loaded = loaded, .n_entries = b->entries.n, .n_clients = b->clients.n,
                .n_authoritative = b->authoritative.n, .entries = dr_take(b->entries.v), .clients = dr_take(b->clients.v),
                .authoritative = dr_take(b->authoritative.v),
        };
        b->entries.n = b->clients.n = b->authoritative.n = 0;
        t->bytes = (uint8_t *) sbuf_steal(&b->bytes);
        size_t cap = 64;
        while (cap < t->n_entries * 2)
                cap *= 2;
        t->slot_mask = cap - 1;
        t->slots = dr_xcalloc(cap, sizeof *t->slots);
        for (size_t i = 0; i < t->n_entries; i++) {
                struct dns_entry *e = &t->entries[i];
                e->name = at(t->bytes, e->name);
                e->a = at(t->bytes, e->a);
                e->cname = at(t->bytes, e->cname);
                e->ptr = at(t->bytes, e->ptr);
                e->txt = at(t->bytes, e->txt);
                uint64_t hash = table_hash(e->scope, e->name, e->name_bytes);
                size_t s = hash & t->slot_mask;
                while (t->slots[s].entry)
                        s = (s + 1) & t->slot_mask;
                t->slots[s] = (struct table_slot) { (uint32_t) (hash >> 32), (uint32_t) i + 1 };
        }
        table_place_clients(t);
        struct dns_client *all = &t->clients[DNS_EVERYBODY];
        list_id(&all->recursers);
        for (size_t i = 1; i < t->n_clients; i++) {
                struct dns_client *c = &t->clients[i];
                for (unsigned k = 0; k < all->recursers.n && c->recursers.n < DNS_RECURSERS_MAX; k++)
                        c->recursers.v[c->recursers.n++] = all->recursers.v[k];
                list_id(&c->recursers);
        }
        return t;
}
