#include "node/dns/answer.h"

enum { OPT_UDP_BYTES = 4096, TCP_BYTES_MAX = 65535 };

struct chain {
        const struct dns_entry *cname[DNS_CHAIN_MAX];           /* what each step was found under */
        const struct dns_entry *a[DNS_CHAIN_MAX];               /* its addresses, NULL: none */
        unsigned n;                                             /* steps that have a CNAME */
};

enum { WANT_A = 1, WANT_CNAME = 2, WANT_PTR = 4, WANT_TXT = 8, WANT_ANY = 16 };
struct found {
        unsigned wanted;                                        /* what is still looked for */
        const struct dns_entry *a, *cname, *ptr, *txt, *any;
};

/* Whether nothing is looked for any more. */
static bool take(struct found *f, const struct dns_entry *e) {
        if (!e)
                return false;
        unsigned has = WANT_ANY | (e->has_a ? WANT_A : 0) | (e->cname ? WANT_CNAME : 0) | (e->ptr ? WANT_PTR : 0) | (e->txt ? WANT_TXT : 0);
        has &= f->wanted;
        if (has & WANT_A)
                f->a = e;
        if (has & WANT_CNAME)
                f->cname = e;
        if (has & WANT_PTR)
                f->ptr = e;
        if (has & WANT_TXT)
                f->txt = e;
        if (has & WANT_ANY)
                f->any = e;
        return (f->wanted &= ~has) == 0;
}

/* One scope: the name, then the name with each search domain. */
static bool match_scope(const struct dns_table *t, uint32_t scope, const struct dns_name *q, const struct dns_client *searcher, struct found *f) {
        if (take(f, table_find(t, scope, q)))
                return true;
        struct dns_name full;
        if (searcher && searcher->n_search)
                memcpy(full.b, q->b, q->len);
        for (uint32_t i = 0; searcher && i < searcher->n_search; i++) {
                full.len = q->len;
                if (dns_name_append(&full, &searcher->search[i]) == 0 && take(f, table_find(t, scope, &full)))
                        return true;
        }
        return false;
}

/* matching() of spec 5, for several types in one go: the client's entry, then everybody's, with the client's search domains; then everybody's with its own. */
static struct found matching(const struct dns_table *t, uint32_t scope, const struct dns_name *q, unsigned wanted) {
        struct found f = { .wanted = wanted };
        const struct dns_client *all = table_client(t, 0, NULL), *client = scope ? all + scope : NULL;
        bool complete = q->len > 1 && (table_ndots(t) == 0 || dns_name_dots(q->b) < table_ndots(t)) && !table_is_authoritative(t, q, NULL);
        if (client && client->n_entries && match_scope(t, scope, q, complete ? client : NULL, &f))
                return f;
        if (client && complete && client->n_search && match_scope(t, DNS_EVERYBODY, q, client, &f))
                return f;
        (void) match_scope(t, DNS_EVERYBODY, q, complete ? all : NULL, &f);
        return f;
}

static void begin(struct dns_writer *w, uint8_t *out, size_t max, const struct dns_query *q, const uint8_t *query, unsigned flags) {
        dns_write_begin(w, out, max);
        uint8_t head[DNS_HEADER_BYTES] = { 0 };
        dns_put16(head, q->id);
        dns_put16(head + 2, DNS_QR | flags);
        dns_put16(head + 4, q->question_end > DNS_HEADER_BYTES);
        dns_write_bytes(w, head, sizeof head);
        dns_write_bytes(w, query + DNS_HEADER_BYTES, q->question_end - DNS_HEADER_BYTES);
}

size_t answer_rcode(const struct dns_query *q, const uint8_t *query, unsigned flags, unsigned rcode, uint8_t *out) {
        struct dns_writer w;
        struct dns_query plain = *q;
        uint8_t question[DNS_HEADER_BYTES + DNS_NAME_BYTES_MAX + 4];
        if (q->question_end > DNS_HEADER_BYTES && q->question_end - DNS_HEADER_BYTES != (size_t) q->name.len + 4) {
                /* A question with a compression pointer (into the header: nobody sends that) is said in full. */
                memcpy(question + DNS_HEADER_BYTES, q->name.b, q->name.len);
                dns_put16(question + DNS_HEADER_BYTES + q->name.len, q->type);
                dns_put16(question + DNS_HEADER_BYTES + q->name.len + 2, q->class);
                query = question;
                plain.question_end = DNS_HEADER_BYTES + q->name.len + 4u;
        }
        begin(&w, out, DNS_MESSAGE_BYTES_MAX, &plain, query, flags | (rcode & DNS_RCODE));
        if (q->edns) {
                dns_write_opt(&w, OPT_UDP_BYTES, rcode, q->dnssec_ok);
                dns_put16(out + 10, 1);
        }
        return w.n;
}

