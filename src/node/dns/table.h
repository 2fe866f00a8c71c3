/* table.h: the answers of one moment: names to records, per client and for all, and whom to ask for the rest. Immutable once built, counted.
 *
 * Rules: spec dns.md 2 to 5. A name belongs to a scope: DNS_EVERYBODY or a client. Names are looked up by their lower-case wire form with one probe
 * of a hash table; address sets are stored as they go out. Built by one thread; afterwards any thread may read, and hold it with table_ref(). */
#pragma once
#include "base/sbuf.h"
#include "formats/dns_message.h"

#include <netinet/in.h>

enum { DNS_CHAIN_MAX = 10, DNS_SEARCH_MAX = 32, DNS_RECURSERS_MAX = 16, DNS_ADDRESSES_MAX = 60000, DNS_EVERYBODY = 0 };

struct dns_recursers {                  /* whom to ask, in order; equal lists have equal ids */
        uint64_t id;
        unsigned n;
        struct sockaddr_storage v[DNS_RECURSERS_MAX];
};

struct dns_entry {                      /* of one name in one scope */
        const uint8_t *name;            /* wire, lower case; as long as it says */
        uint8_t name_bytes;
        bool has_a;                     /* it has a set of addresses, which may be empty (only IPv6 ones) */
        uint32_t scope;
        uint32_t n_a, ttl_a, ttl_cname, ttl_ptr, ttl_txt;
        const uint8_t *a;               /* n_a times 4 bytes */
        const uint8_t *cname, *ptr;     /* wire names, case kept; NULL: none */
        const uint8_t *txt;             /* the data of one TXT record */
        uint32_t txt_bytes;
};

struct dns_client {
        uint32_t ip;                    /* network order; 0: everybody's */
        uint32_t n_entries;
        uint32_t n_search;
        struct dns_name *search;
        struct dns_recursers recursers; /* its own first, then everybody's */
        uint32_t n_own;                 /* how many of them are its own */
};

struct dns_table;
struct dns_table *table_ref(struct dns_table *t);
struct dns_table *table_unref(struct dns_table *t);     /* any thread; NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct dns_table *, table_unref)

/* The client with this source address (network order) or everybody's entry. ret_scope may be NULL. */
const struct dns_client *table_client(const struct dns_table *t, uint32_t ip, uint32_t *ret_scope);
const struct dns_entry *table_find(const struct dns_table *t, uint32_t scope, const struct dns_name *lower);
bool table_is_authoritative(const struct dns_table *t, const struct dns_name *lower, const struct dns_name **ret_suffix);
unsigned table_ndots(const struct dns_table *t);
bool table_is_loaded(const struct dns_table *t);        /* false: nothing is known yet, so nothing can be denied */
size_t table_names(const struct dns_table *t);

/* As the answer file (spec 9): JSON with sorted keys. Two tables are equal when these are. */
void table_write(const struct dns_table *t, struct sbuf *ret);

/* Building. Texts need not be lower case; those that are no names are left out. Setting a name again replaces what it had of that kind. */
struct table_builder;
struct table_builder *builder_new(uint32_t ttl, unsigned ndots);
struct table_builder *builder_free(struct table_builder *b);
DR_DEFINE_AUTO(struct table_builder *, builder_free)
/* ip: of the client, or NULL for everybody. Again: the same scope, its records stay. -EINVAL: no IPv4 address. */
int builder_scope(struct table_builder *b, const char *ip, uint32_t *ret_scope);
void builder_search(struct table_builder *b, uint32_t scope, const char *domain);
void builder_clear_lists(struct table_builder *b, uint32_t scope, bool search, bool recursers);
/* "1.2.3.4", "1.2.3.4:5353", "[fe80::1]:53"; left out (false) when it is one of never, 127.*, the metadata address or of another form. */
bool builder_recurser(struct table_builder *b, uint32_t scope, const char *server);
void builder_never_recurse(struct table_builder *b, const char *address);
void builder_authoritative(struct table_builder *b, const char *suffix);
void builder_a(struct table_builder *b, uint32_t scope, const char *name, const uint32_t *addresses, size_t n, uint32_t ttl);
void builder_cname(struct table_builder *b, uint32_t scope, const char *name, const char *target, uint32_t ttl);
void builder_ptr(struct table_builder *b, uint32_t scope, const char *name, const char *target, uint32_t ttl);
void builder_txt(struct table_builder *b, uint32_t scope, const char *name, const char *const *texts, size_t n, uint32_t ttl);
struct dns_table *builder_finish(struct table_builder *b, bool loaded); /* b is empty afterwards: free it */
