/* dns.h: the DNS service of a host: the process's parts put together. Spec dns.md; what containers ask at 169.254.169.250.
 *
 * Answers come from metadata (the agent's socket or a file of messages) or, without metadata, from an answer file alone. A change is answered by at
 * once when the last one is long enough ago: making tables takes at most a twentieth of the time. Loop thread only. */
#pragma once
#include "base/base.h"
#include "net/loop.h"

struct dns_config {
        const char *listen;             /* ADDRESS:PORT, UDP and TCP */
        const char *reload;             /* ADDRESS:PORT of "POST /v1/reload"; NULL or "": none */
        const char *answers;            /* answer file: read at start, written after changes; NULL or "": none */
        bool metadata;                  /* false: the answer file is all there is */
        const char *metadata_socket;    /* NULL: the agent's usual one */
        const char *metadata_file;      /* instead of the socket; NULL: none */
        const char *metadata_answer, *never_recurse;    /* generate.h */
        const char *resolv_conf;        /* path */
        uint32_t ttl;
        unsigned ndots, threads;
        uint64_t recurser_timeout_ms;
        size_t cache_messages;
        bool mixed_case;
};
struct dns;
/* Strings are borrowed until dns_free(). Negative with *err: cannot listen, cannot read the metadata file. */
int dns_new(struct loop *l, const struct dns_config *cfg, struct dns **ret, struct dr_error *err);
struct dns *dns_free(struct dns *d);    /* NULL is fine */
void dns_reload(struct dns *d);         /* files again: answers, metadata, resolv.conf */
