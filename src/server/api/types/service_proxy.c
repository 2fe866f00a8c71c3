/* serviceProxies: a token for HTTP to the first running container of a service (spec api.md 5.3, orchestrators.md 1.2). */
#include "server/api/access.h"
#include "server/api/change.h"
#include "server/api/host_grant.h"
#include "server/api/plain.h"
#include "server/api/service_instance.h"
#include "server/auth/host_token.h"
#include "types.h"

struct proxy { const char *service, *scheme, *url, *token; int64_t port; };

static void write_proxy(struct api_req *req, struct jw *w, void *arg) {
        const struct proxy *p = arg;
        plain_begin(w, type_get(req->version, T_serviceProxy), NULL, NULL);
        jw_kint(w, "port", p->port);
        jw_kstring(w, "scheme", p->scheme);
        jw_kstring(w, "service", p->service);
        jw_kstring(w, "token", p->token);
        jw_kstring(w, "url", p->url);
        jw_end(w);
}

int service_proxy_post(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        __attribute__((cleanup(field_values_done_auto))) struct field_values in = { 0 };
        int k = change_validate(req, def, VALIDATE_CREATE, req->body, NULL, &in, err);
        if (k < 0)
                return k;
        const struct value *service = field_values_get(&in, F_service), *scheme = field_values_get(&in, F_scheme), *port = field_values_get(&in, F_port);
        struct proxy p = {
                .service = service && service->tag == V_STR ? arena_strdup(&req->arena, service->t->s) : "",
                .scheme = scheme && scheme->tag == V_STR ? arena_strdup(&req->arena, scheme->t->s) : "http",
                .port = port && port->tag == V_INT ? port->i : 80,
        };
        if (p.port < 1 || p.port > 65535)
                return dr_fail(err, p.port < 1 ? DR_E_MIN_LIMIT : DR_E_MAX_LIMIT, "port", "port %lld is not between 1 and 65535", (long long) p.port);
        const struct record *i = service_instance_find(api_world(req), req->project_id ? req->project_id : req->account_id, p.service);
        if (!i)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "service \"%.100s\" has no running container", p.service);
        k = host_grant_check(req, host_grant_of(req, i), err);
        if (k < 0)
                return k;
        AUTO(json_free) struct json_object *claims = json_object_new_object();
        json_set(claims, "proxy", host_grant_proxy(req, i, p.port, p.scheme));
        k = host_grant_make(req, &(struct host_grant) { .path = "/v1/container-proxy/", .http = true, .claims = claims, .life_s = HOST_TOKEN_PROXY_S,
                                                        .host = host_grant_of(req, i) }, &p.url, &p.token, err);
        if (k < 0)
                return k;
        plain_reply(req, 201, write_proxy, &p);
        return 1;
}
