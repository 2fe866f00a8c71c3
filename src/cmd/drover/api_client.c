#include "api_client.h"

#include "api_connect.h"

#include <stdio.h>
#include <time.h>

#include "base/times.h"
#include "net/http_sync.h"

enum { RETRIES_ON_CONFLICT = 3, RETRY_MS = 100, PING_LOST_MS = 15000, CALL_MS = 60000 };

struct api {
        char *base;
        char *access_key, *secret_key, *bearer;
        char *environment;              /* as configured or from the URL */
        char *project_id, *project_name;
        bool debug;
        struct http_sync *http;
        struct ws_sync *ws;
        uint64_t last_frame_ms;
        struct api_problem problem;
};

int api_url_split(const char *url, char **ret_base, char **ret_project, struct dr_error *err) {
        if (!url || !*url)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "url", "no server is configured");
        auto_free char *full = strstr(url, "://") ? dr_xstrdup(url) : dr_xasprintf("http://%s", url);
        if (!str_starts(full, "http://") && !str_starts(full, "https://"))
                return dr_fail(err, DR_E_INVALID_FORMAT, "url", "\"%.200s\" is not an http or https URL", url);
        char *host = strstr(full, "://") + 3;
        if (!*host || *host == '/' || strpbrk(full, " ?#\r\n\t"))
                return dr_fail(err, DR_E_INVALID_FORMAT, "url", "\"%.200s\" is not the URL of a server", url);

        static const char *const versions[] = { "/v2-beta", "/v1" };
        char *rest = NULL;
        for (size_t i = 0; !rest && i < ARRAY_LEN(versions); i++) {
                size_t n = strlen(versions[i]);
                for (char *p = strstr(host, versions[i]); p && !rest; p = strstr(p + 1, versions[i]))
                        if (p[n] == '\0' || p[n] == '/') {
                                *p = '\0';
                                rest = p + n;
                        }
        }
        char *project = NULL;
        if (rest && str_starts(rest, "/projects/")) {
                const char *id = rest + strlen("/projects/");
                size_t n = strcspn(id, "/");
                if (n > 0)
                        project = dr_xstrndup(id, n);
        }
        for (size_t n = strlen(full); n > 0 && full[n - 1] == '/'; )
                full[--n] = '\0';
        *ret_base = dr_take(full);
        *ret_project = project;
        return 0;
}

int api_new(const struct api_config *cfg, struct api **ret, struct dr_error *err) {
        AUTO(api_free) struct api *a = dr_xnew(struct api);
        auto_free char *project = NULL;
        int r = api_url_split(cfg->url, &a->base, &project, err);
        if (r < 0)
                return r;
        struct http_client_config http = { .tls = { .ca_file = cfg->ca_file, .insecure = cfg->insecure }, .user_agent = "drover/" DROVER_VERSION };
        if ((r = http_sync_new(&http, &a->http, err)) < 0)
                return r;
        api_set_keys(a, cfg->access_key, cfg->secret_key);
        a->environment = cfg->environment && *cfg->environment ? dr_xstrdup(cfg->environment) : dr_take(project);
        a->debug = cfg->debug;
        *ret = dr_take(a);
        return 0;
}

struct api *api_free(struct api *a) {
        if (!a)
                return NULL;
        api_unsubscribe(a);
        http_sync_free(a->http);
        free(a->base);
        free(a->access_key);
        free(a->secret_key);
        free(a->bearer);
        free(a->environment);
        free(a->project_id);
        free(a->project_name);
        free(a);
        return NULL;
}

const char *api_base(const struct api *a) {
        return a->base;
}

const struct api_problem *api_last_problem(const struct api *a) {
        return &a->problem;
}

void api_set_keys(struct api *a, const char *access_key, const char *secret_key) {
        free(a->access_key);
        free(a->secret_key);
        a->access_key = access_key && *access_key ? dr_xstrdup(access_key) : NULL;
        a->secret_key = secret_key && *secret_key ? dr_xstrdup(secret_key) : NULL;
}

void api_set_bearer(struct api *a, const char *token) {
        free(a->bearer);
        a->bearer = dr_xstrdup(token);
}

/* ---- errors in words ---- */

