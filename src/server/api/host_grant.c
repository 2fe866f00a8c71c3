#include "host_grant.h"

#include <stdio.h>

#include "base/parse.h"
#include "core/hosts.h"
#include "core/settings.h"
#include "fields.h"
#include "model/launch.h"
#include "plain.h"
#include "server/auth/host_token.h"

static int check_mode(struct api_req *req, struct dr_error *err) {
        if (str_ieq(setting_get(api_core(req), "host.api.proxy.mode"), "off") || !req->api->conf.host_tokens)
                return dr_fail(err, DR_E_PROXY_DISABLED, NULL, "access to hosts through this server is turned off");
        return 0;
}

static const char *host_name(const struct record *host) { return *record_name(host) ? record_name(host) : str_or(record_str(host, F_hostname), ""); }

int host_grant_check(struct api_req *req, const struct record *host, struct dr_error *err) {
        int r = check_mode(req, err);
        if (r < 0)
                return r;
        if (!host)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "it is on no host");
        api_saw(req, host->seq);
        if (!host_usable(api_core(req), host) && host->state != S_inactive && host->state != S_deactivating && host->state != S_activating)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "host \"%s\" is not active", host_name(host));
        const struct record *agent = world_get(api_world(req), T_agent, record_int(host, F_agentId));
        if (agent && agent->state != S_active)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the agent of host \"%s\" is not active", host_name(host));
        return 0;
}

/* "http://server:8080" as clients of streams shall reach it. */
static const char *address(struct api_req *req, bool http) {
        const char *at = setting_get(api_core(req), "host.api.proxy.host"), *base = req->base, *scheme = strstr(base, "://");
        bool tls = str_starts(base, "https://");
        const char *host = scheme ? scheme + 3 : base;
        if (*at) {
                scheme = strstr(at, "://");
                tls = scheme ? str_starts(at, "https://") || str_starts(at, "wss://") : tls;
                host = scheme ? scheme + 3 : at;
        }
        size_t n = strlen(host);
        while (n > 0 && host[n - 1] == '/')
                n--;
        return arena_printf(&req->arena, "%s://%.*s", http ? tls ? "https" : "http" : tls ? "wss" : "ws", (int) n, host);
}

int host_grant_make(struct api_req *req, const struct host_grant *g, const char **ret_url, const char **ret_token, struct dr_error *err) {
        AUTO(json_free) struct json_object *claims = g->claims ? json_copy(g->claims) : json_object_new_object();
        auto_free char *token = NULL;
        int r = check_mode(req, err);
        if (g->host)
                json_set_str(claims, "hostUuid", record_str(g->host, F_reportedUuid));
        req->wrote = true;                      /* the first one makes the key */
        if (r == 0)
                r = host_token_make(req->api->conf.host_tokens, claims, g->life_s, &token, err);
        if (r < 0)
                return r;
        *ret_url = arena_printf(&req->arena, "%s%s", address(req, g->http), g->path);
        *ret_token = arena_strdup(&req->arena, token);
        return 0;
}

struct answer { enum type_id type; const char *url, *token; };

static void write_answer(struct api_req *req, struct jw *w, void *arg) {
        const struct answer *a = arg;
        plain_begin(w, type_get(req->version, a->type), NULL, NULL);
        jw_kstring(w, "token", a->token);
        jw_kstring(w, "url", a->url);
        jw_end(w);
}

int host_grant_reply(struct api_req *req, const struct host_grant *g, struct dr_error *err) {
        struct answer a = { .type = g->type };
        int r = host_grant_make(req, g, &a.url, &a.token, err);
        if (r < 0)
                return r;
        plain_reply(req, 200, write_answer, &a);
        return 1;
}

const struct record *host_grant_of(struct api_req *req, const struct record *instance) {
        int64_t id = record_int(instance, F_hostId);
        return id ? world_get(api_world(req), T_host, id) : NULL;
}

const char *host_grant_container(struct api_req *req, const struct record *instance) {
        const char *id = record_str(instance, F_externalId);
        char uuid[RECORD_UUID_MAX];
        return arena_strdup(&req->arena, id && *id ? id : record_uuid(instance, uuid));
}

struct json_object *host_grant_proxy(struct api_req *req, const struct record *instance, int64_t port, const char *scheme) {
        char buf[64], text[300];
        const char *label = launch_label(instance, "io.rancher.websocket.proxy.port", buf, sizeof buf);
        int64_t n;
        if (label && parse_i64(label, &n) == 0 && n >= 1 && n <= 65535)
                port = n;
        label = launch_label(instance, "io.rancher.websocket.proxy.scheme", buf, sizeof buf);
        if (label && (str_eq(label, "http") || str_eq(label, "https")))
                scheme = label;
        const char *ip = str_or(instance_address(req, instance), "");
        snprintf(text, sizeof text, strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld", ip, (long long) port);
        struct json_object *proxy = json_object_new_object();
        json_set_str(proxy, "Container", host_grant_container(req, instance));
        json_set_str(proxy, "scheme", scheme);
        json_set_str(proxy, "address", text);
        return proxy;
}
