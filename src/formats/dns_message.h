/* dns_message.h: DNS messages (RFC 1035, 6891) to structs and back: bytes only, no I/O, no allocation.
 *
 * Names are in wire form: labels with a length byte, ended by the root's 0, at most 255 bytes, never compressed once read. Everything is
 * bounded by the message's length; compression pointers only lead backwards. Any thread. */
#pragma once
#include "base/base.h"

enum { DNS_HEADER_BYTES = 12, DNS_NAME_BYTES_MAX = 255, DNS_LABEL_BYTES_MAX = 63, DNS_TEXT_BYTES_MAX = 1024, DNS_UDP_BYTES_MIN = 512,
       DNS_MESSAGE_BYTES_MAX = 65535, DNS_RECORDS_MAX = 4096, DNS_OPT_BYTES = 11 };
enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
                DNS_DNAME = 39, DNS_OPT = 41, DNS_IXFR = 251, DNS_AXFR = 252, DNS_ANY = 255 };
enum { DNS_CLASS_IN = 1 };
enum { DNS_QR = 0x8000, DNS_OPCODE = 0x7800, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080, DNS_AD = 0x0020, DNS_CD = 0x0010,
       DNS_RCODE = 0x000f };
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };

static inline unsigned dns_u16(const uint8_t *p) { return (unsigned) p[0] << 8 | p[1]; }
static inline uint32_t dns_u32(const uint8_t *p) { return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3]; }
static inline void dns_put16(uint8_t *p, unsigned v) { p[0] = (uint8_t) (v >> 8); p[1] = (uint8_t) v; }
static inline void dns_put32(uint8_t *p, uint32_t v) { dns_put16(p, v >> 16); dns_put16(p + 2, v & 0xffff); }

struct dns_name { uint8_t len; uint8_t b[DNS_NAME_BYTES_MAX]; };        /* len counts the root's 0: 1 to 255 */

/* "web.shop.rancher.internal", a final dot may be missing; "" and "." are the root; "\." and "\123" as in zone files. -EINVAL: an empty or too long
 * label, or too long altogether (*ret is then of no use). */
int dns_name_from_text(const char *s, struct dns_name *ret);
/* With a final dot; bytes that are no printable ASCII as \DDD. buf: DNS_TEXT_BYTES_MAX bytes are always enough. */
void dns_name_to_text(const uint8_t *name, char *buf, size_t n);
void dns_name_lower(struct dns_name *n);
void dns_lower(uint8_t *p, size_t n);                                   /* ASCII; length bytes of labels are below 'A' and stay */
bool dns_name_eq(const uint8_t *a, const uint8_t *b);                   /* without case */
/* Is name suffix, or below it? strict: below only. Both lower case. */
bool dns_name_ends(const struct dns_name *name, const struct dns_name *suffix, bool strict);
unsigned dns_name_dots(const uint8_t *name);                            /* dots of "a.b" (1), without the final one */
/* Appends suffix to a name (its root byte is replaced). -EINVAL: too long; *name stays. */
int dns_name_append(struct dns_name *name, const struct dns_name *suffix);
/* Reads the name at *at, following pointers, and moves *at behind it. -EBADMSG. */
int dns_name_read(const uint8_t *p, size_t n, size_t *at, struct dns_name *ret);

struct dns_query {
        uint16_t id, flags, type, class, questions;
        uint16_t udp_bytes;             /* what the asker takes over UDP: 512 at least */
        struct dns_name name, lower;    /* as asked, in lower case */
        size_t question_end;            /* first byte behind the first question; 12 when there is none */
        bool edns, dnssec_ok;
        uint8_t edns_version;
};
/* A request. 0; -EBADMSG: no request at all (too short, or an answer): say nothing; -EINVAL: a request that cannot be read: say FORMERR (id and
 * flags are set). With questions other than 1 only the first question is read, if there is one. */
int dns_query_parse(const uint8_t *p, size_t n, struct dns_query *ret);

struct dns_record {
        struct dns_name owner;
        uint16_t type, class, rdata_bytes;
        uint32_t ttl;
        size_t ttl_at, rdata_at;        /* offsets in the message */
};
/* The record at *at; *at is moved behind it. Names inside the data of the types above are checked too. -EBADMSG. */
int dns_record_read(const uint8_t *p, size_t n, size_t *at, struct dns_record *ret);

struct dns_reply {
        uint16_t id, flags, answers, authorities, additionals;
        uint16_t type, class;
        struct dns_name name;           /* of its question, as sent */
        size_t answer_at, additional_at, end;
        size_t opt_at, opt_bytes;       /* 0: no OPT record */
        uint32_t ttl_min;               /* least of all records (RFC 2181: above 2^31 counts as 0); UINT32_MAX: none */
        bool has_soa;
        uint32_t negative_ttl;          /* of the first SOA in authority: the lesser of its TTL and its minimum */
};
/* An answer with one question, walked to its end: all names, lengths and counts are right. -EBADMSG else. Bytes behind the last record are
 * not part of it. */
int dns_reply_parse(const uint8_t *p, size_t n, struct dns_reply *ret);
/* Lowers each TTL by age and to at most ceiling, in place; OPT is left alone. p has passed dns_reply_parse(). */
void dns_reply_age(uint8_t *p, size_t n, const struct dns_reply *r, uint32_t age_s, uint32_t ceiling_s);

/* Writing. Names are compressed against those written before. Past max: overflow is set and nothing is written any more. */
struct dns_writer {
        uint8_t *p;
        size_t n, max;
        uint16_t seen[48];              /* offsets of labels to point at */
        unsigned n_seen;
        bool overflow;
};
void dns_write_begin(struct dns_writer *w, uint8_t *p, size_t max);
void dns_write_bytes(struct dns_writer *w, const void *p, size_t n);
void dns_write_u16(struct dns_writer *w, unsigned v);
void dns_write_u32(struct dns_writer *w, uint32_t v);
void dns_write_name(struct dns_writer *w, const uint8_t *name);         /* case is kept and must be equal for compression */
void dns_write_seen(struct dns_writer *w, size_t at);                   /* a name is at this offset already: may be pointed at */
void dns_write_question(struct dns_writer *w, const uint8_t *name, unsigned type, unsigned class);
void dns_write_record_head(struct dns_writer *w, const uint8_t *owner, unsigned type, uint32_t ttl);    /* up to the length of the data */
void dns_write_opt(struct dns_writer *w, unsigned udp_bytes, unsigned rcode, bool dnssec_ok);