static const struct { int status; enum dr_code code; const char *words; } statuses[] = {
        { 400, DR_E_BAD_REQUEST, "the server did not understand the request" },
        { 401, DR_E_UNAUTHORIZED, "the server does not accept these keys" },
        { 403, DR_E_FORBIDDEN, "these keys may not do this" },
        { 404, DR_E_NOT_FOUND, "not found" },
        { 405, DR_E_METHOD, "not possible in the present state" },
        { 409, DR_E_CONFLICT, "something else is changing it" },
        { 413, DR_E_TOO_LARGE, "the request is too large" },
        { 422, DR_E_UNPROCESSABLE, "the server refused the values" },
        { 501, DR_E_NOT_IMPLEMENTED, "the server cannot do this" },
        { 503, DR_E_UNAVAILABLE, "the server is not ready" },
};

/* Validation errors carry a null message (api.md 1.7): these say what their code means. %s: the field. */
static const struct { const char *code, *with_field, *without; } codes[] = {
        { "MissingRequired", "%s is required", "something required is missing" },
        { "NotNullable", "%s must not be null", "a value must not be null" },
        { "InvalidOption", "%s has a value that is not allowed", "a value is not allowed" },
        { "InvalidFormat", "%s has the wrong format", "a value has the wrong format" },
        { "InvalidDateFormat", "%s is not a date", "a value is not a date" },
        { "InvalidReference", "%s refers to something that does not exist", "a reference is to something that does not exist" },
        { "NotUnique", "%s is already in use", "it exists already" },
        { "MinLengthExceeded", "%s is too short", "a value is too short" },
        { "MaxLengthExceeded", "%s is too long", "a value is too long" },
        { "MinLimitExceeded", "%s is too small", "a number is too small" },
        { "MaxLimitExceeded", "%s is too large", "a number is too large" },
        { "InvalidCharacters", "%s holds characters that are not allowed", "characters are not allowed" },
        { "InvalidAction", "there is no such action", "there is no such action" },
        { "ActionNotAvailable", "not possible in the present state", "not possible in the present state" },
        { "InvalidState", "not possible in the present state", "not possible in the present state" },
        { "PortWrongFormat", "a port has the wrong format", "a port has the wrong format" },
        { "PortInvalidPublicPort", "a public port is not valid", "a public port is not valid" },
        { "PortInvalidPrivatePort", "a private port is not valid", "a private port is not valid" },
        { "PortInvalidProtocol", "a port's protocol is neither tcp nor udp", "a port's protocol is neither tcp nor udp" },
        { "InvalidBodyContent", "the request is not valid JSON", "the request is not valid JSON" },
        { "LastAdminAccount", "it is the last admin account", "it is the last admin account" },
        { "IncorrectPassword", "the password is wrong", "the password is wrong" },
        { "NoAuthProvider", "the server has no login", "the server has no login" },
};

static bool same_letters(const char *a, const char *b) {
        for (;; a++, b++) {
                while (*a == ' ')
                        a++;
                while (*b == ' ')
                        b++;
                if (!*a || !*b)
                        return *a == *b;
                if ((*a | 0x20) != (*b | 0x20))
                        return false;
        }
}

int api_explain(int status, struct json_object *body, const char *method, const char *path, struct api_problem *problem, struct dr_error *err) {
        enum dr_code code = status >= 500 ? DR_E_INTERNAL : DR_E_BAD_REQUEST;
        const char *words = NULL;
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
                if (statuses[i].status == status) {
                        code = statuses[i].code;
                        words = statuses[i].words;
                }
        const char *api_code = json_str(body, "code", ""), *message = json_str(body, "message", NULL);
        const char *detail = json_str(body, "detail", NULL), *field = json_str(body, "fieldName", "");
        *problem = (struct api_problem) { .status = status };
        snprintf(problem->code, sizeof problem->code, "%s", api_code);
        snprintf(problem->field, sizeof problem->field, "%s", field);

        char text[384];
        /* A bare status has its own text for code and message: our words say more. */
        if (message && *message && !(words && same_letters(message, api_code))) {
                snprintf(text, sizeof text, "%s%s%s", message, *field ? " for field " : "", field);
        } else {
                snprintf(text, sizeof text, "%s", words ? words : "the server failed");
                for (size_t i = 0; i < ARRAY_LEN(codes); i++)
                        if (str_eq(codes[i].code, api_code))
                                snprintf(text, sizeof text, *field ? codes[i].with_field : codes[i].without, field);
        }
        size_t n = strlen(text);
        if (detail && *detail)
                n += (size_t) snprintf(text + n, sizeof text - n, ": %s", detail);
        if (*api_code && n < sizeof text && !(words && same_letters(api_code, str_or(message, ""))))
                n += (size_t) snprintf(text + n, sizeof text - n, " (%d %s)", status, api_code);
        else if (n < sizeof text)
                n += (size_t) snprintf(text + n, sizeof text - n, " (%d)", status);
        if (status == 404 && n < sizeof text)
                snprintf(text + n, sizeof text - n, ": %s %.120s", method, path);
        return dr_fail(err, code, *field ? field : NULL, "%s", text);
}

