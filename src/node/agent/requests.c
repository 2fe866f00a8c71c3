#include "requests.h"

#include "net/http.h"
#include "node/agent/pull.h"

#include <stdio.h>

enum { REQUESTS_MAX = 64, ID_BYTES_MAX = 128, CALL_MS = 30000, PATH_BYTES_MAX = 4096 };

struct request {
        struct requests *all;
        struct request *next;
        char *id;
        struct docker_call *call;
        struct timer *deadline;
        struct pull *pull;
        char *image, *tag;              /* container.pull */
        bool by_uuid;                   /* the list by label is asked first */
};

struct requests { struct requests_config cfg; struct request *first; size_t n; };

static void request_free(struct request *q) {
        struct request **at = &q->all->first;
        while (*at != q)
                at = &(*at)->next;
        *at = q->next;
        q->all->n--;
        if (q->call)
                docker_call_cancel(q->call);
        timer_free(q->deadline);
        pull_cancel(q->pull);
        free(q->image);
        free(q->tag);
        free(q->id);
        free(q);
}

static void begin(struct sbuf *out, const char *kind, const char *id) {
        sbuf_printf(out, "{\"t\":\"%s\",\"id\":", kind);
        sbuf_json_string(out, id, strlen(id));
}

static void send_error(struct requests *r, const char *id, const char *code, const char *message) {
        auto_sbuf struct sbuf out = SBUF(8192);
        begin(&out, "reply", id);
        sbuf_printf(&out, ",\"error\":{\"code\":\"%s\",\"message\":", code);
        sbuf_json_string(&out, message, strlen(message));
        sbuf_puts(&out, "}}");
        if (sbuf_ok(&out))
                r->cfg.send(out.data, out.len, r->cfg.arg);
}

static void fail(struct request *q, const struct dr_error *err) {
        send_error(q->all, q->id, dr_error_row(err->code)->api_code, err->message);
        request_free(q);
}

/* data: JSON text. */
static void reply(struct request *q, const char *data) {
        auto_sbuf struct sbuf out = SBUF(PROTOCOL_BYTES_MAX);
        begin(&out, "reply", q->id);
        sbuf_printf(&out, ",\"data\":%s}", data);
        if (!sbuf_ok(&out)) {
                struct dr_error err;
                dr_fail(&err, DR_E_TOO_LARGE, NULL, "the answer is too long");
                return fail(q, &err);
        }
        q->all->cfg.send(out.data, out.len, q->all->cfg.arg);
        request_free(q);
}

/* False when the engine's answer is none of the good ones: then the request has ended. */
static bool good(struct request *q, int result, int status, const char *body, size_t len, const struct dr_error *err) {
        q->call = NULL;
        if (result < 0) {
                fail(q, err);
                return false;
        }
        if (status >= 200 && status < 300)
                return true;
        char why[400];
        struct dr_error e;
        docker_error_text(body, len, why, sizeof why);
        dr_fail(&e, status == 404 ? DR_E_NOT_FOUND : status == 409 ? DR_E_CONFLICT : DR_E_INTERNAL, NULL, "%s", why);
        fail(q, &e);
        return false;
}

static void start(struct request *q, const struct docker_request *r) {
        struct dr_error err;
        q->call = docker_call_start(q->all->cfg.docker, r, &err);
        if (!q->call)
                fail(q, &err);
}

/* container.inspect ------------------------------------------------------------------------------------------------ */

static void on_inspected(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct request *q = arg;
        if (!good(q, result, status, body, len, err))
                return;
        struct dr_error why;
        AUTO(jv_put) json_object *o = jv_parse(body, len, PROTOCOL_BYTES_MAX, &why);
        if (!q->by_uuid)
                return o ? reply(q, jv_print(o)) : fail(q, &why);
        q->by_uuid = false;
        const char *id = jv_str(jv_at(o, 0), "Id");
        if (jv_len(o) == 0 || !*id) {
                dr_fail(&why, DR_E_NOT_FOUND, "uuid", "there is no such container on this host");
                return fail(q, &why);
        }
        auto_free char *path = dr_xasprintf("/containers/%.64s/json", id);
        start(q, &(struct docker_request) { .path = path, .total_ms = CALL_MS, .done = on_inspected, .arg = q });
}

