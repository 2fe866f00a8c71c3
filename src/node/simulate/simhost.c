#include "simhost.h"

#include "base/map.h"
#include "base/times.h"
#include "base/vec.h"
#include "node/agent/register.h"
#include "node/agent/session.h"
#include "node/streams/frame.h"

#include <inttypes.h>
#include <stdio.h>

enum { CONTAINERS_MAX = STATE_CONTAINERS_MAX, TRIES_MAX = 10, NAME_BYTES_MAX = 96, REPORT_BYTES_MAX = PROTOCOL_BYTES_MAX };

struct container {
        char uuid[STATE_UUID_MAX + 1];
        uint64_t gen, obeyed, due_ms;   /* due_ms 0: nothing to do */
        enum want want;
        enum told state;
        bool unreported;
        int64_t started_ms, finished_ms;
};

struct simhost {
        const struct simhost_conf *conf;
        unsigned n;
        char name[NAME_BYTES_MAX], key[NAME_BYTES_MAX];        /* key: identity towards the server, a secret of this run */
        struct registration *registration;
        struct session *session;
        struct timer *work;             /* made with the first container */
        char *access_key, *secret_key;
        uint64_t epoch, rev, boot;
        bool was_connected, ready;
        VEC(struct container *) containers;
        struct smap by_uuid;
};

/* ---- containers ---- */
static void send_observed(struct simhost *h, bool full) {
        auto_sbuf struct sbuf out = SBUF(REPORT_BYTES_MAX);
        size_t n = 0;
        sbuf_printf(&out, "{\"t\":\"observed\",\"full\":%s,\"containers\":[", full ? "true" : "false");
        for (size_t i = 0; i < h->containers.n; i++) {
                struct container *k = h->containers.v[i];
                if (!full && !k->unreported)
                        continue;
                if (full && k->state == TOLD_ABSENT)
                        continue;
                k->unreported = false;
                char id[65];
                snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64 "%032x", hash_bytes(k->uuid, strlen(k->uuid)), h->boot, h->n);
                sbuf_printf(&out, "%s{\"uuid\":", n++ ? "," : "");
                sbuf_json_string(&out, k->uuid, strlen(k->uuid));
                sbuf_printf(&out, ",\"gen\":%" PRIu64 ",\"state\":\"%s\",\"dockerId\":\"%s\",\"ip\":\"\",\"ports\":[],\"startedAt\":%" PRId64
                            ",\"finishedAt\":%" PRId64 ",\"exitCode\":0", k->obeyed, told_to_string(k->state),
                            k->state == TOLD_RUNNING || k->state == TOLD_STOPPED ? id : "", k->started_ms, k->finished_ms);
                if (k->state == TOLD_FAILED)
                        sbuf_puts(&out, ",\"error\":\"simulated failure\"");
                sbuf_putc(&out, '}');
        }
        sbuf_puts(&out, "]}");
        if (!full && !n)
                return;
        h->conf->stats->observed += n;
        (void) session_send(h->session, sbuf_str(&out), out.len);       /* not ready: all of it is told after the next hello */
}

static void set_state(struct simhost *h, struct container *k, enum told state) {
        struct simhost_stats *s = h->conf->stats;
        s->running += (state == TOLD_RUNNING) - (k->state == TOLD_RUNNING);
        k->state = state;
}

static void carry_out(struct simhost *h, struct container *k) {
        const struct simhost_conf *c = h->conf;
        k->due_ms = 0;
        k->obeyed = k->gen;
        k->unreported = true;
        c->stats->operations++;
        if (k->want == WANT_RUNNING && k->state != TOLD_RUNNING) {
                bool fails = c->fail_per_mille && rng_chance(c->rng, c->fail_per_mille);
                c->stats->failures += fails;
                set_state(h, k, fails ? TOLD_FAILED : TOLD_RUNNING);
                k->started_ms = fails ? 0 : time_wall_ms();
        } else if (k->want == WANT_STOPPED && k->state == TOLD_RUNNING) {
                set_state(h, k, TOLD_STOPPED);
                k->finished_ms = time_wall_ms();
        } else if (k->want == WANT_STOPPED && k->state == TOLD_FAILED) {
                set_state(h, k, TOLD_ABSENT);
        } else if (k->want == WANT_ABSENT) {
                set_state(h, k, TOLD_ABSENT);
        }
}

/* What is gone and told so is forgotten. */
static void forget_absent(struct simhost *h) {
        size_t kept = 0;
        for (size_t i = 0; i < h->containers.n; i++) {
                struct container *k = h->containers.v[i];
                if (k->state == TOLD_ABSENT && !k->due_ms && !k->unreported) {
                        smap_del(&h->by_uuid, k->uuid);
                        free(k);
                        h->conf->stats->containers--;
                } else {
                        h->containers.v[kept++] = k;
                }
        }
        h->containers.n = kept;
}

