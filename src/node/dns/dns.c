#include "node/dns/dns.h"

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "base/times.h"
#include "net/http_server.h"
#include "node/dns/answer_file.h"
#include "node/dns/generate.h"
#include "node/dns/tcp.h"
#include "node/dns/udp.h"
#include "node/metadata/feed.h"

#include <fcntl.h>
#include <stdio.h>

enum { RESOLV_CONF_BYTES_MAX = 65536, IDLE_FACTOR = 20, WRITE_AFTER_MS = 1000, EXTERNAL_TTL_S = 60 };

struct dns {
        struct loop *loop;
        struct dns_config cfg;
        struct mdata *model;
        struct feed *feed;
        struct resolver *resolver;
        struct udp *udp;
        struct tcp *tcp;
        struct http_server *http;
        struct timer *rebuild, *write;
        uint64_t next_ms;               /* no table is made before */
        bool from_file;                 /* the answer file speaks until metadata is complete */
        struct writing *writing;        /* on its way to the disk */
};

struct writing { struct dns *d; struct dns_table *table; char *path; int error; struct dr_error err; };

/* What the file says; nothing where there is none. The caller frees. */
static char *read_resolv_conf(const char *path) {
        char *text = NULL;
        size_t len;
        return file_read(path, RESOLV_CONF_BYTES_MAX, &text, &len, NULL) == 0 ? text : dr_xstrdup("");
}

static struct generate_config generation(const struct dns *d, const char *resolv) {
        return (struct generate_config) { .ttl = d->cfg.ttl, .ndots = d->cfg.ndots, .metadata_answer = d->cfg.metadata_answer, .never_recurse = d->cfg.never_recurse,
                                          .resolv_conf = resolv };
}

/* The answer file's table. -ENOENT: none. */
static int from_answers(struct dns *d, struct dr_error *err) {
        auto_free char *resolv = read_resolv_conf(d->cfg.resolv_conf);
        struct generate_config g = generation(d, resolv);
        AUTO(builder_free) struct table_builder *b = builder_new(d->cfg.ttl, d->cfg.ndots);
        dns_generate_base(b, &g, NULL);
        int r = answer_file_read(d->cfg.answers, d->cfg.ttl, b, err);
        if (r == 0)
                resolver_set_table(d->resolver, builder_finish(b, true));
        return r;
}

static void write_file(void *arg) {
        struct writing *w = arg;
        w->error = answer_file_write(w->path, w->table, &w->err);
}

static void written(void *arg) {
        struct writing *w = arg;
        if (w->error < 0)
                log_warning("answers could not be written", "reason", w->err.message, NULL);
        if (w->d)
                w->d->writing = NULL;
        table_unref(w->table);
        free(w->path);
        free(w);
}

static void write_answers(void *arg) {
        struct dns *d = arg;
        if (d->writing) {
                timer_start(d->write, WRITE_AFTER_MS);
                return;
        }
        struct writing *w = dr_xnew(struct writing);
        *w = (struct writing) { .d = d, .table = resolver_table(d->resolver), .path = dr_xstrdup(d->cfg.answers) };
        d->writing = w;
        loop_work(d->loop, write_file, written, w);
}

static void rebuild(void *arg) {
        struct dns *d = arg;
        uint64_t began = time_mono_us();
        bool complete = d->cfg.metadata_file || mdata_is_synced(d->model);
        if (d->from_file && !complete)
                return;                                 /* the file knows more until everything came */
        if (!complete && mdata_generation(d->model) == 0)
                return;
        d->from_file = false;
        auto_free char *resolv = read_resolv_conf(d->cfg.resolv_conf);
        struct generate_config g = generation(d, resolv);
        struct dns_table *t = dns_generate(d->model, &g, complete);
        size_t names = table_names(t);
        resolver_set_table(d->resolver, t);
        uint64_t us = time_mono_us() - began;
        d->next_ms = time_mono_ms() + us * IDLE_FACTOR / 1000;
        log_debugf("answers made: %zu names in %llu us", names, (unsigned long long) us);
        if (complete && d->cfg.answers && *d->cfg.answers && !timer_is_running(d->write))
                timer_start(d->write, WRITE_AFTER_MS);
}

static void changed(struct mdata *m, void *arg) {
        struct dns *d = arg;
        uint64_t now = time_mono_ms();
        if (!timer_is_running(d->rebuild))
                timer_start(d->rebuild, d->next_ms > now ? d->next_ms - now : 0);
}

