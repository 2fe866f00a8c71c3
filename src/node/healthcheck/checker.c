#include "checker.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/rng.h"
#include "base/vec.h"
#include "request.h"

enum {
        INTERVAL_MS = 2000, RISE = 2, FALL = 3, MS_MAX = 24 * 3600 * 1000, COUNT_MAX = 1000, INTERVAL_MIN_MS = 100,
        RUNNING_MAX = 4096, RUNNING_MIN = 16, READ_BYTES = 2048, AGAIN_MS = 50,
};

struct check {
        struct checker *checker;
        void *owner;
        struct in6_addr ip;             /* IPv4 as its mapped form */
        uint16_t port, rise, fall, count;       /* count: probes in a row that say the other thing than state does */
        uint32_t interval_ms, timeout_ms;
        uint8_t state;
        bool counts_up;                 /* what count counts */
        char *line, *request;           /* as configured; as sent, NULL: connect only */
        uint64_t due_ms, began_ms;      /* next event; when this probe began */
        size_t at;                      /* place in the heap */
        int fd;                         /* negative: no probe is running */
        unsigned sent;
        bool connected;
        struct answer answer;
        struct fd_watch *watch;
};

struct checker {
        struct loop *loop;
        struct checker_conf conf;
        struct rng rng;
        struct timer *timer;
        VEC(struct check *) heap;       /* by due_ms */
        size_t running;
        uint64_t probes, failed;
        struct check *telling;          /* whose change is being told: NULL again when it was freed meanwhile */
};

static const char *const names[] = { [CHECK_UNKNOWN] = "unknown", [CHECK_SEEN] = "seen", [CHECK_UP] = "up", [CHECK_DOWN] = "down" };
const char *check_state_to_string(enum check_state s) { return (unsigned) s < ARRAY_LEN(names) ? names[s] : NULL; }

/* ---- the heap ---- */
static void place(struct checker *p, size_t at, struct check *c) {
        p->heap.v[at] = c;
        c->at = at;
}

static void sift(struct checker *p, size_t at) {
        struct check *c = p->heap.v[at];
        for (; at && p->heap.v[(at - 1) / 2]->due_ms > c->due_ms; at = (at - 1) / 2)
                place(p, at, p->heap.v[(at - 1) / 2]);
        for (size_t child; (child = 2 * at + 1) < p->heap.n; at = child) {
                if (child + 1 < p->heap.n && p->heap.v[child + 1]->due_ms < p->heap.v[child]->due_ms)
                        child++;
                if (p->heap.v[child]->due_ms >= c->due_ms)
                        break;
                place(p, at, p->heap.v[child]);
        }
        place(p, at, c);
}

static void arm(struct checker *p) {
        if (!p->heap.n) {
                timer_stop(p->timer);
                return;
        }
        uint64_t now = loop_now_ms(p->loop), due = p->heap.v[0]->due_ms;
        timer_start(p->timer, due > now ? due - now : 0);
}

static void due_at(struct check *c, uint64_t ms) {
        c->due_ms = ms;
        sift(c->checker, c->at);
}

/* ---- one probe ---- */
static void stop_probe(struct check *c) {
        if (c->fd < 0)
                return;
        fd_watch_free(dr_take(c->watch));
        /* No goodbye: thousands of closed connections would wait for theirs. */
        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 }, sizeof(struct linger));
        close(c->fd);
        c->fd = -1;
        c->checker->running--;
}

static void tell(struct check *c, enum check_state now, const char *reason) {
        struct checker *p = c->checker;
        c->state = (uint8_t) now;
        p->telling = c;
        if (p->conf.changed)
                p->conf.changed(c, now, reason, p->conf.arg);
}

/* NULL reason: it succeeded. */
static void end_probe(struct check *c, const char *reason) {
        struct checker *p = c->checker;
        bool up = !reason;
        stop_probe(c);
        p->probes++;
        p->failed += !up;
        uint64_t now = loop_now_ms(p->loop);
        due_at(c, MAX(c->began_ms + c->interval_ms, now + 1));
        arm(p);
        if (c->state == (up ? CHECK_UP : CHECK_DOWN)) {
                c->count = 0;
                return;
        }
        c->count = c->counts_up == up ? (uint16_t) (c->count + 1) : 1;
        c->counts_up = up;
        if (up && c->state == CHECK_UNKNOWN) {
                tell(c, CHECK_SEEN, "");
                if (!p->telling)
                        return;
        }
        if (c->count >= (up ? c->rise : c->fall)) {
                c->count = 0;
                tell(c, up ? CHECK_UP : CHECK_DOWN, str_or(reason, ""));
        }
}

