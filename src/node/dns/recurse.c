#include "node/dns/recurse.h"

#include "base/log.h"
#include "base/rng.h"
#include "base/vec.h"
#include "net/dial.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { FAILED_MAX = 256, STRANGE_MAX = 64 };

struct waiter { recurse_fn fn; void *arg; };

struct lookup {
        struct recurser *r;
        struct lookup *next_hash, *next, **pprev;
        uint64_t hash, until_ms;
        struct dns_key key;
        struct dns_recursers servers;   /* in the order in which they are asked */
        unsigned at;                    /* which of them is being asked */
        unsigned strange;               /* packets that were no answer to this */
        uint16_t id;
        int fd;
        struct fd_watch *watch;
        struct timer *timer;
        struct dial *dial;
        struct stream *stream;
        struct sbuf in;                 /* of TCP */
        size_t name_bytes, query_bytes;
        uint8_t *query;                 /* the message to send: with this try's id and spelling */
        uint8_t name[DNS_NAME_BYTES_MAX];       /* as the first asker spelt it */
        VEC(struct waiter) waiters;
};

struct failed { struct sockaddr_storage address; uint64_t until_ms; };

struct recurser {
        struct loop *loop;
        struct recurse_config cfg;
        struct dns_cache *cache;
        struct lookup *lookups;
        struct lookup *buckets[1024];
        size_t n_lookups, n_waiters;
        VEC(struct failed) failed;
};

struct recurser *recurser_new(struct loop *l, const struct recurse_config *cfg, struct dns_cache *cache) {
        struct recurser *r = dr_xnew(struct recurser);
        r->loop = l;
        r->cfg = *cfg;
        r->cache = cache;
        return r;
}

static void stop_try(struct lookup *k) {
        k->watch = fd_watch_free(k->watch);
        dr_closep(&k->fd);
        k->fd = -1;
        if (k->dial)
                dial_cancel(dr_take(k->dial));
        if (k->stream) {
                static const struct stream_events none = { 0 };
                stream_set_events(k->stream, &none, NULL);
                stream_close(dr_take(k->stream));
        }
        sbuf_reset(&k->in);
}

static void finish_later(void *arg);

static void lookup_free(struct lookup *k) {
        struct recurser *r = k->r;
        stop_try(k);
        loop_defer_cancel(r->loop, finish_later, k);
        timer_free(k->timer);
        struct lookup **at = &r->buckets[k->hash % ARRAY_LEN(r->buckets)];
        while (*at != k)
                at = &(*at)->next_hash;
        *at = k->next_hash;
        *k->pprev = k->next;
        if (k->next)
                k->next->pprev = k->pprev;
        r->n_lookups--;
        r->n_waiters -= k->waiters.n;
        vec_done(&k->waiters);
        sbuf_done(&k->in);
        free(k->query);
        free(k);
}

struct recurser *recurser_free(struct recurser *r) {
        if (!r)
                return NULL;
        while (r->lookups)
                lookup_free(r->lookups);
        vec_done(&r->failed);
        free(r);
        return NULL;
}

static socklen_t address_bytes(const struct sockaddr_storage *a) { return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6); }

static bool has_failed(struct recurser *r, const struct sockaddr_storage *a) {
        for (size_t i = 0; i < r->failed.n; i++)
                if (memcmp(&r->failed.v[i].address, a, address_bytes(a)) == 0)
                        return r->failed.v[i].until_ms > loop_now_ms(r->loop);
        return false;
}

static void note(struct recurser *r, const struct sockaddr_storage *a, bool ok) {
        for (size_t i = 0; i < r->failed.n; i++) {
                if (memcmp(&r->failed.v[i].address, a, address_bytes(a)) != 0)
                        continue;
                if (ok)
                        vec_remove_at(&r->failed, i);
                else
                        r->failed.v[i].until_ms = loop_now_ms(r->loop) + RECURSE_FAILED_MS;
                return;
        }
        if (!ok) {
                if (r->failed.n == FAILED_MAX)
                        vec_remove_at(&r->failed, 0);
                vec_push(&r->failed, ((struct failed) { *a, loop_now_ms(r->loop) + RECURSE_FAILED_MS }));
        }
}

/* In the list's order, but those that did not answer lately behind the others. */
static void order_servers(struct recurser *r, const struct dns_recursers *from, struct dns_recursers *ret) {
        ret->n = 0;
        for (int late = 0; late < 2; late++)
                for (unsigned i = 0; i < from->n; i++)
                        if (has_failed(r, &from->v[i]) == (late == 1))
                                ret->v[ret->n++] = from->v[i];
}

/* Takes the lookup apart, then tells: a waiter may ask again. p may be inside the lookup's buffers: the caller's copy is given. */
static void end(struct lookup *k, const uint8_t *p, size_t n) {
        __auto_type waiters = k->waiters;
        k->r->n_waiters -= waiters.n;
        k->waiters.v = NULL;
        k->waiters.n = k->waiters.cap = 0;
        lookup_free(k);
        for (size_t i = 0; i < waiters.n; i++)
                waiters.v[i].fn(p, n, waiters.v[i].arg);
        vec_done(&waiters);
}

