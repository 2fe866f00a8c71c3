#include "register.h"

#include "node/docker/message.h"
#include "node/json_view.h"

#include <stdio.h>

enum { POLL_MS = 300, POLLS_MAX = 400, RETRY_MS = 1000, RETRY_MS_MAX = 30000, BODY_BYTES_MAX = 1 << 20 };

struct registration {
        struct registration_config cfg;
        char *url, *token, *key;
        struct http_call *call;
        struct timer *timer;
        uint64_t retry_ms;
        unsigned tries, polls;
        bool posted;
};

static const char *const versions[] = { "/v1", "/v2-beta" };

/* Length of url up to and without its version segment; SIZE_MAX: it has none. */
static size_t base_len(const char *url, size_t *ret_version_len) {
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                size_t n = strlen(versions[i]);
                for (const char *p = url; (p = strstr(p, versions[i])); p += n)
                        if (p[n] == 0 || p[n] == '/' || p[n] == '?') {
                                *ret_version_len = n;
                                return (size_t) (p - url);
                        }
        }
        return SIZE_MAX;
}

char *server_base_url(const char *url) {
        size_t version_len, n = base_len(url, &version_len);
        if (n == SIZE_MAX)
                for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--) {}
        return dr_xstrndup(url, n);
}

char *server_api_url(const char *url) {
        size_t version_len, n = base_len(url, &version_len);
        if (n != SIZE_MAX)
                return dr_xstrndup(url, n + version_len);
        auto_free char *base = server_base_url(url);
        return dr_xasprintf("%s/v1", base);
}

static void ask(void *arg);
static void post(struct registration *r);

static void finish(struct registration *r, int result, const char *access_key, const char *secret_key, const struct dr_error *err) {
        r->cfg.on_done(result, access_key, secret_key, err, r->cfg.arg);
}

static void later(struct registration *r, const char *why) {
        if (r->cfg.tries_max && ++r->tries >= r->cfg.tries_max) {
                struct dr_error err;
                int result = dr_fail(&err, DR_E_UNAVAILABLE, NULL, "could not register at \"%s\": %.300s", r->url, why);
                return finish(r, result, NULL, NULL, &err);
        }
        if (r->cfg.on_trouble)
                r->cfg.on_trouble(why, r->cfg.arg);
        timer_start(r->timer, r->retry_ms);
        r->retry_ms = MIN(r->retry_ms * 2, (uint64_t) RETRY_MS_MAX);
}

/* True when the answer was no success and has been dealt with. */
static bool refused(struct registration *r, int result, const struct http_response *res, const struct dr_error *err) {
        char why[400];
        r->call = NULL;
        if (result < 0) {
                later(r, err->message);
                return true;
        }
        if (res->status >= 200 && res->status < 300)
                return false;
        docker_error_text(res->body, res->body_len, why, sizeof why);           /* the API's errors have "message" too */
        if (res->status == 409 && r->posted)
                return false;                           /* somebody was faster with this key: it can be asked for */
        if (res->status >= 500 || res->status == 429) {
                later(r, *why ? why : http_status_text(res->status));
                return true;
        }
        struct dr_error e;
        int code = res->status == 401 || res->status == 403
                ? dr_fail(&e, DR_E_UNAUTHORIZED, "token", "the registration token is not valid (any more): take a new join command from the server")
                : dr_fail(&e, DR_E_BAD_REQUEST, NULL, "the server at \"%s\" refused the registration: %d %.300s", r->url, res->status, why);
        finish(r, code, NULL, NULL, &e);
        return true;
}

static void on_row(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct registration *r = arg;
        if (refused(r, result, res, err))
                return;
        AUTO(jv_put) json_object *o = res->body ? jv_parse(res->body, res->body_len, BODY_BYTES_MAX, NULL) : NULL;
        json_object *row = jv_at(jv_arr(o, "data"), 0);
        if (!jv_arr(o, "data"))
                return later(r, "the server's answer is no collection");
        if (jv_len(jv_arr(o, "data")) == 0) {
                if (!r->posted)
                        return post(r);
                row = NULL;
        }
        const char *access_key = jv_str(row, "accessKey"), *secret_key = jv_str(row, "secretKey");
        if (*access_key && *secret_key)
                return finish(r, 0, access_key, secret_key, NULL);
        if (++r->polls > POLLS_MAX) {
                r->polls = 0;
                r->posted = false;
                return later(r, "the server made no key for this host");
        }
        timer_start(r->timer, POLL_MS);
}

static void on_posted(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct registration *r = arg;
        if (!refused(r, result, res, err))
                ask(r);
}

static void call(struct registration *r, const char *method, const char *url, const char *body, const struct http_call_events *events) {
        auto_free char *basic = http_basic_value("registrationToken", r->token);
        struct http_header headers[] = { { "Authorization", basic }, { "Accept", "application/json" }, { "Content-Type", "application/json" } };
        struct http_call_spec spec = { .method = method, .url = url, .headers = headers, .n_headers = body ? 3 : 2, .body = body, .body_len = body ? strlen(body) : 0,
                                       .total_ms = 60000, .body_max = BODY_BYTES_MAX, .events = events, .arg = r };
        struct dr_error err;
        r->call = http_call_start(r->cfg.http, &spec, &err);
        if (!r->call)
                finish(r, -EINVAL, NULL, NULL, &err);
}

static void post(struct registration *r) {
        static const struct http_call_events events = { .on_done = on_posted };
        auto_free char *url = dr_xasprintf("%s/register", r->url), *body = dr_xasprintf("{\"key\":\"%s\"}", r->key);
        r->posted = true;
        call(r, "POST", url, body, &events);
}

static void ask(void *arg) {
        static const struct http_call_events events = { .on_done = on_row };
        struct registration *r = arg;
        auto_free char *url = dr_xasprintf("%s/register?key=%s", r->url, r->key);
        call(r, "GET", url, NULL, &events);
}

struct registration *registration_start(const struct registration_config *cfg) {
        struct registration *r = dr_xnew(struct registration);
        r->cfg = *cfg;
        r->url = server_api_url(cfg->url);
        r->token = dr_xstrdup(cfg->token);
        r->key = dr_xstrdup(cfg->key);
        r->retry_ms = RETRY_MS;
        r->timer = timer_new(cfg->loop, ask, r);
        timer_start(r->timer, 0);
        return r;
}

struct registration *registration_free(struct registration *r) {
        if (!r)
                return NULL;
        if (r->call)
                http_call_cancel(r->call);
        timer_free(r->timer);
        free(r->url);
        free(r->token);
        free(r->key);
        free(r);
        return NULL;
}