/* Adds OPT, or what is left when the reply is larger than the client takes: the question and TC (spec 6). */
static size_t finish(const struct dns_query *q, bool tcp, const uint8_t *query, unsigned flags, struct dns_writer *w) {
        size_t limit = tcp ? TCP_BYTES_MAX : q->udp_bytes;
        size_t total = w->n + (q->edns ? DNS_OPT_BYTES : 0);
        if (w->overflow || w->n > limit) {              /* all but for OPT fits: then OPT goes (spec 6: additional records first) */
                if (tcp)
                        return answer_rcode(q, query, q->flags & DNS_RD, DNS_SERVFAIL, w->p);
                return answer_rcode(q, query, flags | DNS_TC, flags & DNS_RCODE, w->p);
        }
        if (q->edns && total <= limit) {
                dns_write_opt(w, OPT_UDP_BYTES, flags & DNS_RCODE, q->dnssec_ok);
                dns_put16(w->p + 10, 1);
        }
        return w->n;
}

/* NXDOMAIN, or no data of this type, with the domain's SOA. */
static size_t deny(struct answerer *a, const struct dns_query *q, bool tcp, const uint8_t *query, const struct dns_name *suffix, unsigned rcode, uint8_t *out) {
        struct dns_writer w;
        unsigned flags = DNS_AA | (q->flags & DNS_RD) | rcode;
        begin(&w, out, DNS_MESSAGE_BYTES_MAX, q, query, flags);
        dns_write_seen(&w, DNS_HEADER_BYTES);
        dns_write_record_head(&w, suffix->b, DNS_SOA, a->ttl);
        size_t length_at = w.n;
        dns_write_u16(&w, 0);
        dns_write_name(&w, suffix->b);
        dns_write_name(&w, suffix->b);
        static const uint32_t numbers[] = { 60, 10, 86400, 1 };
        dns_write_u32(&w, __atomic_add_fetch(a->serial, 1, __ATOMIC_RELAXED));
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                dns_write_u32(&w, numbers[i]);
        dns_put16(out + length_at, (unsigned) (w.n - length_at - 2));
        dns_put16(out + 8, 1);
        return finish(q, tcp, query, flags, &w);
}

/* The addresses of e in random order under the name at owner_at; the most frequent answer there is, so no general writer. */
static unsigned write_addresses(struct answerer *a, struct dns_writer *w, const struct dns_entry *e, size_t owner_at) {
        size_t bytes = (size_t) e->n_a * 16;
        if (w->overflow || bytes > w->max - w->n || owner_at >= 0x4000) {
                w->overflow = true;
                return 0;
        }
        uint8_t *p = w->p + w->n;
        uint8_t head[12] = { (uint8_t) (0xc0 | owner_at >> 8), (uint8_t) owner_at, 0, DNS_A, 0, DNS_CLASS_IN, 0, 0, 0, 0, 0, 4 };
        dns_put32(head + 6, e->ttl_a);
        for (uint32_t i = 0; i < e->n_a; i++) {
                memcpy(p + 16 * i, head, 12);
                /* Inside-out shuffle: the i-th goes to a random place among the first i + 1. */
                uint32_t to = i ? (uint32_t) (((rng_u64(&a->rng) >> 32) * (i + 1)) >> 32) : 0;
                uint32_t moved;
                memcpy(&moved, p + 16 * to + 12, 4);
                memcpy(p + 16 * i + 12, &moved, 4);
                memcpy(p + 16 * to + 12, e->a + 4 * i, 4);
        }
        w->n += bytes;
        return e->n_a;
}

static unsigned write_cname(struct dns_writer *w, const uint8_t *owner, const uint8_t *target, uint32_t ttl, unsigned type) {
        dns_write_record_head(w, owner, type, ttl);
        size_t length_at = w->n;
        dns_write_u16(w, 0);
        dns_write_name(w, target);
        if (!w->overflow)
                dns_put16(w->p + length_at, (unsigned) (w->n - length_at - 2));
        return 1;
}

