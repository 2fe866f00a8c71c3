#include "formats/dns_message.h"

#include <stdio.h>

int dns_name_from_text(const char *s, struct dns_name *ret) {
        size_t at = 0, label = 0;               /* label: where its length byte is */
        ret->len = 0;
        if (str_eq(s, ".") || !*s) {
                ret->b[0] = 0;
                ret->len = 1;
                return 0;
        }
        at = 1;
        for (; *s; s++) {
                unsigned c = (unsigned char) *s;
                if (c == '.') {
                        size_t n = at - label - 1;
                        if (n == 0)
                                return -EINVAL;
                        ret->b[label] = (uint8_t) n;
                        if (at >= DNS_NAME_BYTES_MAX)
                                return -EINVAL;
                        label = at++;
                        continue;
                }
                if (c == '\\') {
                        if (s[1] >= '0' && s[1] <= '9') {
                                c = 0;
                                for (int i = 1; i <= 3; i++) {
                                        if (s[i] < '0' || s[i] > '9')
                                                return -EINVAL;
                                        c = c * 10 + (unsigned) (s[i] - '0');
                                }
                                if (c > 255)
                                        return -EINVAL;
                                s += 3;
                        } else if (s[1]) {
                                c = (unsigned char) *++s;
                        } else {
                                return -EINVAL;
                        }
                }
                if (at - label - 1 >= DNS_LABEL_BYTES_MAX || at >= DNS_NAME_BYTES_MAX - 1)
                        return -EINVAL;
                ret->b[at++] = (uint8_t) c;
        }
        size_t n = at - label - 1;
        ret->b[label] = (uint8_t) n;            /* 0 when the text ended in a dot: that is the root's */
        if (n > 0)
                ret->b[at++] = 0;
        ret->len = (uint8_t) at;
        return 0;
}

void dns_name_to_text(const uint8_t *name, char *buf, size_t n) {
        size_t at = 0;
        if (!*name)
                snprintf(buf, n, ".");
        for (; *name && at + 1 < n; name += 1 + *name) {
                for (unsigned i = 1; i <= *name; i++) {
                        unsigned c = name[i];
                        const char *fmt = c == '.' || c == '\\' ? "\\%c" : c > ' ' && c < 127 ? "%c" : "\\%03u";
                        int k = snprintf(buf + at, n - at, fmt, c);
                        if (k < 0 || (size_t) k >= n - at)
                                return;
                        at += (size_t) k;
                }
                at += (size_t) snprintf(buf + at, n - at, ".");
        }
}

void dns_lower(uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t) (p[i] | ((uint8_t) (p[i] - 'A') < 26 ? 0x20 : 0));
}

void dns_name_lower(struct dns_name *n) { dns_lower(n->b, n->len); }

static unsigned lower(unsigned c) { return c - 'A' < 26 ? c | 0x20 : c; }

bool dns_name_eq(const uint8_t *a, const uint8_t *b) {
        for (;; a++, b++) {
                unsigned n = *a;
                if (n != *b)
                        return false;
                if (!n)
                        return true;
                for (; n; n--)
                        if (lower(*++a) != lower(*++b))
                                return false;
        }
}

bool dns_name_ends(const struct dns_name *name, const struct dns_name *suffix, bool strict) {
        if (name->len < suffix->len || (strict && name->len == suffix->len))
                return false;
        size_t start = name->len - suffix->len, at = 0;
        if (memcmp(name->b + start, suffix->b, suffix->len) != 0)
                return false;
        while (at < start)                      /* the bytes must begin at a label */
                at += 1u + name->b[at];
        return at == start;
}

unsigned dns_name_dots(const uint8_t *name) {
        unsigned n = 0;
        for (; *name; name += 1 + *name)
                n++;
        return n ? n - 1 : 0;
}

int dns_name_append(struct dns_name *name, const struct dns_name *suffix) {
        if (name->len - 1 + suffix->len > DNS_NAME_BYTES_MAX)
                return -EINVAL;
        memcpy(name->b + name->len - 1, suffix->b, suffix->len);
        name->len = (uint8_t) (name->len - 1 + suffix->len);
        return 0;
}