const char *api_hint(const struct api *a) {
        switch (a->problem.status) {
        case 401:
                return a->access_key || a->bearer ? "the keys may have been removed: \"drover login\" makes new ones"
                                                  : "\"drover login\" signs in, or set RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY";
        case 403:
                return "\"drover env ls\" shows the environments that these keys may use; an account's key can do more than an environment's";
        case 409:
                return "try again when it has settled: \"drover wait ID\"";
        case 503:
                return "the server is starting or its disk is full: \"drover doctor\" looks";
        default:
                return NULL;
        }
}

/* ---- calls ---- */

/* Full URL of a path or of a link that the API printed. */
static char *full_url(const struct api *a, const char *path) {
        if (path[0] == '/')
                return dr_xasprintf("%s/v2-beta%s", a->base, path);
        if (str_starts(path, "v1-catalog"))
                return dr_xasprintf("%s/%s", a->base, path);
        const char *p = strstr(path, "/v2-beta");
        if (!p && (p = strstr(path, "/v1")))
                return dr_xasprintf("%s%s", a->base, p);
        return p ? dr_xasprintf("%s%s", a->base, p) : dr_xasprintf("%s/v2-beta/%s", a->base, path);
}

static char *authorization(const struct api *a) {
        if (a->bearer)
                return dr_xasprintf("Bearer %s", a->bearer);
        return a->access_key ? http_basic_value(a->access_key, str_or(a->secret_key, "")) : NULL;
}

static int call_once(struct api *a, const char *method, const char *url, const char *body, size_t len, struct http_response *res, struct dr_error *err) {
        auto_free char *auth = authorization(a);
        struct http_header headers[4] = { { "Accept", "application/json" }, { "X-API-No-Challenge", "true" } };
        size_t n = 2;
        if (auth)
                headers[n++] = (struct http_header) { "Authorization", auth };
        if (body)
                headers[n++] = (struct http_header) { "Content-Type", "application/json" };
        struct http_call_spec spec = { .method = method, .url = url, .headers = headers, .n_headers = n, .body = body, .body_len = len,
                                       .body_max = API_BODY_BYTES_MAX, .total_ms = CALL_MS, .first_byte_ms = CALL_MS };
        uint64_t start = time_mono_ms();
        int r = http_sync_call(a->http, &spec, res, err);
        if (a->debug)
                fprintf(stderr, "debug: %s %s: %d in %llu ms\n", method, url, r < 0 ? r : res->status, (unsigned long long) (time_mono_ms() - start));
        if (r < 0) {
                a->problem = (struct api_problem) { 0 };
                return dr_prefix(err, r, "could not reach %s", a->base);
        }
        return 0;
}

static void pause_ms(long ms) {
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
        (void) nanosleep(&t, NULL);
}

static int take_answer(struct api *a, struct http_response *res, const char *method, const char *path, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error parse_err;
        int r = res->body_len ? json_parse(res->body, res->body_len, API_BODY_BYTES_MAX, &o, &parse_err) : 0;
        if (res->status >= 400 || res->status < 200)
                return api_explain(res->status, r < 0 ? NULL : o, method, path, &a->problem, err);
        if (r < 0)
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "%s does not answer like a drover server: %.300s", a->base, parse_err.message);
        if (ret)
                *ret = dr_take(o);
        return 0;
}

int api_call(struct api *a, const char *method, const char *path, struct json_object *body, struct json_object **ret, struct dr_error *err) {
        auto_free char *url = full_url(a, path);
        auto_sbuf struct sbuf text = SBUF(API_BODY_BYTES_MAX);
        bool sends = !str_eq(method, "GET") && !str_eq(method, "DELETE");
        if (body)
                json_write(body, 0, &text);
        else if (sends)
                sbuf_puts(&text, "{}");
        if (!sbuf_ok(&text))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the request is larger than %d bytes", API_BODY_BYTES_MAX);

        for (int tries = 0; ; tries++) {
                struct http_response res = { 0 };
                int r = call_once(a, method, url, sends ? sbuf_str(&text) : NULL, text.len, &res, err);
                if (r < 0)
                        return r;
                if (res.status == 409 && sends && tries < RETRIES_ON_CONFLICT) {
                        http_response_done(&res);
                        pause_ms(RETRY_MS);
                        continue;
                }
                r = take_answer(a, &res, method, path, ret, err);
                http_response_done(&res);
                return r;
        }
}

