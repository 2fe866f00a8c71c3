#include "node/dns/table-internal.h"

#include "formats/json.h"

#include <arpa/inet.h>
#include <stdio.h>

/* Entries of one scope, by name as text. */
struct row { char *name; const struct dns_entry *e; };

static int by_name(const void *a, const void *b) { return strcmp(((const struct row *) a)->name, ((const struct row *) b)->name); }
static int by_scope(const void *a, const void *b) {
        const struct dns_entry *x = *(const struct dns_entry *const *) a, *y = *(const struct dns_entry *const *) b;
        return x->scope < y->scope ? -1 : x->scope > y->scope;
}
static int by_ip(const void *a, const void *b) {
        uint32_t x = ntohl((*(const struct dns_client *const *) a)->ip), y = ntohl((*(const struct dns_client *const *) b)->ip);
        return (x < y ? -1 : x > y) * (x && y ? 1 : -1);        /* everybody's entry (0) last */
}

static void write_a(struct jw *w, const struct dns_entry *e) {
        jw_begin_array(w);
        for (uint32_t i = 0; i < e->n_a; i++) {
                char s[INET_ADDRSTRLEN];
                jw_string(w, inet_ntop(AF_INET, e->a + 4 * i, s, sizeof s));
        }
        jw_end(w);
}

static void write_txt(struct jw *w, const struct dns_entry *e) {
        jw_begin_array(w);
        for (const uint8_t *p = e->txt; p < e->txt + e->txt_bytes; p += 1 + *p)
                jw_stringn(w, (const char *) p + 1, *p);
        jw_end(w);
}

static const char *const kinds[] = { "a", "cname", "ptr", "txt" };

static bool has_kind(const struct dns_entry *e, size_t kind) {
        return kind == 0 ? e->has_a : kind == 1 ? e->cname != NULL : kind == 2 ? e->ptr != NULL : e->txt != NULL;
}

static void write_kind(struct jw *w, const struct row *rows, size_t n, size_t kind) {
        char text[DNS_TEXT_BYTES_MAX];
        jw_key(w, kinds[kind]);
        jw_begin_object(w);
        for (size_t i = 0; i < n; i++) {
                const struct dns_entry *e = rows[i].e;
                if (!has_kind(e, kind))
                        continue;
                jw_key(w, rows[i].name);
                jw_begin_object(w);
                jw_key(w, "answer");
                if (kind == 0) {
                        write_a(w, e);
                } else if (kind == 3) {
                        write_txt(w, e);
                } else {
                        dns_name_to_text(kind == 1 ? e->cname : e->ptr, text, sizeof text);
                        jw_string(w, text);
                }
                jw_end(w);
        }
        jw_end(w);
}

static void write_recursers(struct jw *w, const struct dns_client *c) {
        jw_key(w, "recurse");
        jw_begin_array(w);
        for (unsigned i = 0; i < c->n_own; i++) {
                char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 10];
                const struct sockaddr_in *v4 = (const void *) &c->recursers.v[i];
                const struct sockaddr_in6 *v6 = (const void *) &c->recursers.v[i];
                bool is4 = c->recursers.v[i].ss_family == AF_INET;
                inet_ntop(is4 ? AF_INET : AF_INET6, is4 ? (const void *) &v4->sin_addr : (const void *) &v6->sin6_addr, host, sizeof host);
                if (ntohs(v4->sin_port) == 53)
                        snprintf(text, sizeof text, "%s", host);
                else
                        snprintf(text, sizeof text, is4 ? "%s:%u" : "[%s]:%u", host, ntohs(v4->sin_port));
                jw_string(w, text);
        }
        jw_end(w);
}

static void write_names(struct jw *w, const char *key, const struct dns_name *v, size_t n) {
        char text[DNS_TEXT_BYTES_MAX];
        jw_key(w, key);
        jw_begin_array(w);
        for (size_t i = 0; i < n; i++) {
                dns_name_to_text(v[i].b, text, sizeof text);
                text[strlen(text) - 1] = 0;
                jw_string(w, text);
        }
        jw_end(w);
}

static void write_client(struct jw *w, const struct dns_table *t, const struct dns_client *c, struct row *rows, size_t n) {
        char ip[INET_ADDRSTRLEN] = "default";
        if (c->ip)
                inet_ntop(AF_INET, &c->ip, ip, sizeof ip);
        jw_key(w, ip);
        jw_begin_object(w);
        write_names(w, "search", c->search, c->n_search);
        write_recursers(w, c);
        write_names(w, "authoritative", t->authoritative, c->ip ? 0 : t->n_authoritative);
        write_names(w, "authorative", t->authoritative, c->ip ? 0 : t->n_authoritative);        /* as upstream spells it */
        qsort(rows, n, sizeof *rows, by_name);
        for (size_t k = 0; k < 2; k++)
                write_kind(w, rows, n, k);
        for (size_t k = 2; k < ARRAY_LEN(kinds); k++)
                for (size_t i = 0; i < n; i++)
                        if (has_kind(rows[i].e, k)) {
                                write_kind(w, rows, n, k);
                                break;
                        }
        jw_end(w);
}

void table_write(const struct dns_table *t, struct sbuf *ret) {
        struct jw w = JW(ret, 0);
        const struct dns_entry **entries = dr_xcalloc(t->n_entries + 1, sizeof(struct dns_entry *));
        const struct dns_client **clients = dr_xcalloc(t->n_clients, sizeof(struct dns_client *));
        struct row *rows = dr_xcalloc(t->n_entries + 1, sizeof *rows);
        size_t *first = dr_xcalloc(t->n_clients + 1, sizeof *first);
        for (size_t i = 0; i < t->n_entries; i++)
                entries[i] = &t->entries[i];
        for (size_t i = 0; i < t->n_clients; i++)
                clients[i] = &t->clients[i];
        if (t->n_entries)
                qsort(entries, t->n_entries, sizeof *entries, by_scope);
        qsort(clients, t->n_clients, sizeof *clients, by_ip);
        for (size_t i = 0; i < t->n_entries; i++) {
                char text[DNS_TEXT_BYTES_MAX];
                dns_name_to_text(entries[i]->name, text, sizeof text);
                rows[i] = (struct row) { dr_xstrdup(text), entries[i] };
                first[entries[i]->scope + 1] = i + 1;
        }
        for (size_t c = 1; c <= t->n_clients; c++)
                first[c] = MAX(first[c], first[c - 1]);
        jw_begin_object(&w);
        for (size_t i = 0; i < t->n_clients; i++) {
                size_t scope = (size_t) (clients[i] - t->clients);
                write_client(&w, t, clients[i], rows + first[scope], first[scope + 1] - first[scope]);
        }
        jw_end(&w);
        for (size_t i = 0; i < t->n_entries; i++)
                free(rows[i].name);
        free(rows);
        free(first);
        free(clients);
        free(entries);
}