static void fail_with_status(struct check *c) {
        char text[64];
        snprintf(text, sizeof text, "the answer's status is %d", answer_status(&c->answer));
        end_probe(c, text);
}

static void judge(struct check *c, enum answer_verdict v) {
        if (v == ANSWER_UP)
                end_probe(c, NULL);
        else if (v == ANSWER_BAD_STATUS)
                fail_with_status(c);
        else if (v == ANSWER_GARBAGE)
                end_probe(c, c->answer.n ? "the answer is not HTTP" : "the connection was closed without an answer");
}

static void read_answer(struct check *c) {
        char buf[READ_BYTES];
        ssize_t n = recv(c->fd, buf, sizeof buf, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0)
                end_probe(c, strerror(errno));
        else if (n == 0)
                judge(c, answer_end(&c->answer));
        else
                judge(c, answer_take(&c->answer, buf, (size_t) n));
}

static void write_request(struct check *c) {
        size_t len = strlen(c->request);
        ssize_t n = send(c->fd, c->request + c->sent, len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
                end_probe(c, strerror(errno));
                return;
        }
        c->sent += n > 0 ? (unsigned) n : 0;
        fd_watch_set(c->watch, c->sent < len ? FD_READABLE | FD_WRITABLE : FD_READABLE);
}

static void on_ready(int events, void *arg) {
        struct check *c = arg;
        int why = 0;
        socklen_t len = sizeof why;
        if (!c->connected) {
                if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0 || why || events < 0) {
                        end_probe(c, strerror(why ? why : EBADF));
                        return;
                }
                c->connected = true;
                if (!c->request) {
                        end_probe(c, NULL);
                        return;
                }
        }
        if (events < 0) {
                read_answer(c);                 /* what there still is, or why not */
                return;
        }
        if ((events & FD_WRITABLE) && c->sent < strlen(c->request)) {
                write_request(c);
                if (c->fd < 0)
                        return;
        }
        if (events & FD_READABLE)
                read_answer(c);
}

/* A socket on its way to the address; negative with errno. */
static int dial(const struct check *c) {
        struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(c->port) };
        struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(c->port), .sin6_addr = c->ip };
        bool v4 = IN6_IS_ADDR_V4MAPPED(&c->ip);
        memcpy(&a4.sin_addr, &c->ip.s6_addr[12], 4);
        auto_close int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        if (connect(fd, v4 ? (struct sockaddr *) &a4 : (struct sockaddr *) &a6, v4 ? sizeof a4 : sizeof a6) < 0 && errno != EINPROGRESS)
                return -1;
        int ret = fd;
        fd = -1;
        return ret;
}

static void begin_probe(struct check *c) {
        struct checker *p = c->checker;
        uint64_t now = loop_now_ms(p->loop);
        if (p->running >= p->conf.running_max) {        /* all descriptors are busy: a little later */
                due_at(c, now + AGAIN_MS);
                return;
        }
        c->began_ms = now;
        c->connected = false;
        c->sent = 0;
        c->answer.n = 0;
        c->fd = dial(c);
        int why = errno;
        if (c->fd >= 0) {
                p->running++;
                c->watch = fd_watch_new(p->loop, c->fd, FD_WRITABLE, on_ready, c);
                if (!c->watch)
                        end_probe(c, "the socket cannot be watched");
                else
                        due_at(c, now + c->timeout_ms);
        } else if (why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOBUFS) {
                due_at(c, now + c->interval_ms);        /* our fault, not the server's */
        } else {
                end_probe(c, strerror(why));
        }
}

static void on_timer(void *arg) {
        struct checker *p = arg;
        uint64_t now = loop_now_ms(p->loop);
        while (p->heap.n && p->heap.v[0]->due_ms <= now) {
                struct check *c = p->heap.v[0];
                if (c->fd < 0)
                        begin_probe(c);
                else
                        end_probe(c, c->connected ? "no answer in time" : "no connection in time");
        }
        arm(p);
}

