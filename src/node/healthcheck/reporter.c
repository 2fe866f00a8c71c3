#include "reporter.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/vec.h"
#include "formats/json.h"
#include "net/http_client.h"

enum { AT_ONCE = 4, RETRY_MS = 2000, RETRY_MAX_MS = 30000, ANSWER_BYTES_MAX = 64 << 10, TIMEOUT_MS = 15000 };

struct item {
        char *key;
        bool init, queued, under_way, forgotten;
        enum report what;               /* 0: nothing to say */
        enum report saying;             /* while under way */
        int64_t at_s, said_s;
        uint64_t not_before_ms;
        unsigned tries;
};

struct reporter {
        struct loop *loop;
        struct reporter_conf conf;
        char *url, *basic;
        struct http_client *http;
        struct timer *timer;
        struct rng rng;
        struct smap items;              /* key -> struct item */
        VEC(struct item *) queue;       /* those with something to say; order of arrival from head */
        size_t head, under_way;
        uint64_t pause_until_ms;
        unsigned failures;              /* of the server, in a row */
        struct reporter_stats stats;
};

struct sending { struct reporter *r; struct item *i; };

static void pump(struct reporter *r);
static void on_timer(void *arg) { pump(arg); }

/* POST goes to the API whatever form the address has. */
static char *events_url(const char *url) {
        size_t n = strlen(url);
        while (n && url[n - 1] == '/')
                n--;
        bool api = (n > 3 && strncmp(url + n - 3, "/v1", 3) == 0) || (n > 8 && strncmp(url + n - 8, "/v2-beta", 8) == 0);
        return dr_xasprintf("%.*s%s/serviceevents", (int) n, url, api ? "" : "/v2-beta");
}

struct reporter *reporter_new(struct loop *l, const struct reporter_conf *conf, struct dr_error *err) {
        struct reporter *r = dr_xnew(struct reporter);
        struct http_client_config cfg = { .tls = { .ca_file = conf->ca_file }, .idle_max = conf->at_once ? conf->at_once : AT_ONCE };
        *r = (struct reporter) { .loop = l, .conf = *conf };
        rng_seed_random(&r->rng);
        r->conf.at_once = cfg.idle_max;
        r->conf.retry_ms = conf->retry_ms ? conf->retry_ms : RETRY_MS;
        r->conf.retry_max_ms = MAX(conf->retry_max_ms ? conf->retry_max_ms : (unsigned) RETRY_MAX_MS, r->conf.retry_ms);
        r->timer = timer_new(l, on_timer, r);
        if (!conf->url)
                return r;
        struct http_url parsed;
        r->url = events_url(conf->url);
        r->basic = http_basic_value(str_or(conf->access_key, ""), str_or(conf->secret_key, ""));
        if (http_url_parse(r->url, &parsed, err) < 0 || http_client_new(l, &cfg, &r->http, err) < 0)
                return reporter_free(r);
        http_url_done(&parsed);
        return r;
}

static void item_free(struct item *i) {
        free(i->key);
        free(i);
}

struct reporter *reporter_free(struct reporter *r) {
        if (!r)
                return NULL;
        r->http = http_client_free(r->http);            /* calls end through on_cancel */
        smap_foreach(&r->items, s)
                item_free(s->value);
        smap_done(&r->items);
        vec_done(&r->queue);
        timer_free(r->timer);
        free(r->url);
        free(r->basic);
        free(r);
        return NULL;
}

static void enqueue(struct reporter *r, struct item *i) {
        if (i->queued || i->under_way || !r->http)
                return;
        i->queued = true;
        vec_push(&r->queue, i);
}

static uint64_t pause_ms(struct reporter *r, unsigned tries) {
        uint64_t ms = r->conf.retry_max_ms;
        if (tries < 16)
                ms = MIN((uint64_t) r->conf.retry_ms << (tries ? tries - 1 : 0), ms);
        return ms - rng_below(&r->rng, ms / 4 + 1);     /* hosts do not all come back at once */
}

/* What the server's answer means for this report. */
static void judge(struct reporter *r, struct item *i, int result, int status, const char *why) {
        if (result == 0 && status >= 200 && status < 300) {
                r->stats.sent++;
                r->failures = 0;
                i->tries = 0;
                if (i->saying == REPORT_INIT)
                        i->init = false;
                else if (i->what == i->saying)
                        i->what = 0;
                return;
        }
        bool away = result < 0 || status >= 500 || status == 429 || status == 401;
        if (away) {
                r->stats.failed++;
                r->pause_until_ms = loop_now_ms(r->loop) + pause_ms(r, ++r->failures);
                if (r->failures == 1)
                        log_warning("health reports cannot be given; tried again", "reason", why, NULL);
                return;
        }
        r->stats.refused++;
        r->failures = 0;
        if (status == 403 || status == 409 || status == 404) {  /* not known yet, or not now */
                i->not_before_ms = loop_now_ms(r->loop) + pause_ms(r, ++i->tries);
                return;
        }
        log_warning("a health report was refused", "check", i->key, "reason", why, NULL);
        i->init = false;
        i->what = 0;
}