/* Of a recurser's answer, what leads from target to its addresses. Returns the count of records written. */
static unsigned write_chased(struct dns_writer *w, const struct chased *c) {
        struct dns_reply r;
        if (dns_reply_parse(c->reply, c->reply_bytes, &r) < 0)
                return 0;
        struct dns_name want = c->target;
        dns_name_lower(&want);
        unsigned written = 0;
        bool addresses = false;
        for (unsigned hop = 0; hop < DNS_CHAIN_MAX && !addresses; hop++) {
                size_t at = r.answer_at;
                bool moved = false;
                for (unsigned i = 0; i < r.answers && !moved; i++) {
                        struct dns_record rec;
                        if (dns_record_read(c->reply, c->reply_bytes, &at, &rec) < 0)
                                return 0;
                        if (rec.class != DNS_CLASS_IN || !dns_name_eq(rec.owner.b, want.b))
                                continue;
                        const uint8_t *owner = hop == 0 ? c->target.b : rec.owner.b;
                        if (rec.type == DNS_A) {
                                dns_write_record_head(w, owner, DNS_A, rec.ttl);
                                dns_write_u16(w, 4);
                                dns_write_bytes(w, c->reply + rec.rdata_at, 4);
                                addresses = true;
                                written++;
                        } else if (rec.type == DNS_CNAME && !addresses) {
                                size_t name_at = rec.rdata_at;
                                struct dns_name next;
                                if (dns_name_read(c->reply, c->reply_bytes, &name_at, &next) < 0)
                                        return 0;
                                written += write_cname(w, owner, next.b, rec.ttl, DNS_CNAME);
                                want = next;
                                moved = true;
                        }
                }
                if (!moved && !addresses)
                        break;
        }
        return addresses ? written : 0;
}

/* The chain of CNAMEs from the question on. Returns whether it ended at a name without CNAME: *last, with its addresses (NULL: none). */
static bool follow(const struct dns_table *t, uint32_t scope, const struct dns_name *q, struct chain *c, struct dns_name *last, const struct dns_entry **ret_a) {
        c->n = 0;
        *ret_a = NULL;
        *last = *q;
        for (;;) {
                struct found f = matching(t, scope, last, WANT_A | WANT_CNAME);
                if (!f.cname) {
                        *ret_a = f.a;
                        return true;
                }
                c->cname[c->n] = f.cname;
                c->a[c->n] = f.a;
                c->n++;
                struct dns_name next;
                size_t at = 0;
                if (dns_name_read(f.cname->cname, DNS_NAME_BYTES_MAX, &at, &next) < 0)
                        return false;
                dns_name_lower(&next);
                if (c->n == DNS_CHAIN_MAX || (next.len == last->len && memcmp(next.b, last->b, next.len) == 0))
                        return false;
                *last = next;
        }
}

/* Writes the CNAMEs of the first n steps; returns n. */
static unsigned write_steps(struct dns_writer *w, const struct dns_query *q, const struct chain *c, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                write_cname(w, i ? c->cname[i - 1]->cname : q->lower.b, c->cname[i]->cname, c->cname[i]->ttl_cname, DNS_CNAME);
        return n;
}

/* The addresses behind step n. Owners are lower case, so a question spelt with capitals cannot be pointed at. */
static unsigned write_set(struct answerer *a, struct dns_writer *w, const struct dns_query *q, const struct chain *c, unsigned n, const struct dns_entry *e) {
        if (n == 0 && memcmp(q->name.b, q->lower.b, q->lower.len) == 0)
                return write_addresses(a, w, e, DNS_HEADER_BYTES);
        const uint8_t *owner = n ? c->cname[n - 1]->cname : q->lower.b;
        for (uint32_t i = 0; i < e->n_a; i++) {
                dns_write_record_head(w, owner, DNS_A, e->ttl_a);
                dns_write_u16(w, 4);
                dns_write_bytes(w, e->a + 4 * i, 4);
        }
        return e->n_a;
}

struct request {
        struct answerer *a;
        const struct dns_table *t;
        const struct dns_query *q;
        const uint8_t *p;
        uint32_t scope;
        bool tcp;
        uint8_t *out;
        size_t *ret_bytes;
};