void dns_reload(struct dns *d) {
        struct dr_error err;
        if (d->cfg.metadata) {
                if (d->cfg.metadata_file && feed_reload(d->feed, &err) < 0)
                        log_warning("metadata could not be read again", "reason", err.message, NULL);
                rebuild(d);
        } else if (from_answers(d, &err) < 0) {
                log_warning("answers could not be read again", "reason", err.message, NULL);
        }
}

static void on_request(struct http_request *req, void *arg) {
        if (!str_eq(req->raw_path, "/v1/reload") || !str_eq(req->method, "POST")) {
                http_reply_error(req, str_eq(req->raw_path, "/v1/reload") ? 405 : 404, NULL);
                return;
        }
        dns_reload(arg);
        http_reply(req, 200, NULL, 0, "OK\n", 3);
}

static int listen_reload(struct dns *d, struct dr_error *err) {
        char host[64];
        uint16_t port;
        if (!d->cfg.reload || !*d->cfg.reload)
                return 0;
        int r = opt_split_listen(d->cfg.reload, host, sizeof host, &port, err);
        if (r < 0)
                return r;
        struct http_server_config http = { .handler = on_request, .arg = d, .body_max = 4096, .connections_max = 16 };
        d->http = http_server_new(d->loop, &http);
        return http_server_listen_tcp(d->http, host, port, NULL, NULL, err);
}

static int begin(struct dns *d, struct dr_error *err) {
        char host[64];
        uint16_t port;
        int r = opt_split_listen(d->cfg.listen, host, sizeof host, &port, err);
        if (r < 0)
                return r;
        if (d->cfg.answers && *d->cfg.answers) {
                r = from_answers(d, err);
                if (r < 0 && (r != -ENOENT || !d->cfg.metadata)) {
                        if (!d->cfg.metadata)
                                return r;
                        log_warning("the answers of last time are left out", "reason", err->message, NULL);
                }
                d->from_file = r == 0;
        } else if (!d->cfg.metadata) {
                return dr_fail(err, DR_E_MISSING_REQUIRED, "answers", "without metadata an answer file is needed");
        }
        if (d->cfg.metadata) {
                struct feed_config f = { .socket_path = d->cfg.metadata_socket, .file = d->cfg.metadata_file, .changed = changed, .arg = d };
                d->model = mdata_new();
                d->feed = feed_new(d->loop, d->model, &f, err);
                if (!d->feed)
                        return -EINVAL;
                rebuild(d);
        }
        r = udp_new(d->loop, d->resolver, host, port, d->cfg.threads, &d->udp, err);
        if (r == 0)
                r = tcp_new(d->loop, d->resolver, host, udp_port(d->udp), TCP_IDLE_MS, &d->tcp, err);
        return r == 0 ? listen_reload(d, err) : r;
}

int dns_new(struct loop *l, const struct dns_config *cfg, struct dns **ret, struct dr_error *err) {
        struct dns *d = dr_xnew(struct dns);
        d->loop = l;
        d->cfg = *cfg;
        struct resolver_config rc = {
                .ttl = cfg->ttl, .cache_messages = cfg->cache_messages,
                .recurse = { .timeout_ms = cfg->recurser_timeout_ms, .ttl = cfg->ttl, .ceiling_s = MAX(cfg->ttl, (uint32_t) EXTERNAL_TTL_S), .mixed_case = cfg->mixed_case },
        };
        d->resolver = resolver_new(l, &rc);
        d->rebuild = timer_new(l, rebuild, d);
        d->write = timer_new(l, write_answers, d);
        int r = begin(d, err);
        if (r < 0) {
                dns_free(d);
                return r;
        }
        *ret = d;
        return 0;
}

struct dns *dns_free(struct dns *d) {
        if (!d)
                return NULL;
        feed_free(d->feed);
        timer_free(d->rebuild);
        timer_free(d->write);
        if (d->http)
                http_server_free(d->http);
        if (d->udp)
                udp_stop(d->udp);
        tcp_free(d->tcp);
        resolver_free(d->resolver);
        udp_free(d->udp);
        mdata_free(d->model);
        if (d->writing)
                d->writing->d = NULL;                   /* it ends by itself */
        free(d);
        return NULL;
}