static void try_next(struct lookup *k);

static void failed(struct lookup *k) {
        note(k->r, &k->servers.v[k->at], false);
        k->at++;
        try_next(k);
}

/* How long an answer is kept (spec 8, drover's): its least TTL; without records what its SOA says, else --ttl; failures at most 5 s. */
static uint32_t lifetime(const struct recurser *r, const struct dns_reply *d) {
        unsigned rcode = d->flags & DNS_RCODE;
        uint32_t ttl = d->ttl_min;
        if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN)
                ttl = MIN(r->cfg.ttl, 5u);
        else if (d->answers == 0 || rcode == DNS_NXDOMAIN)
                ttl = d->has_soa ? MIN(d->negative_ttl, ttl) : r->cfg.ttl;
        return MIN(ttl, r->cfg.ceiling_s);
}

/* 1: it ended the search (k is gone) or led to TCP; 0: not an answer to what was asked; negative: an answer nobody can read. */
static int got(struct lookup *k, const uint8_t *p, size_t n, bool tcp) {
        struct recurser *r = k->r;
        if (n < DNS_HEADER_BYTES || dns_u16(p) != k->id || !(p[2] & 0x80) || n < DNS_HEADER_BYTES + k->name_bytes + 4 || dns_u16(p + 4) != 1)
                return 0;
        const uint8_t *asked = k->query + DNS_HEADER_BYTES;
        struct dns_name name;
        size_t at = DNS_HEADER_BYTES;
        if (dns_name_read(p, n, &at, &name) < 0 || !dns_name_eq(name.b, asked) || memcmp(p + at, asked + k->name_bytes, 4) != 0)
                return 0;
        if (r->cfg.mixed_case && memcmp(name.b, asked, k->name_bytes) != 0)
                return 0;
        if (!tcp && (dns_u16(p + 2) & DNS_TC))
                return 2;
        struct dns_reply d;
        if (n > DNS_MESSAGE_BYTES_MAX || dns_reply_parse(p, n, &d) < 0 || d.answer_at != DNS_HEADER_BYTES + k->name_bytes + 4)
                return -EBADMSG;
        note(r, &k->servers.v[k->at], true);
        uint8_t *copy = dr_xmalloc(d.end);
        memcpy(copy, p, d.end);
        memcpy(copy + DNS_HEADER_BYTES, k->name, k->name_bytes);
        dns_reply_age(copy, d.end, &d, 0, r->cfg.ceiling_s);
        if (!(d.flags & DNS_TC))
                dns_cache_put(r->cache, &k->key, loop_now_ms(r->loop), (uint64_t) lifetime(r, &d) * 1000, copy, d.end);
        end(k, copy, d.end);
        free(copy);
        return 1;
}

static int tcp_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct lookup *k = arg;
        sbuf_add(&k->in, p, n);
        const uint8_t *in = (const uint8_t *) k->in.data;
        if (!sbuf_ok(&k->in) || (k->in.len >= 2 && k->in.len > 2u + dns_u16(in)))
                return -EBADMSG;
        if (k->in.len < 2 || k->in.len < 2u + dns_u16(in))
                return 0;
        return got(k, in + 2, k->in.len - 2, true) == 1 ? 0 : -EBADMSG;
}

static void tcp_closed(struct stream *s, int why, void *arg) {
        struct lookup *k = arg;
        k->stream = NULL;
        failed(k);
}

static void tcp_eof(struct stream *s, void *arg) { stream_close(s); }

static const struct stream_events tcp_events = { .on_data = tcp_data, .on_eof = tcp_eof, .on_close = tcp_closed };

static void connected(struct stream *s, const struct dr_error *err, void *arg) {
        struct lookup *k = arg;
        k->dial = NULL;
        if (!s) {
                failed(k);
                return;
        }
        k->stream = s;
        stream_set_events(s, &tcp_events, k);
        uint8_t length[2];
        dns_put16(length, (unsigned) k->query_bytes);
        if (stream_write(s, length, 2) < 0 || stream_write(s, k->query, k->query_bytes) < 0)
                stream_close(s);
}

static void try_tcp(struct lookup *k) {
        const struct sockaddr_storage *a = &k->servers.v[k->at];
        const struct sockaddr_in *v4 = (const void *) a;
        const struct sockaddr_in6 *v6 = (const void *) a;
        char host[INET6_ADDRSTRLEN];
        struct dr_error err;
        stop_try(k);
        bool is4 = a->ss_family == AF_INET;
        inet_ntop(a->ss_family, is4 ? (const void *) &v4->sin_addr : (const void *) &v6->sin6_addr, host, sizeof host);
        struct dial_spec spec = { .address = host, .port = ntohs(v4->sin_port), .netns_fd = -1, .timeout_ms = k->r->cfg.timeout_ms, .done = connected, .arg = k };
        uint64_t now = loop_now_ms(k->r->loop);
        timer_start(k->timer, MIN(k->r->cfg.timeout_ms, k->until_ms > now ? k->until_ms - now : 0));
        k->dial = dial_start(k->r->loop, &spec, &err);
        if (!k->dial)
                failed(k);
}

