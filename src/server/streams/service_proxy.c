#include "service_proxy.h"

#include <sodium.h>
#include <stdio.h>

#include "base/parse.h"
#include "proxy.h"
#include "server/api/access.h"
#include "server/api/host_grant.h"
#include "server/api/service_instance.h"

enum { NAME_BYTES_MAX = 255, PORT_DEFAULT = 80 };

struct wanted { char name[NAME_BYTES_MAX + 1]; uint64_t port; bool tls; };

static int read_name(const char *s, struct wanted *w, struct dr_error *err) {
        const char *colon = strrchr(s, ':');
        size_t n = colon ? (size_t) (colon - s) : strlen(s);
        *w = (struct wanted) { .port = PORT_DEFAULT };
        if (!n || n > NAME_BYTES_MAX || (colon && (parse_u64(colon + 1, 65535, &w->port) < 0 || !w->port)))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "\"%.100s\" is no SERVICE[.STACK][:PORT]", s);
        memcpy(w->name, s, n);
        w->tls = colon && str_ends(colon, "443");
        return 0;
}

/* "Bearer " and the base64 of "Bearer TOKEN", of the cookie of a person at a browser. NULL: none. The caller frees. */
static char *bearer_of_cookie(const struct http_request *req) {
        auto_free char *token = http_cookie_get(&req->headers, "token");
        if (!token)
                return NULL;
        auto_free char *plain = dr_xasprintf("Bearer %s", token);
        size_t max = sodium_base64_encoded_len(strlen(plain), sodium_base64_VARIANT_ORIGINAL);
        auto_free char *code = dr_xmalloc(max);
        sodium_bin2base64(code, max, (const unsigned char *) plain, strlen(plain), sodium_base64_VARIANT_ORIGINAL);
        return dr_xasprintf("Bearer %s", code);
}

void service_proxy_special(void *arg, struct api_req *req) {
        struct streams *s = arg;
        struct wanted w;
        struct dr_error err;
        const struct type_def *def = type_get(API_V2_BETA, T_serviceProxy);
        int r = read_name(req->n_seg > 1 ? req->seg[1] : "", &w, &err);
        if (r == 0 && !(type_methods(def, req->project_id ? req->role : ROLE_user) & TM_CREATE))
                r = dr_fail(&err, DR_E_FORBIDDEN, NULL, "role %s may not use the services of an environment this way", role_name(req->role));
        const struct record *i = r == 0 ? service_instance_find(api_world(req), req->project_id, w.name) : NULL;
        if (r == 0 && !i)
                r = dr_fail(&err, DR_E_UNAVAILABLE, NULL, "Service unavailable");
        if (r == 0)
                r = host_grant_check(req, host_grant_of(req, i), &err);
        if (r < 0) {
                api_fail(req, &err);
                return;
        }
        AUTO(json_free) struct json_object *proxy = host_grant_proxy(req, i, (int64_t) w.port, w.tls ? "https" : "http");
        const char *colon = strrchr(json_str(proxy, "address", ":80"), ':');
        (void) parse_u64(colon + 1, 65535, &w.port);            /* it was a number when it was written */
        w.tls = str_eq(json_str(proxy, "scheme", ""), "https");
        bool system = access_is_system(i);
        auto_free char *auth = system && req->service_auth ? dr_xstrdup(req->service_auth) : system ? bearer_of_cookie(req->http) : NULL;
        auto_free char *target = proxy_target(req->http, req->path_project ? 4 : 2);
        struct http_request *http = api_detach(req);
        if (http)
                streams_proxy(s, http, i, (unsigned) w.port, w.tls, target, auth);
}