static void on_work(void *arg) {
        struct simhost *h = arg;
        uint64_t now = loop_now_ms(h->conf->loop), next = UINT64_MAX;
        for (size_t i = 0; i < h->containers.n; i++) {
                struct container *k = h->containers.v[i];
                if (k->due_ms && k->due_ms <= now)
                        carry_out(h, k);
                else if (k->due_ms)
                        next = MIN(next, k->due_ms);
        }
        if (h->ready) {
                send_observed(h, false);
                forget_absent(h);
        }
        if (next != UINT64_MAX)
                timer_start(h->work, next - now);
}

static struct container *simulated_container(struct simhost *h, const char *uuid) {
        struct container *k = smap_get(&h->by_uuid, uuid);
        if (k || h->containers.n >= CONTAINERS_MAX)
                return k;
        k = dr_xnew(struct container);
        snprintf(k->uuid, sizeof k->uuid, "%s", uuid);
        k->state = TOLD_ABSENT;
        vec_push(&h->containers, k);
        smap_set(&h->by_uuid, k->uuid, k);
        h->conf->stats->containers++;
        return k;
}

static void want(struct simhost *h, struct container *k, uint64_t gen, enum want w) {
        k->gen = gen;
        k->want = w;
        k->due_ms = MAX(loop_now_ms(h->conf->loop) + h->conf->delay_ms, (uint64_t) 1);
}

static int take_desired(struct simhost *h, const struct server_message *m, struct dr_error *err) {
        struct smap listed = { 0 };
        int r = 0;
        for (size_t i = 0, n = jv_len(m->containers); i < n && r == 0; i++) {
                json_object *o = jv_at(m->containers, i);
                const char *uuid = jv_str(o, "uuid");
                int w = want_from_string(jv_str(o, "state"));
                int64_t gen = jv_i64(o, "gen");
                if (!*uuid || strlen(uuid) > STATE_UUID_MAX || w < 0 || gen <= 0) {
                        r = dr_fail(err, DR_E_INVALID_FORMAT, "containers", "a desired container has no usable uuid, state or generation");
                        break;
                }
                struct container *k = simulated_container(h, uuid);
                if (!k) {
                        r = dr_fail(err, DR_E_TOO_LARGE, "containers", "more than %d containers are desired here", CONTAINERS_MAX);
                        break;
                }
                h->conf->stats->desired++;
                if ((uint64_t) gen >= k->gen)
                        want(h, k, (uint64_t) gen, (enum want) w);
                if (m->full)
                        smap_set(&listed, k->uuid, k);
        }
        for (size_t i = 0; r == 0 && m->full && i < h->containers.n; i++)
                if (!smap_get(&listed, h->containers.v[i]->uuid))
                        want(h, h->containers.v[i], h->containers.v[i]->gen, WANT_ABSENT);
        smap_done(&listed);
        if (r < 0)
                return r;
        h->rev = m->rev;
        if (h->containers.n && !h->work)
                h->work = timer_new(h->conf->loop, on_work, h);
        if (h->containers.n)
                timer_start(h->work, h->conf->delay_ms);
        return 0;
}

/* ---- the session's side ---- */
static void make_hello(struct sbuf *out, void *arg) {
        struct simhost *h = arg;
        sbuf_printf(out, "{\"t\":\"hello\",\"version\":%d,\"nodeVersion\":\"" DROVER_VERSION "\",\"epoch\":%" PRIu64 ",\"rev\":%" PRIu64
                    ",\"boot\":\"%016" PRIx64 "\",\"host\":{\"uuid\":\"%s\",\"physicalUuid\":\"%s-machine\",\"hostname\":\"%s\",\"agentIp\":\"127.%u.%u.%u\","
                    "\"labels\":{\"io.rancher.host.docker_version\":\"20.10\"},\"createLabels\":{},\"info\":{},\"memory\":8589934592,\"milliCpu\":4000,"
                    "\"localStorageMb\":102400,\"engine\":{\"version\":\"20.10.24\",\"apiVersion\":\"1.41\",\"minApiVersion\":\"1.12\",\"healthy\":true,"
                    "\"message\":\"\"}}}", PROTOCOL_VERSION, h->epoch, h->rev, h->boot, h->key, h->key, h->name,
                    1 + (h->n >> 16) % 250, (h->n >> 8) & 255, h->n & 255);
}

