/* table-internal.h: the inside of the answer table, for table.c, table_build.c and table_write.c alone. */
#pragma once
#include "node/dns/table.h"

struct table_slot { uint32_t tag, entry; };     /* upper half of the hash; index + 1, 0: empty */

struct dns_table {
        unsigned refs;                          /* atomic */
        unsigned ndots;
        bool loaded;
        size_t n_entries, n_clients, n_authoritative;
        size_t slot_mask, client_mask;
        struct table_slot *slots;
        struct dns_entry *entries;
        uint32_t *client_slots;
        struct dns_client *clients;             /* [0]: everybody's */
        struct dns_name *authoritative;
        uint8_t *bytes;                         /* names and data of all entries */
};

uint64_t table_hash(uint32_t scope, const uint8_t *p, size_t n);
void table_place_clients(struct dns_table *t);