int dns_name_read(const uint8_t *p, size_t n, size_t *at, struct dns_name *ret) {
        size_t pos = *at, len = 0;
        bool jumped = false;
        for (size_t began = pos;;) {            /* a pointer leads before the place where the labels read last began: this ends */
                if (pos >= n)
                        return -EBADMSG;
                unsigned c = p[pos];
                if (c >= 0xc0) {
                        if (pos + 1 >= n)
                                return -EBADMSG;
                        size_t to = (c & 0x3f) << 8 | p[pos + 1];
                        if (to >= began)
                                return -EBADMSG;
                        if (!jumped)
                                *at = pos + 2;
                        jumped = true;
                        pos = began = to;
                        continue;
                }
                if (c > DNS_LABEL_BYTES_MAX || len + 1 + c + (c ? 1 : 0) > DNS_NAME_BYTES_MAX || pos + 1 + c > n)
                        return -EBADMSG;
                memcpy(ret->b + len, p + pos, 1 + c);
                len += 1 + c;
                pos += 1 + c;
                if (c == 0)
                        break;
        }
        if (!jumped)
                *at = pos;
        ret->len = (uint8_t) len;
        return 0;
}

/* The OPT record of a request: behind its question (and whatever stands before it). */
static int read_edns(const uint8_t *p, size_t n, struct dns_query *q) {
        unsigned records = dns_u16(p + 6) + dns_u16(p + 8), more = dns_u16(p + 10);
        size_t at = q->question_end;
        if (!records && more == 1 && at + DNS_OPT_BYTES <= n && p[at] == 0 && dns_u16(p + at + 1) == DNS_OPT &&
            at + DNS_OPT_BYTES + dns_u16(p + at + 9) <= n) {            /* what all but a few send */
                q->edns = true;
                q->udp_bytes = (uint16_t) dns_u16(p + at + 3);
                q->edns_version = p[at + 6];
                q->dnssec_ok = p[at + 7] & 0x80;
                return 0;
        }
        if (records + more > DNS_RECORDS_MAX)
                return -EINVAL;
        for (unsigned i = 0; i < records + more; i++) {
                struct dns_record r;
                if (dns_record_read(p, n, &at, &r) < 0)
                        return -EINVAL;
                if (r.type != DNS_OPT || i < records)
                        continue;
                if (q->edns || r.owner.len != 1)
                        return -EINVAL;
                q->edns = true;
                q->udp_bytes = r.class;
                q->edns_version = (uint8_t) (r.ttl >> 16);
                q->dnssec_ok = r.ttl & 0x8000;
        }
        return 0;
}

int dns_query_parse(const uint8_t *p, size_t n, struct dns_query *q) {
        if (n < DNS_HEADER_BYTES || (p[2] & 0x80))
                return -EBADMSG;
        q->id = (uint16_t) dns_u16(p);
        q->flags = (uint16_t) dns_u16(p + 2);
        q->questions = (uint16_t) dns_u16(p + 4);
        q->type = q->class = 0;
        q->udp_bytes = DNS_UDP_BYTES_MIN;
        q->edns = q->dnssec_ok = false;
        q->edns_version = 0;
        q->name.len = q->lower.len = 1;
        q->name.b[0] = q->lower.b[0] = 0;
        q->question_end = DNS_HEADER_BYTES;
        if (q->questions == 0)
                return 0;
        size_t at = DNS_HEADER_BYTES;
        if (dns_name_read(p, n, &at, &q->name) < 0 || at + 4 > n)
                return -EINVAL;
        q->type = (uint16_t) dns_u16(p + at);
        q->class = (uint16_t) dns_u16(p + at + 2);
        q->question_end = at + 4;
        q->lower.len = q->name.len;
        memcpy(q->lower.b, q->name.b, q->name.len);
        dns_lower(q->lower.b, q->lower.len);
        if (q->questions > 1)
                return 0;
        int r = dns_u16(p + 10) || dns_u32(p + 6) ? read_edns(p, n, q) : 0;
        if (q->udp_bytes < DNS_UDP_BYTES_MIN)           /* also of a query that cannot be read further: it gets an answer */
                q->udp_bytes = DNS_UDP_BYTES_MIN;
        return r;
}

