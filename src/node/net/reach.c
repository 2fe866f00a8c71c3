#include "reach.h"

#include "base/log.h"
#include "base/rng.h"
#include "base/times.h"

#include <linux/icmp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

enum {
        EVERY_MS = 1000, LOST_MS = 4500, LARGE_LOST_MS = 9000, GRACE_MS = 30000, PACKET_BYTES_MAX = 65536, SMALL_BYTES = 84, RCVBUF = 1 << 20,
        HEADS = sizeof(struct iphdr) + sizeof(struct icmphdr),
};

struct question { uint64_t cookie, sent_us; uint8_t large; };   /* payload; comes back as it was sent */

struct reach {
        struct loop *loop;
        loop_fn changed;
        void *arg;
        struct timer *timer;
        int fd;
        struct fd_watch *watch;
        struct inet address;
        unsigned large_bytes;
        VEC(struct probed) peers;
        uint64_t cookie;
        uint16_t id, round;
        bool had_peers, telling;
        uint8_t *buf;
};

const char *peer_state_to_string(enum peer_state s) {
        static const char *const names[PEER_STATE_MAX] = { "unknown", "ok", "smallPacketsOnly", "unreachable", "away" };
        return s < PEER_STATE_MAX ? names[s] : NULL;
}

static void tell(void *arg) {
        struct reach *p = arg;
        p->telling = false;
        p->changed(p->arg);
}

/* The only writer of a peer's state. */
static void set_state(struct reach *p, struct probed *peer, enum peer_state to) {
        if (peer->state == to)
                return;
        bool bad = to == PEER_LOST || to == PEER_SMALL_ONLY;
        char text[INET_TEXT_MAX];
        log_kv(bad ? LOG_WARNING : LOG_INFO, "host over the overlay", "name", peer->name, "address", inet_text(&peer->host, text), "was", peer_state_to_string(peer->state),
               "is", peer_state_to_string(to), NULL);
        peer->state = to;
        peer->since_ms = time_wall_ms();
        if (!p->telling)
                loop_defer(p->loop, tell, p);
        p->telling = true;
}

static void judge(struct reach *p, struct probed *peer) {
        uint64_t now_ms = loop_now_ms(p->loop);
        bool small = peer->small_ms && now_ms - peer->small_ms <= LOST_MS, large = peer->large_ms && now_ms - peer->large_ms <= LARGE_LOST_MS;
        bool waited = now_ms - peer->known_ms > peer->grace_ms || peer->small_ms;
        if (peer->away)
                return set_state(p, peer, PEER_AWAY);
        if (small && (large || now_ms - peer->known_ms <= LARGE_LOST_MS))
                return set_state(p, peer, PEER_OK);
        if (small)
                return set_state(p, peer, PEER_SMALL_ONLY);
        set_state(p, peer, waited ? PEER_LOST : PEER_UNKNOWN);
}

/* Questions ------------------------------------------------------------------------------------------------------------ */

static uint16_t checksum(const uint8_t *p, size_t n) {
        uint32_t sum = 0;
        for (size_t i = 0; i + 1 < n; i += 2)
                sum += (uint32_t) (p[i] << 8 | p[i + 1]);
        if (n & 1)
                sum += (uint32_t) (p[n - 1] << 8);
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

static void ask(struct reach *p, struct probed *peer, bool large) {
        size_t n = (large ? MAX(p->large_bytes, (unsigned) SMALL_BYTES) : (unsigned) SMALL_BYTES) - sizeof(struct iphdr);
        struct icmphdr head = { .type = ICMP_ECHO, .un.echo = { .id = p->id, .sequence = htons(p->round) } };
        struct question q = { .cookie = p->cookie, .sent_us = time_mono_us(), .large = large };
        memset(p->buf, 0, n);
        memcpy(p->buf, &head, sizeof head);
        memcpy(p->buf + sizeof head, &q, sizeof q);
        head.checksum = checksum(p->buf, n);
        memcpy(p->buf, &head, sizeof head);
        struct sockaddr_in to = { .sin_family = AF_INET };
        memcpy(&to.sin_addr, peer->address.bytes, 4);
        (void) sendto(p->fd, p->buf, n, MSG_DONTWAIT, (struct sockaddr *) &to, sizeof to);      /* one that does not leave is not answered */
        peer->sent++;
}

static void on_timer(void *arg) {
        struct reach *p = arg;
        p->round++;
        for (size_t i = 0; i < p->peers.n; i++) {
                if (p->fd >= 0) {
                        ask(p, &p->peers.v[i], false);
                        if (p->round % 2 == 0)
                                ask(p, &p->peers.v[i], true);
                }
                judge(p, &p->peers.v[i]);
        }
}

/* Answers -------------------------------------------------------------------------------------------------------------- */

static struct probed *find_address(struct reach *p, const uint8_t *address) {
        for (size_t i = 0; i < p->peers.n; i++)
                if (memcmp(p->peers.v[i].address.bytes, address, 4) == 0)
                        return &p->peers.v[i];
        return NULL;
}

static void on_answer(struct reach *p, const uint8_t *packet, size_t n) {
        struct iphdr ip;
        struct icmphdr head;
        struct question q;
        memcpy(&ip, packet, sizeof ip);
        size_t ip_bytes = (size_t) ip.ihl * 4;
        if (ip_bytes < sizeof ip || n < ip_bytes + sizeof head + sizeof q)
                return;
        memcpy(&head, packet + ip_bytes, sizeof head);
        memcpy(&q, packet + ip_bytes + sizeof head, sizeof q);
        struct probed *peer = find_address(p, (const uint8_t *) &ip.saddr);
        if (head.type != ICMP_ECHOREPLY || head.un.echo.id != p->id || q.cookie != p->cookie || !peer)
                return;
        peer->answered++;
        peer->rtt_us = MAX((uint64_t) 1, time_mono_us() - q.sent_us);
        peer->small_ms = loop_now_ms(p->loop);
        if (q.large)
                peer->large_ms = peer->small_ms;
        judge(p, peer);
}

static void on_readable(int events, void *arg) {
        struct reach *p = arg;
        for (;;) {
                ssize_t n = recv(p->fd, p->buf, PACKET_BYTES_MAX, MSG_DONTWAIT);
                if (n < 0)
                        return;
                if ((size_t) n >= HEADS)
                        on_answer(p, p->buf, (size_t) n);
        }
}

static void shut(struct reach *p) {
        if (p->watch)
                fd_watch_free(dr_take(p->watch));
        if (p->fd >= 0)
                close(p->fd);
        p->fd = -1;
}

static int open_socket(struct reach *p, struct dr_error *err) {
        shut(p);
        auto_close int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
        int never = IP_PMTUDISC_PROBE, on = 1, size = RCVBUF;
        struct icmp_filter filter = { .data = ~(1u << ICMP_ECHOREPLY) };
        struct sockaddr_in from = { .sin_family = AF_INET };
        memcpy(&from.sin_addr, p->address.bytes, 4);
        if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never) < 0 || setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) < 0 ||
            setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0 ||
            bind(fd, (struct sockaddr *) &from, sizeof from) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open a socket to ask other hosts: %m");
        p->watch = fd_watch_new(p->loop, fd, FD_READABLE, on_readable, p);
        if (!p->watch)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not watch the socket for answers of other hosts");
        p->fd = fd;
        fd = -1;
        return 0;
}