static uint64_t get_rev(void *arg) { return ((struct simhost *) arg)->rev; }

static int on_message(struct server_message *m, struct dr_error *err, void *arg) {
        struct simhost *h = arg;
        if ((m->kind == SERVER_HELLO || m->kind == SERVER_DESIRED || m->kind == SERVER_REQUEST || m->kind == SERVER_STREAM) && m->epoch < h->epoch)
                return dr_fail(err, DR_E_CONFLICT, "epoch", "epoch %" PRIu64 " is lower than %" PRIu64 " that was seen", m->epoch, h->epoch);
        h->epoch = MAX(h->epoch, m->epoch);
        switch (m->kind) {
        case SERVER_DESIRED:
                return take_desired(h, m, err);
        case SERVER_REQUEST: {
                auto_sbuf struct sbuf out = SBUF(4096);
                sbuf_puts(&out, "{\"t\":\"reply\",\"id\":");
                sbuf_json_string(&out, m->id, strlen(m->id));
                sbuf_puts(&out, ",\"error\":{\"code\":\"NotImplemented\",\"message\":\"a simulated host has no containers to ask\"}}");
                h->conf->stats->requests++;
                if (sbuf_ok(&out))
                        (void) session_send(h->session, sbuf_str(&out), out.len);
                return 0;
        }
        case SERVER_STREAM: {
                static const char why[] = "{\"code\":\"NotImplemented\",\"message\":\"a simulated host has no streams\"}";
                char frame[FRAME_HEAD_BYTES + sizeof why];
                frame_head((uint32_t) m->stream, FRAME_END, frame);
                memcpy(frame + FRAME_HEAD_BYTES, why, sizeof why);
                (void) session_send_binary(h->session, frame, sizeof frame - 1);
                return 0;
        }
        case SERVER_BYE:
                if (str_eq(m->reason, "removed"))
                        session_stop(h->session, UINT64_MAX, "the host was removed");
                return 0;
        default:
                return 0;
        }
}

static void on_state(bool ready, bool refused, const char *why, void *arg) {
        struct simhost *h = arg;
        struct simhost_stats *s = h->conf->stats;
        (void) why;
        s->refused += refused;
        s->connected += ready && !h->ready;
        s->connected -= !ready && h->ready;
        s->lost += !ready && h->ready;
        h->ready = ready;
        if (!ready)
                return;
        send_observed(h, true);
        if (!h->was_connected) {
                h->was_connected = true;
                h->conf->on_connected(h->conf->arg);
        }
}

static const struct session_events session_events = { .make_hello = make_hello, .get_rev = get_rev, .on_message = on_message, .on_state = on_state };

static void on_registered(int result, const char *access_key, const char *secret_key, const struct dr_error *err, void *arg) {
        struct simhost *h = arg;
        h->registration = registration_free(h->registration);
        if (result == 0) {
                h->access_key = dr_xstrdup(access_key);
                h->secret_key = dr_xstrdup(secret_key);
                h->conf->stats->registered++;
        }
        h->conf->on_registered(result, err, h->conf->arg);
}

void simhost_register(struct simhost *h) {
        struct registration_config cfg = { .loop = h->conf->loop, .http = h->conf->http, .url = h->conf->url, .token = h->conf->token, .key = h->key,
                                           .tries_max = TRIES_MAX, .on_done = on_registered, .arg = h };
        h->registration = registration_start(&cfg);
}

void simhost_connect(struct simhost *h) {
        struct session_config cfg = { .loop = h->conf->loop, .http = h->conf->http, .url = h->conf->url, .access_key = h->access_key,
                                      .secret_key = h->secret_key, .events = &session_events, .arg = h };
        h->session = session_new(&cfg);
        session_start(h->session);
}

struct simhost *simhost_new(const struct simhost_conf *conf, unsigned n) {
        struct simhost *h = dr_xnew(struct simhost);
        h->conf = conf;
        h->n = n;
        snprintf(h->name, sizeof h->name, "%.60s-%u", conf->prefix, n);
        h->boot = rng_u64(conf->rng);
        snprintf(h->key, sizeof h->key, "simulated-%016" PRIx64 "%016" PRIx64, rng_u64(conf->rng), rng_u64(conf->rng));
        return h;
}

struct simhost *simhost_free(struct simhost *h) {
        if (!h)
                return NULL;
        registration_free(h->registration);
        session_free(h->session);
        timer_free(h->work);
        for (size_t i = 0; i < h->containers.n; i++)
                free(h->containers.v[i]);
        vec_done(&h->containers);
        smap_done(&h->by_uuid);
        free(h->access_key);
        free(h->secret_key);
        free(h);
        return NULL;
}
