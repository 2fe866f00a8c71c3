#include "token.h"

#include "base/times.h"
#include "formats/json.h"
#include "join.h"
#include "net/http_sync.h"
#include "switch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>

enum { ANSWER_BYTES_MAX = 4 << 20, ACTIVE_WITHIN_MS = 30000, ASK_EVERY_MS = 100, CALL_MS = 15000 };

struct asker {
        struct http_sync *http;
        char *base;                     /* "http://172.28.0.1:8080/v2-beta" */
        char *auth;                     /* header value, or NULL */
        const char *server;             /* for messages */
};

static int ask(struct asker *a, const char *method, const char *path, const char *body, struct json_object **ret, struct dr_error *err) {
        auto_free char *url = dr_xasprintf("%s%s", a->base, path);
        struct http_header headers[] = { { "Accept", "application/json" }, { "Content-Type", "application/json" }, { "Authorization", a->auth } };
        struct http_call_spec spec = { .method = method, .url = url, .headers = headers, .n_headers = a->auth ? 3 : 2, .body = body,
                                       .body_len = body ? strlen(body) : 0, .total_ms = CALL_MS, .body_max = ANSWER_BYTES_MAX };
        struct http_response res = { 0 };
        int r = http_sync_call(a->http, &spec, &res, err);
        if (r < 0)
                return dr_prefix(err, r, "could not ask server \"%s\"", a->server);
        AUTO(json_free) struct json_object *o = NULL;
        int status = res.status;
        r = json_parse(res.body ? res.body : "", res.body_len, ANSWER_BYTES_MAX, &o, err);
        http_response_done(&res);
        if (status == 401 || status == 403)
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "server \"%s\" refuses these keys (%d): set RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY "
                               "to an API key pair that may add hosts", a->server, status);
        if (status < 200 || status > 299)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "server \"%s\" answered %d to %s %s: %s", a->server, status, method, path,
                               json_str(o, "message", json_str(o, "code", "no reason given")));
        if (r < 0)
                return dr_prefix(err, r, "server \"%s\" does not speak the Rancher API", a->server);
        *ret = dr_take(o);
        return 0;
}

/* wanted: a name or an id, or NULL for the first active one. *ret: caller frees. */
static int find_project(struct asker *a, const char *wanted, char **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *list = NULL;
        int r = ask(a, "GET", "/projects?limit=1000", NULL, &list, err);
        if (r < 0)
                return r;
        struct json_object *data = json_get_array(list, "data");
        for (size_t i = 0; data && i < json_object_array_length(data); i++) {
                struct json_object *p = json_object_array_get_idx(data, i);
                const char *id = json_str(p, "id", "");
                bool fits = wanted ? str_eq(wanted, id) || str_eq(wanted, json_str(p, "name", NULL)) : str_eq(json_str(p, "state", "active"), "active");
                if (*id && fits) {
                        *ret = dr_xstrdup(id);
                        return 0;
                }
        }
        return dr_fail(err, DR_E_NOT_FOUND, NULL, wanted ? "server \"%s\" has no environment \"%s\" for these keys"
                                                         : "server \"%s\" shows no environment to these keys; give RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY",
                       a->server, wanted);
}

/* The token is made by a process of the server: its command is there once it is active. */
static int make_token(struct asker *a, const char *project, char **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *token = NULL;
        auto_free char *path = dr_xasprintf("/projects/%s/registrationtokens", project);
        int r = ask(a, "POST", path, "{}", &token, err);
        uint64_t end = time_mono_ms() + ACTIVE_WITHIN_MS;
        while (r >= 0) {
                const char *command = json_str(token, "command", ""), *state = json_str(token, "state", "");
                if (*command && str_eq(state, "active")) {
                        *ret = dr_xstrdup(command);
                        return 0;
                }
                if (time_mono_ms() > end)
                        return dr_fail(err, DR_E_TIMEOUT, NULL, "the registration token of server \"%s\" stays in state \"%s\"", a->server, state);
                auto_free char *one = dr_xasprintf("%s/%s", path, json_str(token, "id", ""));
                (void) poll(NULL, 0, ASK_EVERY_MS);
                json_free(token);
                token = NULL;
                r = ask(a, "GET", one, NULL, &token, err);
        }
        return r;
}

static int ask_all(struct asker *a, const char *project, char **ret, struct dr_error *err) {
        auto_free char *id = NULL;
        struct http_client_config cfg = { 0 };
        int r = http_sync_new(&cfg, &a->http, err);
        r = r < 0 ? r : find_project(a, project, &id, err);
        r = r < 0 ? r : make_token(a, id, ret, err);
        a->http = http_sync_free(a->http);
        return r;
}

static const char *setting(const char *given, const char *env) {
        const char *v = given ? given : getenv(env);
        return v && *v ? v : NULL;
}

int token_join_command(const struct lab *l, const struct token_options *o, char **ret, struct dr_error *err) {
        const char *access = setting(o->access_key, "RANCHER_ACCESS_KEY"), *secret = setting(o->secret_key, "RANCHER_SECRET_KEY");
        auto_free char *auth = access && secret ? http_basic_value(access, secret) : NULL;
        auto_free char *relay = NULL;
        const char *project = setting(o->project, "RANCHER_ENVIRONMENT");
        auto_free char *origin = join_find_origin(o->server);
        int r = switch_relay(l, o->server, &relay, err);
        if (r < 0)
                return r;
        bool tls = str_starts(o->server, "https://");
        auto_free char *base = dr_xasprintf("%s/v2-beta", tls ? origin : relay);
        struct asker a = { .base = base, .auth = auth, .server = o->server };
        if (tls)
                return ask_all(&a, project, ret, err);

        auto_close int inside = -1, outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        r = switch_netns(l, &inside, err);
        if (r < 0)
                return r;
        if (outside < 0 || setns(inside, CLONE_NEWNET) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not enter the switch's network namespace: %m");
        r = ask_all(&a, project, ret, err);
        if (setns(outside, CLONE_NEWNET) < 0)
                abort();        /* we came from there */
        return r;
}
