/* generate.h: the answer table of an environment's metadata, as seen from this host. Spec dns.md 2 to 4, with drover's decisions.
 *
 * Pure: reads the model, gives a new table. */
#pragma once
#include "node/dns/table.h"
#include "node/metadata/model.h"

struct generate_config {
        uint32_t ttl;
        unsigned ndots;
        const char *metadata_answer;    /* comma list of addresses; "agent_ip": this host's */
        const char *never_recurse;      /* the same */
        const char *resolv_conf;        /* its text: "nameserver" lines count; NULL: none */
};
/* loaded: false while what is in the model may be incomplete. The caller owns the table. */
struct dns_table *dns_generate(const struct mdata *m, const struct generate_config *cfg, bool loaded);
/* What does not come from metadata: whom to ask, the domain, rancher-metadata. agent_ip may be NULL. */
void dns_generate_base(struct table_builder *b, const struct generate_config *cfg, const char *agent_ip);