int api_list(struct api *a, const char *path, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *all = json_object_new_array();
        auto_free char *next = dr_xasprintf("%s%climit=%d", path, strchr(path, '?') ? '&' : '?', API_PAGE_LIMIT);
        for (int pages = 0; next && pages < API_PAGES_MAX; pages++) {
                AUTO(json_free) struct json_object *page = NULL;
                int r = api_get(a, next, &page, err);
                if (r < 0)
                        return r;
                struct json_object *data = json_get_array(page, "data");
                if (!data)
                        return dr_fail(err, DR_E_INVALID_BODY, NULL, "%s does not answer like a drover server: no list came for %.200s", a->base, path);
                for (size_t i = 0; i < json_object_array_length(data); i++)
                        json_object_array_add(all, json_object_get(json_object_array_get_idx(data, i)));
                const char *link = json_str(json_get_object(page, "pagination"), "next", NULL);
                free(next);
                next = link && *link ? dr_xstrdup(link) : NULL;
        }
        *ret = dr_take(all);
        return 0;
}

bool api_can(const struct json_object *resource, const char *action) {
        return json_str(json_get_object(resource, "actions"), action, NULL) != NULL;
}

int api_action(struct api *a, struct json_object *resource, const char *name, struct json_object *body, struct json_object **ret, struct dr_error *err) {
        struct json_object *actions = json_get_object(resource, "actions");
        const char *url = json_str(actions, name, NULL);
        if (url)
                return api_call(a, "POST", url, body, ret, err);

        auto_sbuf struct sbuf list = SBUF(256);
        if (actions) {
                json_object_object_foreach(actions, key, value) {
                        (void) value;
                        sbuf_printf(&list, "%s%s", list.len ? ", " : "", key);
                }
        }
        return dr_fail(err, DR_E_ACTION_NOT_AVAILABLE, NULL, "cannot %s %s \"%s\" in state %s: possible now: %s", name,
                       json_str(resource, "type", "resource"), json_str(resource, "name", json_str(resource, "id", "")),
                       json_str(resource, "state", "unknown"), list.len ? sbuf_str(&list) : "nothing");
}

/* ---- environment ---- */

static bool looks_like_project_id(const char *s) {
        return str_starts(s, "1a") && s[2] && s[2 + strspn(s + 2, "0123456789")] == '\0';
}

static int fail_environment(struct api *a, struct json_object *projects, struct dr_error *err) {
        auto_sbuf struct sbuf names = SBUF(300);
        size_t n = json_object_array_length(projects);
        for (size_t i = 0; i < n; i++)
                sbuf_printf(&names, "%s%s", i ? ", " : "", json_str(json_object_array_get_idx(projects, i), "name", "?"));
        a->problem = (struct api_problem) { 0 };
        if (a->environment)
                return dr_fail(err, DR_E_NOT_FOUND, "environment", "environment \"%.100s\" does not exist or these keys may not use it: there %s %s",
                               a->environment, n == 1 ? "is" : "are", n ? sbuf_str(&names) : "none");
        if (n == 0)
                return dr_fail(err, DR_E_NOT_FOUND, "environment", "these keys may not use any environment");
        return dr_fail(err, DR_E_MISSING_REQUIRED, "environment", "several environments exist (%s): choose one with --env or RANCHER_ENVIRONMENT",
                       sbuf_str(&names));
}

int api_project(struct api *a, const char **ret_id, struct dr_error *err) {
        if (!a->project_id) {
                AUTO(json_free) struct json_object *projects = NULL;
                struct json_object *found = NULL, *p;
                int r = api_list(a, a->environment ? "/projects?all=true" : "/projects", &projects, err);
                if (r < 0)
                        return r;
                size_t n = json_object_array_length(projects), active = 0;
                for (size_t i = 0; i < n; i++) {
                        p = json_object_array_get_idx(projects, i);
                        if (a->environment) {
                                bool by_id = str_eq(json_str(p, "id", NULL), a->environment);
                                if (by_id || (!found && !looks_like_project_id(a->environment) && str_ieq(json_str(p, "name", ""), a->environment)))
                                        found = p;
                        } else if (str_eq(json_str(p, "state", NULL), "active")) {
                                active++;
                                found = p;
                        }
                }
                if (!found || (!a->environment && active > 1))
                        return fail_environment(a, projects, err);
                a->project_id = dr_xstrdup(json_str(found, "id", ""));
                a->project_name = dr_xstrdup(json_str(found, "name", NULL));
        }
        if (ret_id)
                *ret_id = a->project_id;
        return 0;
}