/* ---- the face ---- */
struct checker *checker_new(struct loop *l, const struct checker_conf *conf) {
        struct checker *p = dr_xnew(struct checker);
        struct rlimit limit = { .rlim_cur = 1024 };
        p->loop = l;
        p->conf = *conf;
        (void) getrlimit(RLIMIT_NOFILE, &limit);
        if (!p->conf.running_max)
                p->conf.running_max = (unsigned) MIN(MAX(limit.rlim_cur / 2, (rlim_t) RUNNING_MIN), (rlim_t) RUNNING_MAX);
        if (conf->seed)
                rng_seed(&p->rng, conf->seed);
        else
                rng_seed_random(&p->rng);
        p->timer = timer_new(l, on_timer, p);
        return p;
}

struct checker *checker_free(struct checker *p) {
        if (!p)
                return NULL;
        while (p->heap.n)
                check_free(p->heap.v[p->heap.n - 1]);
        vec_done(&p->heap);
        timer_free(p->timer);
        free(p);
        return NULL;
}

static int64_t ranged(int64_t v, int64_t min, int64_t max, int64_t otherwise) { return v <= 0 ? otherwise : MIN(MAX(v, min), max); }

static int parse_address(const char *s, struct in6_addr *ret) {
        struct in_addr v4;
        if (s && inet_pton(AF_INET, s, &v4) == 1) {
                *ret = (struct in6_addr) { .s6_addr = { [10] = 0xff, [11] = 0xff } };
                memcpy(&ret->s6_addr[12], &v4, 4);
                return 0;
        }
        return s && inet_pton(AF_INET6, s, ret) == 1 ? 0 : -EINVAL;
}

static int fill(struct check *c, const struct check_conf *conf, struct dr_error *err) {
        char host[96];
        if (parse_address(conf->address, &c->ip) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, "address", "\"%.60s\" is no address", str_or(conf->address, ""));
        if (conf->port < 1 || conf->port > 65535)
                return dr_fail(err, DR_E_INVALID_OPTION, "port", "%lld is no port", (long long) conf->port);
        snprintf(host, sizeof host, strchr(conf->address, ':') ? "[%.60s]:%d" : "%.60s:%d", conf->address, (int) conf->port);
        int r = request_make(conf->request_line, host, &c->request, err);
        if (r < 0)
                return r;
        c->line = c->request ? dr_xstrdup(conf->request_line) : NULL;
        c->port = (uint16_t) conf->port;
        c->interval_ms = (uint32_t) ranged(conf->interval_ms, INTERVAL_MIN_MS, MS_MAX, INTERVAL_MS);
        c->timeout_ms = (uint32_t) ranged(conf->timeout_ms, 1, MS_MAX, c->interval_ms);
        c->rise = (uint16_t) ranged(conf->rise, 1, COUNT_MAX, RISE);
        c->fall = (uint16_t) ranged(conf->fall, 1, COUNT_MAX, FALL);
        return 0;
}

static void discard(struct check *c) {
        free(c->line);
        free(c->request);
        free(c);
}

struct check *check_new(struct checker *p, const struct check_conf *conf, void *owner, struct dr_error *err) {
        struct check *c = dr_xnew(struct check);
        *c = (struct check) { .checker = p, .owner = owner, .fd = -1 };
        if (fill(c, conf, err) < 0) {
                discard(c);
                return NULL;
        }
        c->due_ms = loop_now_ms(p->loop) + rng_below(&p->rng, c->interval_ms);
        c->at = p->heap.n;
        vec_push(&p->heap, c);
        sift(p, c->at);
        arm(p);
        return c;
}

struct check *check_free(struct check *c) {
        if (!c)
                return NULL;
        struct checker *p = c->checker;
        stop_probe(c);
        struct check *last = vec_pop(&p->heap);
        if (last != c) {
                place(p, c->at, last);
                sift(p, last->at);
        }
        if (p->telling == c)
                p->telling = NULL;
        discard(c);
        return NULL;
}

bool check_is(const struct check *c, const struct check_conf *conf) {
        struct check other = { .fd = -1 };
        bool same = fill(&other, conf, NULL) == 0 && memcmp(&other.ip, &c->ip, sizeof c->ip) == 0 && other.port == c->port && other.interval_ms == c->interval_ms &&
                    other.timeout_ms == c->timeout_ms && other.rise == c->rise && other.fall == c->fall && str_eq(other.line, c->line);
        free(other.line);
        free(other.request);
        return same;
}

void *check_owner(const struct check *c) { return c->owner; }
enum check_state check_state(const struct check *c) { return (enum check_state) c->state; }
struct checker_stats checker_stats(const struct checker *p) {
        return (struct checker_stats) { .checks = p->heap.n, .running = p->running, .probes = p->probes, .failed = p->failed };
}