/* Names in the data end inside it. */
static int check_rdata(const uint8_t *p, const struct dns_record *r) {
        static const struct { uint16_t type, skip, names, fixed; } rows[] = {
                { DNS_NS, 0, 1, 0 }, { DNS_CNAME, 0, 1, 0 }, { DNS_SOA, 0, 2, 20 }, { DNS_PTR, 0, 1, 0 }, { DNS_MX, 2, 1, 0 }, { DNS_SRV, 6, 1, 0 },
                { DNS_DNAME, 0, 1, 0 },
        };
        size_t end = r->rdata_at + r->rdata_bytes;
        if (r->type == DNS_A)
                return r->rdata_bytes == 4 ? 0 : -EBADMSG;
        if (r->type == DNS_AAAA)
                return r->rdata_bytes == 16 ? 0 : -EBADMSG;
        if (r->type == DNS_TXT) {
                size_t t = r->rdata_at;
                while (t < end)
                        t += 1u + p[t];
                return t == end && r->rdata_bytes > 0 ? 0 : -EBADMSG;
        }
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (rows[i].type != r->type)
                        continue;
                size_t at = r->rdata_at + rows[i].skip;
                struct dns_name name;
                for (unsigned k = 0; k < rows[i].names; k++)
                        if (dns_name_read(p, end, &at, &name) < 0)
                                return -EBADMSG;
                return at + rows[i].fixed == end ? 0 : -EBADMSG;
        }
        return 0;
}

int dns_record_read(const uint8_t *p, size_t n, size_t *at, struct dns_record *r) {
        if (dns_name_read(p, n, at, &r->owner) < 0 || *at + 10 > n)
                return -EBADMSG;
        r->type = (uint16_t) dns_u16(p + *at);
        r->class = (uint16_t) dns_u16(p + *at + 2);
        r->ttl_at = *at + 4;
        r->ttl = dns_u32(p + r->ttl_at);
        r->rdata_bytes = (uint16_t) dns_u16(p + *at + 8);
        r->rdata_at = *at + 10;
        if (r->rdata_at + r->rdata_bytes > n)
                return -EBADMSG;
        *at = r->rdata_at + r->rdata_bytes;
        return check_rdata(p, r);
}

static uint32_t sane_ttl(uint32_t ttl) { return ttl > INT32_MAX ? 0 : ttl; }

static int walk(const uint8_t *p, size_t n, size_t *at, unsigned count, int section, struct dns_reply *ret) {
        for (unsigned i = 0; i < count; i++) {
                struct dns_record r;
                size_t start = *at;
                if (dns_record_read(p, n, at, &r) < 0)
                        return -EBADMSG;
                if (r.type == DNS_OPT) {
                        if (section != 2 || ret->opt_at || r.owner.len != 1)
                                return -EBADMSG;
                        ret->opt_at = start;
                        ret->opt_bytes = *at - start;
                        continue;
                }
                ret->ttl_min = MIN(ret->ttl_min, sane_ttl(r.ttl));
                if (section == 1 && r.type == DNS_SOA && !ret->has_soa) {
                        ret->has_soa = true;
                        ret->negative_ttl = MIN(sane_ttl(r.ttl), sane_ttl(dns_u32(p + r.rdata_at + r.rdata_bytes - 4)));
                }
        }
        return 0;
}

int dns_reply_parse(const uint8_t *p, size_t n, struct dns_reply *ret) {
        if (n < DNS_HEADER_BYTES || !(p[2] & 0x80) || dns_u16(p + 4) != 1)
                return -EBADMSG;
        *ret = (struct dns_reply) {
                .id = (uint16_t) dns_u16(p), .flags = (uint16_t) dns_u16(p + 2), .answers = (uint16_t) dns_u16(p + 6),
                .authorities = (uint16_t) dns_u16(p + 8), .additionals = (uint16_t) dns_u16(p + 10), .ttl_min = UINT32_MAX,
        };
        if (ret->answers + ret->authorities + ret->additionals > DNS_RECORDS_MAX)
                return -EBADMSG;
        size_t at = DNS_HEADER_BYTES;
        if (dns_name_read(p, n, &at, &ret->name) < 0 || at + 4 > n)
                return -EBADMSG;
        ret->type = (uint16_t) dns_u16(p + at);
        ret->class = (uint16_t) dns_u16(p + at + 2);
        at += 4;
        ret->answer_at = at;
        if (walk(p, n, &at, ret->answers, 0, ret) < 0)
                return -EBADMSG;
        if (walk(p, n, &at, ret->authorities, 1, ret) < 0)
                return -EBADMSG;
        ret->additional_at = at;
        if (walk(p, n, &at, ret->additionals, 2, ret) < 0)
                return -EBADMSG;
        ret->end = at;
        return 0;
}

