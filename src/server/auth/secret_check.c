#include "secret_check.h"

#include <sodium.h>

#include "formats/json.h"
#include "net/http_sync.h"

enum { ANSWER_BYTES_MAX = 16 << 10 };

static int judge(const struct http_response *res, struct dr_error *err) {
        if (res->status < 400)
                return 0;
        if (res->status >= 500)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the check of passwords answered %d", res->status);
        AUTO(json_free) struct json_object *o = NULL;
        if (res->body_len && json_parse(res->body, res->body_len, ANSWER_BYTES_MAX, &o, NULL) < 0)
                o = NULL;
        const char *message = json_object_is_type(o, json_type_object) ? json_str(o, "message", NULL) : NULL;
        return dr_fail(err, DR_E_UNPROCESSABLE, NULL, "%.150s", str_or(message, "this password is not accepted"));
}

int secret_check(const char *url, const char *secret, struct dr_error *err) {
        static const struct http_client_config config;
        static const struct http_header type = { "Content-Type", "application/json" };
        AUTO(http_sync_free) struct http_sync *s = NULL;
        int r = http_sync_new(&config, &s, err);
        if (r < 0)
                return r;
        struct sbuf body = SBUF(64 << 10);
        struct jw w = JW(&body, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "secret", secret);
        jw_end(&w);
        struct http_call_spec spec = { .method = "POST", .url = url, .headers = &type, .n_headers = 1, .body = sbuf_str(&body), .body_len = body.len,
                                       .total_ms = SECRET_CHECK_MS, .body_max = ANSWER_BYTES_MAX };
        struct http_response res = { 0 };
        r = http_sync_call(s, &spec, &res, err);
        sodium_memzero((char *) sbuf_str(&body), body.len);
        sbuf_done(&body);
        if (r < 0) {
                err->code = DR_E_UNAVAILABLE;
                return r;
        }
        r = judge(&res, err);
        http_response_done(&res);
        return r;
}