const char *api_project_name(const struct api *a) {
        return a->project_name;
}

char *api_project_path(struct api *a, const char *fmt, ...) {
        assert(a->project_id);
        va_list ap;
        char rest[4096];
        va_start(ap, fmt);
        int n = vsnprintf(rest, sizeof rest, fmt, ap);
        va_end(ap);
        assert(n >= 0 && (size_t) n < sizeof rest);
        return dr_xasprintf("/projects/%s%s", a->project_id, rest);
}

/* ---- events ---- */

int api_subscribe(struct api *a, bool all, struct dr_error *err) {
        api_unsubscribe(a);
        auto_free char *path = all ? dr_xstrdup("/subscribe?eventNames=resource.change")
                                   : api_project_path(a, "/subscribe?eventNames=resource.change");
        auto_free char *url = full_url(a, path), *auth = authorization(a);
        struct http_header headers[] = { { "Authorization", auth } };
        struct ws_connect_spec spec = { .url = url, .headers = headers, .n_headers = auth ? 1 : 0, .timeout_ms = 10000 };
        int status = 0, r = ws_sync_connect(a->http, &spec, &a->ws, &status, err);
        if (a->debug)
                fprintf(stderr, "debug: subscribe %s: %d\n", url, r < 0 ? status : 101);
        if (r < 0 && status >= 400)
                return api_explain(status, NULL, "GET", path, &a->problem, err);
        a->last_frame_ms = time_mono_ms();
        return r < 0 ? dr_prefix(err, r, "could not subscribe to events of %s", a->base) : 0;
}

int api_open_stream(struct api *a, const char *url, const char *token, struct ws_sync **ret, struct dr_error *err) {
        const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
        if (!path || !*token)
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "%s does not say where the stream is", a->base);
        auto_free char *full = dr_xasprintf("%s%s%ctoken=%s", a->base, path, strchr(path, '?') ? '&' : '?', token);
        struct ws_connect_spec spec = { .url = full, .protocol = "drover.v1", .timeout_ms = 30000 };
        int status = 0, r = ws_sync_connect(a->http, &spec, ret, &status, err);
        if (a->debug)
                fprintf(stderr, "debug: stream %s%s: %d\n", a->base, path, r < 0 ? status : 101);
        if (r < 0 && status >= 400)
                return api_explain(status, NULL, "GET", path, &a->problem, err);
        return r < 0 ? dr_prefix(err, r, "could not open the stream at %s", a->base) : 0;
}

void api_unsubscribe(struct api *a) {
        a->ws = ws_sync_free(a->ws);
}

int api_next_event(struct api *a, uint64_t wait_ms, struct json_object **ret, struct dr_error *err) {
        uint64_t deadline = time_mono_ms() + wait_ms;
        if (!a->ws)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "not subscribed to events");
        for (;;) {
                uint64_t now = time_mono_ms();
                if (now > a->last_frame_ms + PING_LOST_MS)
                        return dr_fail(err, DR_E_TIMEOUT, NULL, "the event stream of %s fell silent", a->base);
                unsigned opcode = 0;
                auto_free char *text = NULL;
                size_t len = 0;
                uint64_t wait = MIN(wait_ms == UINT64_MAX ? UINT64_MAX : deadline > now ? deadline - now : 0, a->last_frame_ms + PING_LOST_MS + 1 - now);
                int r = ws_sync_next(a->ws, wait, &opcode, &text, &len, err);
                if (r < 0)
                        return dr_prefix(err, r, "the event stream of %s ended", a->base);
                if (r > 0) {
                        AUTO(json_free) struct json_object *event = NULL;
                        a->last_frame_ms = time_mono_ms();
                        if (json_parse(text, len, API_BODY_BYTES_MAX, &event, NULL) == 0 && !str_eq(json_str(event, "name", "ping"), "ping")) {
                                *ret = dr_take(event);
                                return 1;
                        }
                } else if (wait_ms != UINT64_MAX && time_mono_ms() >= deadline) {
                        return 0;
                }
        }
}