static void readable(int events, void *arg) {
        struct lookup *k = arg;
        uint8_t buf[DNS_MESSAGE_BYTES_MAX];
        for (int i = 0; i < 16; i++) {
                ssize_t n = recv(k->fd, buf, sizeof buf, MSG_DONTWAIT);
                if (n < 0) {
                        if (errno != EAGAIN && errno != EINTR)
                                failed(k);              /* ICMP: nobody there */
                        return;
                }
                int r = got(k, buf, (size_t) n, false);
                if (r == 1)
                        return;
                if (r == 2) {
                        try_tcp(k);
                        return;
                }
                if (r < 0 || ++k->strange > STRANGE_MAX) {
                        failed(k);                      /* unreadable, or somebody guesses */
                        return;
                }
        }
}

static void timed_out(void *arg) { failed(arg); }

/* A new id and spelling for each try. */
static void prepare(struct lookup *k) {
        uint8_t noise[2 + DNS_NAME_BYTES_MAX];
        random_bytes(noise, sizeof noise);
        k->id = (uint16_t) dns_u16(noise);
        dns_put16(k->query, k->id);
        uint8_t *name = k->query + DNS_HEADER_BYTES;
        memcpy(name, k->name, k->name_bytes);
        for (size_t i = 0; k->r->cfg.mixed_case && i < k->name_bytes; i++)
                if ((unsigned) ((name[i] | 0x20) - 'a') < 26)
                        name[i] ^= noise[2 + i] & 0x20;
        k->strange = 0;
}

static void finish_later(void *arg) { end(arg, NULL, 0); }

static void try_next(struct lookup *k) {
        struct recurser *r = k->r;
        stop_try(k);
        timer_stop(k->timer);
        for (; k->at < k->servers.n; k->at++) {
                uint64_t now = loop_now_ms(r->loop);
                if (now >= k->until_ms)
                        break;
                const struct sockaddr_storage *a = &k->servers.v[k->at];
                prepare(k);
                k->fd = socket(a->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (k->fd >= 0 && connect(k->fd, (const struct sockaddr *) a, address_bytes(a)) == 0 &&
                    send(k->fd, k->query, k->query_bytes, MSG_NOSIGNAL) == (ssize_t) k->query_bytes &&
                    (k->watch = fd_watch_new(r->loop, k->fd, FD_READABLE, readable, k))) {
                        timer_start(k->timer, MIN(r->cfg.timeout_ms, k->until_ms - now));
                        return;
                }
                log_debugf("a recurser cannot be asked: %m");
                note(r, a, false);
                stop_try(k);
        }
        loop_defer(r->loop, finish_later, k);
}

static struct lookup *find(struct recurser *r, const struct dns_key *key, uint64_t hash) {
        for (struct lookup *k = r->buckets[hash % ARRAY_LEN(r->buckets)]; k; k = k->next_hash)
                if (k->hash == hash && dns_key_eq(&k->key, key))
                        return k;
        return NULL;
}

bool recurse(struct recurser *r, const struct dns_recursers *servers, const struct dns_query *q, const uint8_t *query, size_t n, recurse_fn fn, void *arg) {
        struct dns_key key;
        dns_key_make(&key, servers, q);
        uint64_t hash = dns_key_hash(&key);
        struct lookup *k = find(r, &key, hash);
        if (servers->n == 0 || r->n_waiters >= RECURSE_WAITERS_MAX || (!k && r->n_lookups >= RECURSE_LOOKUPS_MAX))
                return false;
        struct waiter w = { fn, arg };
        r->n_waiters++;
        if (k) {
                vec_push(&k->waiters, w);
                return true;
        }
        k = dr_xnew(struct lookup);
        *k = (struct lookup) { .r = r, .hash = hash, .key = key, .fd = -1, .until_ms = loop_now_ms(r->loop) + RECURSE_TOTAL_MS, .in = SBUF(2 + DNS_MESSAGE_BYTES_MAX),
                               .query_bytes = n, .name_bytes = q->name.len };
        k->query = dr_xmalloc(n);
        memcpy(k->query, query, n);
        memcpy(k->name, q->name.b, q->name.len);
        vec_push(&k->waiters, w);
        k->next_hash = r->buckets[hash % ARRAY_LEN(r->buckets)];
        r->buckets[hash % ARRAY_LEN(r->buckets)] = k;
        k->next = r->lookups;
        if (k->next)
                k->next->pprev = &k->next;
        k->pprev = &r->lookups;
        r->lookups = k;
        r->n_lookups++;
        k->timer = timer_new(r->loop, timed_out, k);
        order_servers(r, servers, &k->servers);
        try_next(k);
        return true;
}
