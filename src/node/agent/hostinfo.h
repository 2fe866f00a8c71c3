/* hostinfo.h: what a host tells about itself: labels, info, memory, cpu, disk (spec agent.md 7), from /proc and the engine's GET /info.
 *
 * Reads small kernel files: fast, but once a minute is enough. Loop thread only. */
#pragma once
#include "base/sbuf.h"
#include "node/json_view.h"

struct hostinfo_cpu { uint64_t busy, total; };
struct hostinfo {                       /* {0} at first; keeps the counters that percentages need */
        struct hostinfo_cpu *cpus;
        size_t n_cpus;
};
void hostinfo_done(struct hostinfo *h);

struct hostinfo_input {
        const char *proc;               /* "/proc"; tests give another folder */
        json_object *engine_info;       /* GET /info; NULL: not known */
        const char *engine_version, *engine_build;      /* "" when not known */
        const char *host_labels;        /* CATTLE_HOST_LABELS: k=v&k2=v2 */
        const char *scheduler_ips, *scheduler_require_any;      /* create labels; NULL or "": none */
        const char *agent_image;        /* NULL or "": none */
        const char *host_key;           /* PEM public key; NULL: none yet */
        const char *node_sha256, *upgrade_error;        /* of this program; NULL or "": not known, none */
        const char *memory_override, *milli_cpu_override, *local_storage_mb_override;   /* unparsable: ignored */
};
/* Writes the keys "labels", "createLabels", "info", "memory", "milliCpu", "localStorageMb" of a host message as
 * "labels":{...},... without braces around. */
void hostinfo_format(struct hostinfo *h, const struct hostinfo_input *in, struct sbuf *out);

/* "k=v&k2=v2" to a JSON object: %XX and + decoded, trimmed, the first of duplicates wins, empty keys skipped. Caller puts. */
json_object *hostinfo_labels_parse(const char *s);
/* "20.10.24+dfsg1" to "20.10", "6.1.0-9-amd64" to "6.1"; buf gets "" when there are no two numbers. */
void hostinfo_two_part(const char *version, char *buf, size_t n);

/* Search domains of a resolv.conf text: the last "search" or "domain" line. NULL-ended array; the caller frees it with one free(). */
char **hostinfo_search_domains(const char *text);
/* gethostname, with the domain when the resolver knows it ("hostname -f"). May block: not on the loop. Caller frees. */
char *hostinfo_hostname(void);
/* The public key of this host, PEM with the header that clients know ("RSA PUBLIC KEY" around a PKIX body, agent.md 7). The pair is made once and
 * kept in dir. Slow the first time: not on the loop. NULL when it cannot be made. Caller frees. */
char *hostinfo_host_key(const char *dir);
/* The address this host has towards server (a name or address): the source address of the route to it; a loopback or none is replaced by the
 * first other IPv4 address of an interface. "" when there is none. May block: not on the loop. Caller frees. */
char *hostinfo_address(const char *server, unsigned port);