void dns_reply_age(uint8_t *p, size_t n, const struct dns_reply *r, uint32_t age_s, uint32_t ceiling_s) {
        size_t at = r->answer_at;
        for (unsigned i = 0; i < (unsigned) r->answers + r->authorities + r->additionals; i++) {
                struct dns_record rec;
                if (dns_record_read(p, n, &at, &rec) < 0)
                        return;
                if (rec.type == DNS_OPT)
                        continue;
                uint32_t ttl = sane_ttl(rec.ttl);
                ttl = ttl > age_s ? ttl - age_s : 0;
                dns_put32(p + rec.ttl_at, MIN(ttl, ceiling_s));
        }
}

void dns_write_begin(struct dns_writer *w, uint8_t *p, size_t max) {
        w->p = p;
        w->n = 0;
        w->max = max;
        w->n_seen = 0;
        w->overflow = false;
}

void dns_write_bytes(struct dns_writer *w, const void *p, size_t n) {
        if (w->overflow || n > w->max - w->n) {
                w->overflow = true;
                return;
        }
        memcpy(w->p + w->n, p, n);
        w->n += n;
}

void dns_write_u16(struct dns_writer *w, unsigned v) {
        uint8_t b[2];
        dns_put16(b, v);
        dns_write_bytes(w, b, 2);
}

void dns_write_u32(struct dns_writer *w, uint32_t v) {
        uint8_t b[4];
        dns_put32(b, v);
        dns_write_bytes(w, b, 4);
}

void dns_write_seen(struct dns_writer *w, size_t at) {
        for (; at < w->n && w->p[at] && w->p[at] < 0xc0 && at < 0x4000 && w->n_seen < ARRAY_LEN(w->seen); at += 1u + w->p[at])
                w->seen[w->n_seen++] = (uint16_t) at;
}

/* Is what stands at this offset, pointers followed, exactly this name? */
static bool same_at(const struct dns_writer *w, size_t at, const uint8_t *name) {
        struct dns_name there;
        if (dns_name_read(w->p, w->n, &at, &there) < 0)
                return false;
        size_t n = 0;
        while (name[n])
                n += 1u + name[n];
        return there.len == n + 1 && memcmp(there.b, name, n + 1) == 0;
}

void dns_write_name(struct dns_writer *w, const uint8_t *name) {
        size_t start = w->n;
        for (; *name; name += 1 + *name) {
                for (unsigned i = 0; i < w->n_seen; i++) {
                        if (w->seen[i] < start && same_at(w, w->seen[i], name)) {
                                dns_write_u16(w, 0xc000u | w->seen[i]);
                                goto seen;
                        }
                }
                dns_write_bytes(w, name, 1u + *name);
        }
        dns_write_bytes(w, "", 1);
seen:
        if (!w->overflow)
                dns_write_seen(w, start);
}

void dns_write_question(struct dns_writer *w, const uint8_t *name, unsigned type, unsigned class) {
        dns_write_name(w, name);
        dns_write_u16(w, type);
        dns_write_u16(w, class);
}

void dns_write_record_head(struct dns_writer *w, const uint8_t *owner, unsigned type, uint32_t ttl) {
        dns_write_name(w, owner);
        dns_write_u16(w, type);
        dns_write_u16(w, DNS_CLASS_IN);
        dns_write_u32(w, ttl);
}

void dns_write_opt(struct dns_writer *w, unsigned udp_bytes, unsigned rcode, bool dnssec_ok) {
        dns_write_bytes(w, "", 1);
        dns_write_u16(w, DNS_OPT);
        dns_write_u16(w, udp_bytes);
        dns_write_u32(w, (uint32_t) (rcode >> 4) << 24 | (dnssec_ok ? 0x8000u : 0));
        dns_write_u16(w, 0);
}
