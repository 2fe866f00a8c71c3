#include "node/dns/resolve.h"

#include <pthread.h>

struct later {
        struct resolver *r;
        struct later *next, **pprev;
        uint32_t ip;
        bool tcp, chase;
        struct dns_name target;
        resolve_fn fn;
        void *arg;
        size_t n;
        uint8_t query[];
};

struct resolver {
        struct loop *loop;
        struct resolver_config cfg;
        struct dns_cache *cache;
        struct recurser *recurser;
        pthread_mutex_t lock;           /* of table */
        struct dns_table *table;
        uint64_t version;               /* atomic: grows when table is exchanged */
        uint32_t serial;                /* atomic */
        struct later *laters;
        struct resolve_view view;       /* the loop's own */
        uint8_t *out;
};

struct resolver *resolver_new(struct loop *l, const struct resolver_config *cfg) {
        struct resolver *r = dr_xnew(struct resolver);
        r->loop = l;
        r->cfg = *cfg;
        pthread_mutex_init(&r->lock, NULL);
        r->cache = dns_cache_new(cfg->cache_messages);
        r->recurser = recurser_new(l, &cfg->recurse, r->cache);
        AUTO(builder_free) struct table_builder *b = builder_new(cfg->ttl, 0);
        r->table = builder_finish(b, false);
        r->version = 1;
        r->out = dr_xmalloc(DNS_MESSAGE_BYTES_MAX);
        resolve_view_init(&r->view, r);
        return r;
}

static void later_free(struct later *w) {
        *w->pprev = w->next;
        if (w->next)
                w->next->pprev = w->pprev;
        free(w);
}

struct resolver *resolver_free(struct resolver *r) {
        if (!r)
                return NULL;
        recurser_free(r->recurser);
        while (r->laters) {
                r->laters->fn(NULL, 0, r->laters->arg);
                later_free(r->laters);
        }
        resolve_view_done(&r->view);
        table_unref(r->table);
        dns_cache_free(r->cache);
        pthread_mutex_destroy(&r->lock);
        free(r->out);
        free(r);
        return NULL;
}

void resolver_set_table(struct resolver *r, struct dns_table *t) {
        pthread_mutex_lock(&r->lock);
        struct dns_table *old = r->table;
        r->table = t;
        __atomic_add_fetch(&r->version, 1, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&r->lock);
        table_unref(old);
        resolve_view_refresh(&r->view);
}

struct dns_table *resolver_table(struct resolver *r) {
        pthread_mutex_lock(&r->lock);
        struct dns_table *t = table_ref(r->table);
        pthread_mutex_unlock(&r->lock);
        return t;
}

void resolve_view_init(struct resolve_view *v, struct resolver *r) {
        *v = (struct resolve_view) { .resolver = r, .answerer = { .serial = &r->serial, .ttl = r->cfg.ttl } };
        rng_seed_random(&v->answerer.rng);
        v->scratch = dr_xmalloc(DNS_MESSAGE_BYTES_MAX);
        resolve_view_refresh(v);
}

void resolve_view_done(struct resolve_view *v) {
        v->table = table_unref(v->table);
        free(v->scratch);
        v->scratch = NULL;
}

void resolve_view_refresh(struct resolve_view *v) {
        uint64_t version = __atomic_load_n(&v->resolver->version, __ATOMIC_ACQUIRE);
        if (version == v->version)
                return;
        table_unref(v->table);
        v->table = resolver_table(v->resolver);
        v->version = version;           /* at most older than the table: then it is taken again */
}

/* The question for the addresses of a CNAME's target, as a message in buf. */
static size_t target_query(const struct dns_name *target, struct dns_query *q, uint8_t *buf) {
        *q = (struct dns_query) { .flags = DNS_RD, .type = DNS_A, .class = DNS_CLASS_IN, .questions = 1, .name = *target, .lower = *target };
        dns_name_lower(&q->lower);
        struct dns_writer w;
        dns_write_begin(&w, buf, DNS_UDP_BYTES_MIN);
        uint8_t head[DNS_HEADER_BYTES] = { 0, 0, DNS_RD >> 8, 0, 0, 1 };
        dns_write_bytes(&w, head, sizeof head);
        dns_write_question(&w, target->b, DNS_A, DNS_CLASS_IN);
        q->question_end = w.n;
        return w.n;
}

