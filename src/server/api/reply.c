/* reply.c: the end of a request: headers, waiting for the batch it depends on, sending. Source: spec api.md 1.2. */
#include <stdio.h>

#include "context.h"
#include "core/settings.h"
#include "errors.h"
#include "html.h"
#include "server/audit/audit.h"

void api_header_add(struct api_req *req, const char *name, const char *value) { http_headers_add(&req->headers, name, value); }

static void on_abort(struct http_request *http) {
        struct api_req *req = http->user;
        for (size_t i = 0; i < req->n_seg; i++)         /* what is still read of the request when the answer is made, for the audit log */
                req->seg[i] = arena_strdup(&req->arena, req->seg[i]);
        req->action = arena_strdup(&req->arena, req->action);
        req->path_project = arena_strdup(&req->arena, req->path_project);
        req->http = NULL;
}

static void req_free(struct api_req *req) {
        if (req->http) {
                req->http->on_abort = NULL;
                req->http->user = NULL;
        }
        for (size_t i = 0; i < req->made.n; i++)
                record_free(req->made.v[i]);
        vec_done(&req->made);
        json_object_put(req->body);
        sbuf_done(&req->out);
        http_headers_done(&req->headers);
        arena_done(&req->arena);
        free(req);
}

static const char *cookie(struct api_req *req, const char *name) {
        const char *p = api_header(req, "Cookie");
        size_t n = strlen(name);
        while (p && *p) {
                p += strspn(p, "; ");
                if (strncmp(p, name, n) == 0 && p[n] == '=')
                        return arena_strndup(&req->arena, p + n + 1, strcspn(p + n + 1, ";"));
                p = strchr(p, ';');
        }
        return NULL;
}

static void standard_headers(struct api_req *req) {
        struct core *c = api_core(req);
        char id[ID_TEXT_MAX];
        bool root = str_eq(req->url, req->base);
        api_header_add(req, "X-API-Schemas", arena_printf(&req->arena, "%s%s/schemas", req->url, root ? "/v1" : ""));
        if (req->caller) {
                api_header_add(req, "X-API-Account-Id", id_format(req->version, T_account, req->account_id, id));
                api_header_add(req, "X-API-User-Id", id_format(req->version, T_account, req->caller->id, id));
                api_header_add(req, "X-API-Account-Kind", str_or(record_str(req->caller, F_kind), type_name((enum type_id) req->caller->kind)));
                api_header_add(req, "X-API-Account-Name", record_name(req->caller));
        }
        api_header_add(req, "X-API-Client-IP", str_or(req->client_ip, ""));
        api_header_add(req, "X-Rancher-Version", setting_get(c, "rancher.server.version"));
        if (!req->http)
                return;
        const char *pl = setting_get(c, "ui.pl"), *lang = setting_get(c, "localization");
        if (*pl && !str_eq(cookie(req, "PL"), pl))
                api_header_add(req, "Set-Cookie", arena_printf(&req->arena, "PL=%s;Path=/", pl));
        if (*lang && !cookie(req, "LANG"))
                api_header_add(req, "Set-Cookie", arena_printf(&req->arena, "LANG=%s;Path=/", lang));
        if (req->browser && !cookie(req, "CSRF")) {
                char token[11];
                random_string("0123456789ABCDEF", token, 10);
                api_header_add(req, "Set-Cookie", arena_printf(&req->arena, "CSRF=%s; Path=/", token));
        }
}

/* A browser that sends the cookie must repeat it with everything that changes (api.md 1.2). */
bool api_csrf_ok(struct api_req *req) {
        const char *want = req->browser && req->method != VERB_GET ? cookie(req, "CSRF") : NULL;
        if (!want)
                return true;
        const char *got = api_header(req, "X-API-CSRF");
        return str_eq(want, got ? got : api_param(req, "CSRF"));
}

/* A header value must not end its line, whatever a person named an account. */
static void clean(struct http_headers *h) {
        for (size_t i = 0; i < h->n; i++)
                for (char *p = (char *) h->v[i].value; *p; p++)
                        if ((unsigned char) *p < 0x20 || *p == 0x7f)
                                *p = ' ';
}