static void take_inspect(struct request *q, json_object *data) {
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX), filter = SBUF(1024), label = SBUF(512);
        const char *id = jv_str(data, "id"), *uuid = jv_str(data, "uuid");
        q->by_uuid = !*id;
        if (*id) {
                sbuf_puts(&path, "/containers/");
                http_escape(&path, id);
                sbuf_puts(&path, "/json");
        } else {
                sbuf_printf(&label, "io.rancher.container.uuid=%s", uuid);
                sbuf_puts(&filter, "{\"label\":[");
                sbuf_json_string(&filter, sbuf_str(&label), label.len);
                sbuf_puts(&filter, "]}");
                sbuf_puts(&path, "/containers/json?all=1&filters=");
                http_escape(&path, sbuf_str(&filter));
        }
        if ((!*id && !*uuid) || !sbuf_ok(&path) || !sbuf_ok(&filter) || !sbuf_ok(&label)) {
                struct dr_error err;
                dr_fail(&err, DR_E_MISSING_REQUIRED, "id", "the request names no container");
                return fail(q, &err);
        }
        start(q, &(struct docker_request) { .path = path.data, .total_ms = CALL_MS, .done = on_inspected, .arg = q });
}

/* container.pull --------------------------------------------------------------------------------------------------- */

static void on_progress(const char *text, int percent, void *arg) {
        struct request *q = arg;
        auto_sbuf struct sbuf out = SBUF(2048);
        begin(&out, "progress", q->id);
        sbuf_puts(&out, ",\"message\":");
        sbuf_json_string(&out, text, strlen(text));
        if (percent >= 0)
                sbuf_printf(&out, ",\"percent\":%d", percent);
        sbuf_putc(&out, '}');
        if (sbuf_ok(&out))
                q->all->cfg.send(out.data, out.len, q->all->cfg.arg);
}

static void on_tagged(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct request *q = arg;
        if (good(q, result, status, body, len, err))
                reply(q, "{}");
}

static void image_path(struct sbuf *path, const char *image, const char *what) {
        sbuf_puts(path, "/images/");
        http_escape(path, image);
        sbuf_puts(path, what);
}

/* The image again under <image><tag>, which keeps it while a service is upgraded to it (agent.md 10). */
static void add_tag(struct request *q) {
        auto_free char *whole = dr_xasprintf("%s%s", q->image, q->tag), *repository = NULL, *tag = NULL;
        docker_image_split(whole, &repository, &tag);
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        image_path(&path, q->image, "/tag?repo=");
        http_escape(&path, repository);
        sbuf_puts(&path, "&tag=");
        http_escape(&path, tag);
        start(q, &(struct docker_request) { .method = "POST", .path = sbuf_str(&path), .total_ms = CALL_MS, .done = on_tagged, .arg = q });
}

static void have_image(struct request *q) {
        if (*q->tag && !strchr(q->image, '@'))          /* a digest has no tag to add to */
                return add_tag(q);
        reply(q, "{}");
}

static void on_pulled(enum pull_result result, const char *why, void *arg) {
        struct request *q = arg;
        q->pull = NULL;
        if (result == PULL_DONE) {
                q->all->cfg.on_pulled(q->image, q->all->cfg.arg);
                return have_image(q);
        }
        struct dr_error err;
        dr_fail(&err, result == PULL_FAILED ? DR_E_NOT_FOUND : DR_E_UNAVAILABLE, "image", "Image [%.80s] failed to pull: %.110s", q->image, why);
        fail(q, &err);
}

static void on_cached(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct request *q = arg;
        if (good(q, result, status, body, len, err))
                have_image(q);
}

static void on_untagged(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct request *q = arg;
        if (result == 0 && status == 404) {             /* gone already */
                q->call = NULL;
                return reply(q, "{}");
        }
        if (good(q, result, status, body, len, err))
                reply(q, "{}");
}