static void on_done(struct http_call *call, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct sending *s = arg;
        struct reporter *r = s->r;
        struct item *i = s->i;
        char why[160];
        (void) call;
        free(s);
        r->under_way--;
        i->under_way = false;
        snprintf(why, sizeof why, result < 0 ? "%.120s" : "the server answers %.0s%d", result < 0 ? err->message : "", res ? res->status : 0);
        if (i->forgotten) {
                item_free(i);
        } else {
                judge(r, i, result, res ? res->status : 0, why);
                if (i->init || i->what)
                        enqueue(r, i);
        }
        pump(r);
}

static void on_cancel(void *arg) {
        struct sending *s = arg;
        if (s->i->forgotten)
                item_free(s->i);
        free(s);
}

static void send_report(struct reporter *r, struct item *i) {
        static const struct http_call_events events = { .on_done = on_done, .on_cancel = on_cancel };
        static const char *const words[] = { [REPORT_INIT] = "INIT", [REPORT_UP] = "UP", [REPORT_DOWN] = "DOWN" };
        struct http_header headers[] = { { "Authorization", r->basic }, { "Accept", "application/json" }, { "Content-Type", "application/json" } };
        auto_sbuf struct sbuf b = SBUF(4096);
        i->saying = i->init ? REPORT_INIT : i->what;
        struct jw w = JW(&b, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "type", "serviceEvent");
        jw_kstring(&w, "healthcheckUuid", i->key);
        jw_kstring(&w, "reportedHealth", words[i->saying]);
        jw_kint(&w, "externalTimestamp", i->at_s);
        jw_end(&w);
        struct sending *s = dr_xnew(struct sending);
        *s = (struct sending) { r, i };
        struct http_call_spec spec = {
                .method = "POST", .url = r->url, .headers = headers, .n_headers = ARRAY_LEN(headers), .body = b.data, .body_len = b.len,
                .retry_any = true,              /* the same report twice does no harm */
                .first_byte_ms = TIMEOUT_MS, .total_ms = TIMEOUT_MS, .body_max = ANSWER_BYTES_MAX, .events = &events, .arg = s,
        };
        struct dr_error err;
        if (!http_call_start(r->http, &spec, &err)) {
                free(s);
                judge(r, i, -EINVAL, 0, err.message);
                enqueue(r, i);
                return;
        }
        i->under_way = true;
        r->under_way++;
}

static void drop_head(struct reporter *r) {
        r->head++;
        if (r->head == r->queue.n) {
                r->head = 0;
                vec_clear(&r->queue);
        } else if (r->head > 1024 && r->head > r->queue.n / 2) {
                memmove(r->queue.v, r->queue.v + r->head, (r->queue.n - r->head) * sizeof r->queue.v[0]);
                r->queue.n -= r->head;
                r->head = 0;
        }
}

static void pump(struct reporter *r) {
        uint64_t now = loop_now_ms(r->loop), next = UINT64_MAX;
        if (r->pause_until_ms > now)
                next = r->pause_until_ms;
        for (size_t looked = 0, n = r->queue.n - r->head; next == UINT64_MAX && looked < n && r->under_way < r->conf.at_once; looked++) {
                struct item *i = r->queue.v[r->head];
                drop_head(r);
                if (i->not_before_ms > now) {           /* behind those that may go */
                        vec_push(&r->queue, i);
                        continue;
                }
                i->queued = false;
                send_report(r, i);
                if (r->pause_until_ms > now)
                        next = r->pause_until_ms;
        }
        if (next == UINT64_MAX && r->under_way < r->conf.at_once)
                for (size_t k = r->head; k < r->queue.n; k++)
                        next = MIN(next, r->queue.v[k]->not_before_ms);
        if (next != UINT64_MAX)
                timer_start(r->timer, next > now ? next - now : 1);
}

void reporter_put(struct reporter *r, const char *key, enum report what, int64_t at_s) {
        struct item *i = smap_get(&r->items, key);
        if (!i) {
                i = dr_xnew(struct item);
                i->key = dr_xstrdup(key);
                smap_set(&r->items, i->key, i);
        }
        if (what == REPORT_INIT)
                i->init = true;
        else
                i->what = what;
        i->said_s = MAX(i->said_s, at_s);
        i->at_s = i->said_s;
        i->not_before_ms = 0;
        enqueue(r, i);
        pump(r);
}

void reporter_forget(struct reporter *r, const char *key) {
        struct item *i = smap_del(&r->items, key);
        if (!i)
                return;
        for (size_t k = r->head; i->queued && k < r->queue.n; k++)
                if (r->queue.v[k] == i) {
                        vec_remove_at(&r->queue, k);
                        i->queued = false;
                }
        i->forgotten = true;
        if (!i->under_way)
                item_free(i);
}

struct reporter_stats reporter_stats(const struct reporter *r) {
        struct reporter_stats s = r->stats;
        s.waiting = r->queue.n - r->head;
        s.under_way = r->under_way;
        return s;
}