static void wrap(struct api_req *req) {
        if (req->html && req->out.len && !req->content_type)
                html_wrap(req);
}

static void send_now(struct api_req *req, int status) {
        struct api *a = req->api;
        if (req->http) {
                struct http_request *http = req->http;
                if (req->out.len || status != 204)
                        api_header_add(req, "Content-Type", str_or(req->content_type, "application/json; charset=utf-8"));
                clean(&req->headers);
                http->on_abort = NULL;
                http->user = NULL;
                req->http = NULL;
                if (a->conf.reply)
                        a->conf.reply(a->conf.reply_arg, http, status, req->headers.v, req->headers.n, sbuf_str(&req->out), req->out.len);
                else
                        http_reply(http, status, req->headers.v, req->headers.n, sbuf_str(&req->out), req->out.len);
        }
        req_free(req);
}

static void released(void *arg, int result) {
        struct api_req *req = arg;
        if (result == 0) {
                send_now(req, req->status);
                return;
        }
        /* What the answer speaks of was taken back. */
        struct dr_error err;
        (void) dr_fail(&err, DR_E_STORE_FAILED, NULL, "the change could not be stored and was taken back");
        sbuf_reset(&req->out);
        req->content_type = NULL;
        error_write(req, &err, &req->out);
        wrap(req);
        send_now(req, dr_error_row(err.code)->http_status);
}

static void answer_internal(struct api_req *req, int status) {
        struct api_answer *to = req->internal;
        to->status = status;
        if (status < 400 && req->out.len && json_parse(sbuf_str(&req->out), req->out.len, API_ANSWER_BYTES_MAX, &to->body, NULL) < 0)
                to->body = NULL;        /* a file: only its status matters here */
        req_free(req);
}

void api_reply(struct api_req *req, int status) {
        if (!sbuf_ok(&req->out)) {
                struct dr_error err;
                (void) dr_fail(&err, DR_E_INTERNAL, NULL, "the answer is longer than %d bytes", API_ANSWER_BYTES_MAX);
                sbuf_done(&req->out);
                req->out = (struct sbuf) SBUF(API_ANSWER_BYTES_MAX);
                error_write(req, &err, &req->out);
                status = 500;
        }
        req->status = status;
        audit_request(req, status);
        if (req->internal) {
                answer_internal(req, status);
                return;
        }
        if (req->http) {                /* now, not when it goes: who asked may be removed meanwhile */
                standard_headers(req);
                wrap(req);
        }
        req->caller = req->agent = NULL;
        if (req->wrote)
                core_output(api_core(req), released, req);
        else
                core_output_after(api_core(req), req->seq, released, req);
}

void api_reply_empty(struct api_req *req, int status) {
        sbuf_reset(&req->out);
        api_reply(req, status);
}

void api_fail(struct api_req *req, const struct dr_error *err) {
        sbuf_reset(&req->out);
        req->content_type = NULL;
        req->failed = true;
        if (req->internal)
                req->internal->err = *err;
        error_write(req, err, &req->out);
        int status = dr_error_row(err->code)->http_status;
        if (status == 401 && !api_header(req, "X-API-No-Challenge") && !(req->http && http_headers_has_token(&req->http->headers, "Connection", "upgrade")) &&
            str_eq(setting_get(api_core(req), "api.security.enabled"), "true"))
                api_header_add(req, "WWW-Authenticate", "Basic realm=\"Enter API access key and secret key as username and password\"");
        api_reply(req, status);
}

void api_fail_code(struct api_req *req, enum dr_code code, const char *field) {
        struct dr_error err = { .code = code };
        snprintf(err.field, sizeof err.field, "%s", str_or(field, ""));
        api_fail(req, &err);
}

struct http_request *api_detach(struct api_req *req) {
        struct http_request *http = req->http;
        req_free(req);
        return http;
}

/* ---- the entry ---- */
struct api *api_new(const struct api_conf *conf) {
        struct api *a = dr_xnew(struct api);
        a->conf = *conf;
        return a;
}