/* addresses() of spec 5. *ret_failed: a name exists here whose target nobody could be asked for. Returns ANSWER_RELAY: nothing local. */
static enum answer_kind addresses(const struct request *r, const struct chased *chased, struct dns_name *ret_target, bool *ret_failed) {
        struct chain c;
        struct dns_name last;
        const struct dns_entry *set;
        bool ended = follow(r->t, r->scope, &r->q->lower, &c, &last, &set);
        unsigned steps = c.n, count = 0;
        struct dns_writer w;
        unsigned flags = DNS_AA | DNS_RA | (r->q->flags & DNS_RD);
        begin(&w, r->out, DNS_MESSAGE_BYTES_MAX, r->q, r->p, flags);
        dns_write_seen(&w, DNS_HEADER_BYTES);
        if (!set && ended && c.n > 0 && !table_is_authoritative(r->t, &last, NULL)) {
                struct dns_name target = { 0 };
                size_t at = 0;
                (void) dns_name_read(c.cname[c.n - 1]->cname, DNS_NAME_BYTES_MAX, &at, &target);
                if (!chased || !dns_name_eq(chased->target.b, target.b)) {
                        *ret_target = target;
                        return chased ? ANSWER_RELAY : ANSWER_CHASE;    /* the table changed meanwhile to another target: once is enough */
                }
                size_t mark = w.n;
                write_steps(&w, r->q, &c, c.n);
                count = chased->failed ? 0 : write_chased(&w, chased);
                if (count) {
                        count += c.n;
                } else {
                        *ret_failed = chased->failed;
                        dns_write_begin(&w, r->out, DNS_MESSAGE_BYTES_MAX);
                        w.n = mark;
                        dns_write_seen(&w, DNS_HEADER_BYTES);
                }
        }
        if (!count) {
                while (!set && steps > 0)               /* the CNAME leads nowhere: addresses of the name before it, if it has any */
                        set = c.a[--steps];
                if (!set)
                        return ANSWER_RELAY;
                *ret_failed = false;
                if (r->q->type == DNS_A && set->n_a == 0 && steps == 0) {
                        const struct dns_name *suffix;
                        if (table_is_authoritative(r->t, &r->q->lower, &suffix)) {
                                *r->ret_bytes = deny(r->a, r->q, r->tcp, r->p, suffix, DNS_NOERROR, r->out);
                                return ANSWER_REPLY;
                        }
                }
                count = write_steps(&w, r->q, &c, steps);
                count += write_set(r->a, &w, r->q, &c, steps, set);
        }
        if (r->q->type == DNS_AAAA) {                   /* the name exists; IPv6 is never answered here */
                begin(&w, r->out, DNS_MESSAGE_BYTES_MAX, r->q, r->p, flags);
                count = 0;
        }
        if (count > UINT16_MAX)
                w.overflow = true;
        dns_put16(r->out + 6, count);
        *r->ret_bytes = finish(r->q, r->tcp, r->p, flags, &w);
        return ANSWER_REPLY;
}

/* Types that have one record of their own here: CNAME, PTR, TXT. */
static bool other_types(const struct request *r) {
        const struct dns_query *q = r->q;
        unsigned wanted = q->type == DNS_CNAME ? WANT_CNAME : q->type == DNS_PTR ? WANT_PTR : q->type == DNS_TXT ? WANT_TXT : 0;
        if (!wanted)
                return false;
        struct found f = matching(r->t, r->scope, &q->lower, wanted);
        if (f.wanted)
                return false;
        struct dns_writer w;
        unsigned flags = DNS_AA | DNS_RA | (q->flags & DNS_RD);
        begin(&w, r->out, DNS_MESSAGE_BYTES_MAX, q, r->p, flags);
        dns_write_seen(&w, DNS_HEADER_BYTES);
        if (f.txt) {
                dns_write_record_head(&w, q->lower.b, DNS_TXT, f.txt->ttl_txt);
                dns_write_u16(&w, f.txt->txt_bytes);
                dns_write_bytes(&w, f.txt->txt, f.txt->txt_bytes);
        } else if (f.ptr) {
                write_cname(&w, q->lower.b, f.ptr->ptr, f.ptr->ttl_ptr, DNS_PTR);
        } else {
                write_cname(&w, q->lower.b, f.cname->cname, f.cname->ttl_cname, DNS_CNAME);
        }
        dns_put16(r->out + 6, 1);
        *r->ret_bytes = finish(q, r->tcp, r->p, flags, &w);
        return true;
}

