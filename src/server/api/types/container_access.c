/* What opens a stream to a container: logs, a command in it, its console, HTTP to it, its figures (spec api.md 5.3, 5.4; agent.md 14). */
#include "server/api/access.h"
#include "server/api/host_grant.h"
#include "server/auth/host_token.h"
#include "types.h"

enum { LINES_DEFAULT = 100, LINES_MAX = 1000000, COMMAND_WORDS_MAX = 1000, COMMAND_BYTES_MAX = 4096, PORT_DEFAULT = 80 };

static bool flag(const struct field_values *in, enum field_id f, bool dflt) {
        const struct value *v = field_values_get(in, f);
        return v && v->tag == V_BOOL ? v->b : dflt;
}
static int64_t number(const struct field_values *in, enum field_id f, int64_t dflt) {
        const struct value *v = field_values_get(in, f);
        return v && v->tag == V_INT ? v->i : dflt;
}
static const char *string(const struct field_values *in, enum field_id f, const char *dflt) {
        const struct value *v = field_values_get(in, f);
        return v && v->tag == V_STR ? v->t->s : dflt;
}

static int logs_claim(struct api_req *req, const struct record *r, const struct field_values *in, struct json_object *claim, struct dr_error *err) {
        int64_t lines = number(in, F_lines, LINES_DEFAULT);
        if (lines < 0)
                return dr_fail(err, DR_E_MIN_LIMIT, "lines", "lines %lld is below 0", (long long) lines);
        json_set_str(claim, "Container", host_grant_container(req, r));
        json_set_int(claim, "Lines", MIN(lines, (int64_t) LINES_MAX));
        json_set_bool(claim, "Follow", flag(in, F_follow, true));
        json_set_bool(claim, "Timestamps", flag(in, F_timestamps, true));
        json_set_str(claim, "Since", string(in, F_since, ""));
        return 0;
}

/* The token is part of an address, so a command is short. */
static int exec_claim(struct api_req *req, const struct record *r, const struct field_values *in, struct json_object *claim, struct dr_error *err) {
        const struct value *v = field_values_get(in, F_command);
        struct json_object *words = v && v->tag == V_JSON ? text_json(v->t) : NULL;
        size_t n = words && json_object_is_type(words, json_type_array) ? json_object_array_length(words) : 0, bytes = 0;
        if (!n)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "command", "there is no command to execute");
        for (size_t i = 0; i < n; i++)
                bytes += (size_t) json_object_get_string_len(json_object_array_get_idx(words, i));
        if (n > COMMAND_WORDS_MAX || bytes > COMMAND_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, "command", "a command has at most %d words and %d bytes", COMMAND_WORDS_MAX, COMMAND_BYTES_MAX);
        json_set_str(claim, "Container", host_grant_container(req, r));
        json_set_bool(claim, "AttachStdin", flag(in, F_attachStdin, true));
        json_set_bool(claim, "AttachStdout", flag(in, F_attachStdout, true));
        json_set_bool(claim, "Tty", flag(in, F_tty, true));
        json_set(claim, "Cmd", json_copy(words));
        return 0;
}

static int console_claim(struct api_req *req, const struct record *r, const struct field_values *in, struct json_object *claim, struct dr_error *err) {
        json_set_str(claim, "container", host_grant_container(req, r));
        return 0;
}

static int proxy_reply(struct api_req *req, const struct record *r, const struct field_values *in, struct dr_error *err) {
        int64_t port = number(in, F_port, PORT_DEFAULT);
        if (port < 1 || port > 65535)
                return dr_fail(err, port < 1 ? DR_E_MIN_LIMIT : DR_E_MAX_LIMIT, "port", "port %lld is not between 1 and 65535", (long long) port);
        AUTO(json_free) struct json_object *claims = json_object_new_object();
        json_set(claims, "proxy", host_grant_proxy(req, r, port, string(in, F_scheme, "http")));
        return host_grant_reply(req, &(struct host_grant) { .type = T_hostAccess, .path = "/v1/container-proxy/", .http = true, .claims = claims,
                                                            .life_s = HOST_TOKEN_PROXY_S, .host = host_grant_of(req, r) }, err);
}

int container_access_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        static const struct {
                const char *action, *claim, *path;
                int (*fill)(struct api_req *req, const struct record *r, const struct field_values *in, struct json_object *claim, struct dr_error *err);
        } rows[] = {
                { "logs", "logs", "/v1/logs/", logs_claim }, { "execute", "exec", "/v1/exec/", exec_claim },
                { "console", "console", "/v1/console/", console_claim }, { "proxy", "proxy", NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (!str_eq(rows[i].action, a->name))
                        continue;
                int k = host_grant_check(req, host_grant_of(req, r), err);
                if (k < 0)
                        return k;
                if (!rows[i].fill)
                        return proxy_reply(req, r, in, err);
                AUTO(json_free) struct json_object *claims = json_object_new_object(), *claim = json_object_new_object();
                k = rows[i].fill(req, r, in, claim, err);
                if (k < 0)
                        return k;
                json_set(claims, rows[i].claim, dr_take(claim));
                return host_grant_reply(req, &(struct host_grant) { .type = T_hostAccess, .path = rows[i].path, .claims = claims,
                                                                    .host = host_grant_of(req, r) }, err);
        }
        return -ENOSYS;
}

/* stats (deprecated) and containerStats. */
int container_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        bool old = str_eq(l->name, "stats");
        if (!old && !str_eq(l->name, "containerStats"))
                return -ENOSYS;
        const struct record *host = host_grant_of(req, r);
        int k = host_grant_check(req, host, err);
        if (k < 0)
                return k;
        char id[ID_TEXT_MAX];
        const char *container = host_grant_container(req, r);
        AUTO(json_free) struct json_object *claims = json_object_new_object(), *ids = json_object_new_object();
        json_set_str(ids, container, id_format(req->version, T_instance, r->id, id));
        json_set(claims, "containerIds", dr_take(ids));
        return host_grant_reply(req, &(struct host_grant) {
                .type = T_statsAccess, .path = arena_printf(&req->arena, "/v1/%s/%s", old ? "stats" : "containerstats", container), .claims = claims, .host = host,
        }, err);
}

/* All containers of a service: they are looked up when the stream opens, so that the token stays short enough for an address. */
int service_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        if (!str_eq(l->name, "containerStats"))
                return -ENOSYS;
        char id[ID_TEXT_MAX];
        AUTO(json_free) struct json_object *claims = json_object_new_object();
        json_set_str(claims, "service", id_format(req->version, T_service, r->id, id));
        return host_grant_reply(req, &(struct host_grant) { .type = T_statsAccess, .path = "/v1/containerstats/service/", .claims = claims }, err);
}