struct api *api_free(struct api *a) {
        if (a) {
                vec_done(&a->specials);
                vec_done(&a->tasks);
                free(a);
        }
        return NULL;
}

void api_add_special(struct api *a, const char *name, bool open, api_special_fn *fn, void *arg) {
        vec_push(&a->specials, ((struct api_special) { name, open, fn, arg }));
}

void api_add_task(struct api *a, const char *name, void (*fn)(void *arg), void *arg) {
        vec_push(&a->tasks, ((struct api_task) { name, fn, arg }));
}

static void continue_request(struct api_req *req) {
        struct dr_error err;
        if (api_enter_project(req, &err) < 0)
                api_fail(req, &err);
        else if (!req->to_service && !api_csrf_ok(req))
                api_fail_code(req, DR_E_INVALID_CSRF, NULL);
        else
                api_dispatch(req);
}

/* Somebody at a browser, on the way to a service's page, is sent to log in (orchestrators.md 1.2); programs are told. */
static void refuse(struct api_req *req, const struct dr_error *err) {
        if (!req->to_service || err->code != DR_E_UNAUTHORIZED || req->service_auth) {
                api_fail(req, err);
                return;
        }
        struct sbuf to = SBUF(4 * HTTP_TARGET_BYTES_MAX);
        sbuf_puts(&to, "/login?redirectTo=");
        http_escape(&to, req->http->raw_path);
        sbuf_putc(&to, '#');
        api_header_add(req, "Location", sbuf_str(&to));
        sbuf_done(&to);
        api_reply_empty(req, 302);
}

void api_resume(struct api_req *req, int result, const struct dr_error *err) {
        if (!req->http)                 /* the client left meanwhile */
                req_free(req);
        else if (result < 0)
                refuse(req, err);
        else
                continue_request(req);
}

static int everybody_is_admin(struct api_req *req, struct dr_error *err) {
        struct record *admin = world_by_uuid(api_world(req), T_account, "admin");
        if (!admin)
                return dr_fail(err, DR_E_INTERNAL, NULL, "there is no admin account");
        api_set_caller(req, admin, ROLE_admin, true);
        return 0;
}

const struct api_special *api_special_of(const struct api_req *req) {
        const struct api_special *found = NULL;
        for (size_t i = 0; req->n_seg && i < req->api->specials.n; i++) {
                const struct api_special *s = &req->api->specials.v[i];
                size_t n = strcspn(s->name, "/");
                if (strlen(req->seg[0]) != n || strncasecmp(s->name, req->seg[0], n) != 0)
                        continue;
                if (s->name[n] && req->n_seg > 1 && str_ieq(s->name + n + 1, req->seg[1]))
                        return s;
                found = s->name[n] ? found : s;
        }
        return found;
}

static bool is_ping(const struct http_request *http) {
        return http->path.n == 1 && (str_eq(http->path.seg[0], "ping") || str_eq(http->path.seg[0], "healthcheck"));
}

void api_handle(struct api *a, struct http_request *http) {
        static const struct http_header text = { "Content-Type", "text/plain; charset=utf-8" };
        if (is_ping(http)) {            /* outside the API: no authentication, no headers (api.md 1.1) */
                if (a->conf.reply)
                        a->conf.reply(a->conf.reply_arg, http, 200, &text, 1, "pong", 4);
                else
                        http_reply(http, 200, &text, 1, "pong", 4);
                return;
        }
        struct api_req *req = dr_xnew(struct api_req);
        req->api = a;
        req->http = http;
        req->out = (struct sbuf) SBUF(API_ANSWER_BYTES_MAX);
        http->user = req;
        http->on_abort = on_abort;
        struct dr_error err;
        if (api_req_read(req, &err) < 0) {
                api_fail(req, &err);
                return;
        }
        const struct api_special *s = api_special_of(req);
        if (s && s->open) {
                s->fn(s->arg, req);
                return;
        }
        int r = a->conf.authenticate ? a->conf.authenticate(a->conf.authenticate_arg, req, &err) : everybody_is_admin(req, &err);
        if (r == 0)
                continue_request(req);
        else if (r < 0)
                refuse(req, &err);
}