/* What is refused before anything is looked up (spec 5, "Pre-checks"; 6). */
static bool refuse(const struct dns_query *q, const uint8_t *p, uint8_t *out, size_t *ret_bytes) {
        if (q->flags & DNS_OPCODE)
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_OPCODE, DNS_NOTIMP, out);
        else if (q->questions != 1)
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_RD, DNS_SERVFAIL, out);
        else if (q->edns && q->edns_version != 0)
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_RD, DNS_BADVERS, out);
        else if (q->class != DNS_CLASS_IN || q->type == DNS_ANY)
                *ret_bytes = answer_rcode(q, p, 0, DNS_NOTIMP, out);
        else if (q->question_end - DNS_HEADER_BYTES != (size_t) q->name.len + 4)
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_RD, DNS_FORMERR, out);
        else
                return false;
        return true;
}

enum answer_kind answer_query(struct answerer *a, const struct dns_table *t, uint32_t ip, bool tcp, const uint8_t *p, size_t n,
                              const struct chased *chased, struct dns_query *q, uint8_t *out, size_t *ret_bytes, struct dns_name *ret_target) {
        int err = dns_query_parse(p, n, q);
        if (err == -EBADMSG)
                return ANSWER_DROP;
        if (err < 0) {
                q->edns = false;
                q->question_end = DNS_HEADER_BYTES;
                *ret_bytes = answer_rcode(q, p, q->flags & (DNS_RD | DNS_OPCODE), DNS_FORMERR, out);
                return ANSWER_REPLY;
        }
        if (refuse(q, p, out, ret_bytes))
                return ANSWER_REPLY;
        struct request r = { .a = a, .t = t, .q = q, .p = p, .tcp = tcp, .out = out, .ret_bytes = ret_bytes };
        table_client(t, ip, &r.scope);
        bool failed = false;
        if (q->type == DNS_A || q->type == DNS_AAAA) {
                enum answer_kind kind = addresses(&r, chased, ret_target, &failed);
                if (kind != ANSWER_RELAY)
                        return kind;
        } else if (other_types(&r)) {
                return ANSWER_REPLY;
        }
        const struct dns_name *suffix = NULL;
        bool ours = table_is_authoritative(t, &q->lower, &suffix);
        if (failed || (ours && !table_is_loaded(t))) {
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_RD, DNS_SERVFAIL, out);
        } else if (ours) {
                bool other = q->type != DNS_A && q->type != DNS_AAAA && matching(t, r.scope, &q->lower, WANT_ANY).any;
                *ret_bytes = deny(a, q, tcp, p, suffix, other ? DNS_NOERROR : DNS_NXDOMAIN, out);
        } else if (q->type == DNS_AXFR || q->type == DNS_IXFR) {
                *ret_bytes = answer_rcode(q, p, q->flags & DNS_RD, DNS_REFUSED, out);
        } else {
                return ANSWER_RELAY;
        }
        return ANSWER_REPLY;
}

size_t answer_relay(const struct dns_query *q, bool tcp, const uint8_t *p, size_t n, uint8_t *out) {
        struct dns_reply r;
        size_t limit = tcp ? TCP_BYTES_MAX : q->udp_bytes;
        if (dns_reply_parse(p, n, &r) < 0 || r.answer_at - DNS_HEADER_BYTES != (size_t) q->name.len + 4)
                return 0;
        if (out != p)
                memcpy(out, p, r.end);
        n = r.end;
        dns_put16(out, q->id);
        memcpy(out + DNS_HEADER_BYTES, q->name.b, q->name.len);
        unsigned flags = r.flags & ~(unsigned) DNS_TC;
        if (q->type == DNS_AAAA && (flags & DNS_RCODE) == DNS_NXDOMAIN)
                flags &= ~(unsigned) DNS_RCODE;         /* its A may exist here (spec 7) */
        if (n > limit) {                                /* additional records go first, but for OPT */
                memmove(out + r.additional_at, out + r.opt_at, r.opt_bytes);
                n = r.additional_at + r.opt_bytes;
                dns_put16(out + 10, r.opt_bytes > 0);
        }
        if (n > limit) {
                memmove(out + r.answer_at, out + r.additional_at, r.opt_bytes);
                n = r.answer_at + r.opt_bytes;
                dns_put32(out + 6, 0);
                flags |= DNS_TC;
        }
        dns_put16(out + 2, flags);
        return n;
}