/* complete: the extra tag is taken off again. mode "cached": what is here counts, nothing is fetched. */
static void take_pull(struct request *q, json_object *data) {
        struct dr_error err = { 0 };
        const char *image = jv_str(data, "image");
        q->image = dr_xstrdup(str_starts(image, "docker:") ? image + strlen("docker:") : image);
        q->tag = dr_xstrdup(jv_str(data, "tag"));
        bool complete = jv_bool(data, "complete"), cached = str_eq(jv_str(data, "mode"), "cached");
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        if (complete) {
                if (!*q->tag)
                        return reply(q, "{}");
                auto_free char *whole = dr_xasprintf("%s%s", q->image, q->tag);
                image_path(&path, whole, "");
        } else if (cached) {
                image_path(&path, q->image, "/json");
        }
        if (!*q->image || !sbuf_ok(&path)) {
                dr_fail(&err, DR_E_MISSING_REQUIRED, "image", "the request names no image");
                return fail(q, &err);
        }
        if (complete || cached)
                return start(q, &(struct docker_request) { .method = complete ? "DELETE" : "GET", .path = path.data, .total_ms = CALL_MS,
                                                           .done = complete ? on_untagged : on_cached, .arg = q });
        q->pull = pull_start(&(struct pull_request) { .loop = q->all->cfg.loop, .docker = q->all->cfg.docker, .image = q->image,
                                                      .auth = jv_obj(data, "registryAuth"), .on_progress = on_progress, .on_done = on_pulled, .arg = q }, &err);
        if (!q->pull)
                fail(q, &err);
}

/* image.remove ----------------------------------------------------------------------------------------------------- */

static void on_removed(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct request *q = arg;
        if (good(q, result, status, body, len, err))
                reply(q, "{}");
}

static void take_image_remove(struct request *q, json_object *data) {
        const char *image = jv_str(data, "image");
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/images/");
        http_escape(&path, str_starts(image, "docker:") ? image + strlen("docker:") : image);
        if (!*image || !sbuf_ok(&path)) {
                struct dr_error err;
                dr_fail(&err, DR_E_MISSING_REQUIRED, "image", "the request names no image");
                return fail(q, &err);
        }
        start(q, &(struct docker_request) { .method = "DELETE", .path = path.data, .total_ms = CALL_MS, .done = on_removed, .arg = q });
}

static void take_upgrade(struct request *q, json_object *data) {
        auto_free char *sha256 = dr_xstrdup(jv_str(data, "sha256"));
        const struct requests_config cfg = q->all->cfg;
        reply(q, "{}");
        cfg.on_upgrade(sha256, cfg.arg);
}

/* volume.remove ---------------------------------------------------------------------------------------------------- */

static void take_volume_remove(struct request *q, json_object *data) {
        const char *name = jv_str(data, "name");
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/volumes/");
        http_escape(&path, name);
        if (!*name || !sbuf_ok(&path)) {
                struct dr_error err;
                dr_fail(&err, DR_E_MISSING_REQUIRED, "name", "the request names no volume");
                return fail(q, &err);
        }
        start(q, &(struct docker_request) { .method = "DELETE", .path = sbuf_str(&path), .total_ms = CALL_MS, .done = on_untagged, .arg = q });
}

static const struct { const char *name; void (*take)(struct request *q, json_object *data); } table[] = {
        { "container.inspect", take_inspect }, { "container.pull", take_pull }, { "image.remove", take_image_remove },
        { "volume.remove", take_volume_remove }, { "node.upgrade", take_upgrade },
};

static void on_deadline(void *arg) {
        struct dr_error err;
        dr_fail(&err, DR_E_TIMEOUT, NULL, "the request's deadline has passed");
        fail(arg, &err);
}

void requests_take(struct requests *r, const struct server_message *m) {
        if (!*m->id || strlen(m->id) > ID_BYTES_MAX)
                return;                                 /* nobody could match the answer */
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                if (!str_eq(m->name, table[i].name))
                        continue;
                if (r->n >= REQUESTS_MAX)
                        return send_error(r, m->id, dr_error_row(DR_E_BUSY)->api_code, "too many requests are running on this host");
                struct request *q = dr_xnew(struct request);
                q->all = r;
                q->id = dr_xstrdup(m->id);
                q->next = r->first;
                r->first = q;
                r->n++;
                if (m->deadline_ms) {
                        q->deadline = timer_new(r->cfg.loop, on_deadline, q);
                        timer_start(q->deadline, m->deadline_ms);
                }
                return table[i].take(q, m->data);
        }
        auto_free char *why = dr_xasprintf("this agent knows no request \"%.60s\"", m->name);
        send_error(r, m->id, dr_error_row(DR_E_NOT_IMPLEMENTED)->api_code, why);
}

void requests_cancel_all(struct requests *r) {
        while (r->first)
                request_free(r->first);
}

struct requests *requests_new(const struct requests_config *cfg) {
        struct requests *r = dr_xnew(struct requests);
        r->cfg = *cfg;
        return r;
}

struct requests *requests_free(struct requests *r) {
        if (r) {
                requests_cancel_all(r);
                free(r);
        }
        return NULL;
}