/* Who ------------------------------------------------------------------------------------------------------------------ */

static int compare_uuid(const void *a, const void *b) { return strcmp(((const struct probed *) a)->uuid, ((const struct probed *) b)->uuid); }

static void peer_done(struct probed *peer) {
        free(peer->uuid);
        free(peer->name);
}

static void take(struct reach *p, const struct overlay_peer *o) {
        struct probed key = { .uuid = (char *) o->uuid };
        struct probed *peer = p->peers.n ? bsearch(&key, p->peers.v, p->peers.n, sizeof key, compare_uuid) : NULL;
        if (!peer) {
                struct probed fresh = { .uuid = dr_xstrdup(o->uuid), .name = dr_xstrdup(o->name), .known_ms = loop_now_ms(p->loop), .since_ms = time_wall_ms(),
                                        .grace_ms = p->had_peers ? GRACE_MS : LOST_MS, .host = o->host, .address = o->address };
                vec_push(&p->peers, fresh);
                peer = &p->peers.v[p->peers.n - 1];
        }
        if (!str_eq(peer->name, o->name)) {
                free(peer->name);
                peer->name = dr_xstrdup(o->name);
        }
        if (peer->away && !o->away) {                   /* it is back: time to come up */
                peer->known_ms = loop_now_ms(p->loop);
                peer->small_ms = peer->large_ms = 0;
                peer->grace_ms = GRACE_MS;
        }
        peer->host = o->host;
        peer->address = o->address;
        peer->away = o->away;
        peer->seen = true;
}

int reach_set(struct reach *p, const struct overlay *o, struct dr_error *err) {
        for (size_t i = 0; i < p->peers.n; i++)
                p->peers.v[i].seen = false;
        VEC(struct overlay_peer) fresh = { 0 };
        /* Known ones first: the list is searched, and stays sorted until all are found. */
        for (size_t i = 0; i < o->peers.n; i++) {
                struct probed key = { .uuid = (char *) o->peers.v[i].uuid };
                if (p->peers.n && bsearch(&key, p->peers.v, p->peers.n, sizeof key, compare_uuid))
                        take(p, &o->peers.v[i]);
                else
                        vec_push(&fresh, o->peers.v[i]);
        }
        size_t n = 0;
        for (size_t i = 0; i < p->peers.n; i++) {
                if (p->peers.v[i].seen)
                        p->peers.v[n++] = p->peers.v[i];
                else
                        peer_done(&p->peers.v[i]);
        }
        p->peers.n = n;
        for (size_t i = 0; i < fresh.n; i++)
                take(p, &fresh.v[i]);
        vec_done(&fresh);
        vec_sort(&p->peers, compare_uuid);
        p->had_peers |= p->peers.n > 0;
        p->large_bytes = MIN(o->mtu, (unsigned) PACKET_BYTES_MAX - 1);
        bool moved = !inet_eq(&p->address, &o->address);
        p->address = o->address;
        return moved || p->fd < 0 ? open_socket(p, err) : 0;
}

size_t reach_count(const struct reach *p) { return p->peers.n; }
const struct probed *reach_at(const struct reach *p, size_t i) { return &p->peers.v[i]; }

struct reach *reach_new(struct loop *l, loop_fn changed, void *arg) {
        struct reach *p = dr_xnew(struct reach);
        p->loop = l;
        p->changed = changed;
        p->arg = arg;
        p->fd = -1;
        p->buf = dr_xmalloc(PACKET_BYTES_MAX);
        random_bytes(&p->cookie, sizeof p->cookie);
        random_bytes(&p->id, sizeof p->id);
        p->timer = timer_new(l, on_timer, p);
        timer_start_periodic(p->timer, EVERY_MS, EVERY_MS);
        return p;
}

struct reach *reach_free(struct reach *p) {
        if (!p)
                return NULL;
        shut(p);
        timer_free(p->timer);
        loop_defer_cancel(p->loop, tell, p);
        for (size_t i = 0; i < p->peers.n; i++)
                peer_done(&p->peers.v[i]);
        vec_done(&p->peers);
        free(p->buf);
        free(p);
        return NULL;
}