/* With what was chased (NULL: nothing yet) as far as it goes without asking anybody. *ret_q: what to ask the recursers, else. */
static enum resolve attempt(struct resolve_view *v, uint32_t ip, bool tcp, const uint8_t *p, size_t n, uint64_t now_ms, uint8_t *out, size_t *ret_bytes,
                            struct dns_query *q, struct dns_name *ret_target, bool *ret_chase) {
        struct dns_key key;
        enum answer_kind kind = answer_query(&v->answerer, v->table, ip, tcp, p, n, NULL, q, out, ret_bytes, ret_target);
        if (kind == ANSWER_DROP || kind == ANSWER_REPLY)
                return kind == ANSWER_DROP ? RESOLVE_DROP : RESOLVE_REPLY;
        const struct dns_recursers *servers = &table_client(v->table, ip, NULL)->recursers;
        *ret_chase = kind == ANSWER_CHASE;
        if (kind == ANSWER_RELAY) {
                dns_key_make(&key, servers, q);
                size_t have = dns_cache_get(v->resolver->cache, &key, now_ms, v->scratch);
                *ret_bytes = have ? answer_relay(q, tcp, v->scratch, have, out) : 0;
                return *ret_bytes ? RESOLVE_REPLY : RESOLVE_LATER;
        }
        struct dns_query tq;
        uint8_t message[DNS_UDP_BYTES_MIN];
        (void) target_query(ret_target, &tq, message);
        dns_key_make(&key, servers, &tq);
        size_t have = dns_cache_get(v->resolver->cache, &key, now_ms, v->scratch);
        struct chased chased = { .target = *ret_target, .reply = v->scratch, .reply_bytes = have };
        struct dns_name again;
        if (have && answer_query(&v->answerer, v->table, ip, tcp, p, n, &chased, q, out, ret_bytes, &again) == ANSWER_REPLY)
                return RESOLVE_REPLY;
        return RESOLVE_LATER;
}

enum resolve resolve_now(struct resolve_view *v, uint32_t ip, bool tcp, const uint8_t *p, size_t n, uint64_t now_ms, uint8_t *out, size_t *ret_bytes) {
        struct dns_query q;
        struct dns_name target;
        bool chase;
        return attempt(v, ip, tcp, p, n, now_ms, out, ret_bytes, &q, &target, &chase);
}

static void recursed(const uint8_t *p, size_t n, void *arg) {
        struct later *w = arg;
        struct resolver *r = w->r;
        struct dns_query q;
        struct dns_name again;
        size_t bytes = 0;
        resolve_view_refresh(&r->view);
        if (dns_query_parse(w->query, w->n, &q) < 0) {
                bytes = 0;                              /* it was parsed before: cannot be */
        } else if (!w->chase) {
                bytes = p ? answer_relay(&q, w->tcp, p, n, r->out) : 0;
        } else {
                struct chased chased = { .target = w->target, .failed = !p, .reply = p, .reply_bytes = n };
                if (answer_query(&r->view.answerer, r->view.table, w->ip, w->tcp, w->query, w->n, &chased, &q, r->out, &bytes, &again) != ANSWER_REPLY)
                        bytes = 0;
        }
        if (!bytes)
                bytes = answer_rcode(&q, w->query, q.flags & DNS_RD, DNS_SERVFAIL, r->out);
        w->fn(r->out, bytes, w->arg);
        later_free(w);
}

void resolve_later(struct resolver *r, uint32_t ip, bool tcp, const uint8_t *p, size_t n, resolve_fn fn, void *arg) {
        struct dns_query q;
        struct dns_name target;
        bool chase = false;
        size_t bytes = 0;
        resolve_view_refresh(&r->view);
        enum resolve now = attempt(&r->view, ip, tcp, p, n, loop_now_ms(r->loop), r->out, &bytes, &q, &target, &chase);
        if (now != RESOLVE_LATER) {
                fn(now == RESOLVE_REPLY ? r->out : NULL, now == RESOLVE_REPLY ? bytes : 0, arg);
                return;
        }
        struct later *w = dr_xcalloc(1, sizeof *w + n);
        w->r = r;
        w->ip = ip;
        w->tcp = tcp;
        w->chase = chase;
        w->fn = fn;
        w->arg = arg;
        w->n = n;
        memcpy(w->query, p, n);
        w->next = r->laters;
        if (w->next)
                w->next->pprev = &w->next;
        w->pprev = &r->laters;
        r->laters = w;
        const struct dns_recursers *servers = &table_client(r->view.table, ip, NULL)->recursers;
        uint8_t message[DNS_UDP_BYTES_MIN];
        bool asked;
        if (chase) {
                struct dns_query tq;
                w->target = target;
                size_t length = target_query(&target, &tq, message);
                asked = recurse(r->recurser, servers, &tq, message, length, recursed, w);
        } else {
                asked = recurse(r->recurser, servers, &q, p, n, recursed, w);
        }
        if (!asked)
                recursed(NULL, 0, w);
}
