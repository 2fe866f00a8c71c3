/* Whole requests through api_handle() over a core in memory: "METHOD TARGET", header lines, an empty line, the body. The header
 * Role picks who asks. Every request must be answered exactly once, with a status of HTTP and JSON, HTML or text, and whatever
 * it changed must be stored and run without harm. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/core.h"
#include "formats/json.h"
#include "server/api/api.h"
#include "server/api/context.h"

enum { TURNS_MAX = 200, BODY_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world_of_one { struct core *core; int answers, status; enum role role; };

static void answered(void *arg, struct http_request *http, int status, const struct http_header *h, size_t n, const void *body, size_t len) {
        struct world_of_one *w = arg;
        (void) http;
        w->answers++;
        w->status = status;
        const char *type = "";
        for (size_t i = 0; i < n; i++) {
                if (strpbrk(h[i].value, "\r\n"))
                        abort();
                if (strcmp(h[i].name, "Content-Type") == 0)
                        type = h[i].value;
        }
        struct json_object *o = NULL;
        if (len && strncmp(type, "application/json", 16) == 0) {
                if (json_parse(body, len, len, &o, NULL) < 0)
                        abort();
                json_object_put(o);
        }
}

static int who(void *arg, struct api_req *req, struct dr_error *err) {
        struct world_of_one *w = arg;
        (void) err;
        bool all = w->role == ROLE_admin || w->role == ROLE_superadmin || w->role == ROLE_service;
        struct record *account = world_by_uuid(core_world(w->core), T_account, w->role == ROLE_project ? "adminProject" : "admin");
        api_set_caller(req, account, w->role, all);
        return 0;
}

static void settle(struct core *c) {
        for (int i = 0; i < TURNS_MAX && (core_turn(c, 100) || !core_idle(c)); i++) {
                core_commit(c);
                (void) core_store_event(c);
        }
}

/* One request; its parts are borrowed. */
static void ask(struct world_of_one *w, struct api *api, const char *method, const char *target, struct http_headers *headers, const char *body, size_t len) {
        struct http_request http = { .verb = verb_from_string(method), .method = method, .target = target, .host = "srv:8080", .minor = 1,
                                     .peer = "192.0.2.1", .body = len ? body : NULL, .body_len = len, .headers = *headers };
        size_t n = strcspn(target, "?");
        if (http_path_parse(target, n, &http.path) < 0)
                return;                 /* the network layer's business */
        if (!target[n] || http_query_parse(target + n + 1, strlen(target + n + 1), &http.query) == 0) {
                w->answers = 0;
                api_handle(api, &http);
                for (int i = 0; i < TURNS_MAX && !w->answers; i++) {
                        core_commit(w->core);
                        (void) core_store_event(w->core);
                }
                if (w->answers != 1 || w->status < 200 || w->status > 599)
                        abort();
        }
        http_path_done(&http.path);
        http_query_done(&http.query);
}

static void prepare(struct world_of_one *w, struct api *api) {
        static const char stack[] = "{\"name\":\"s\"}", service[] = "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}";
        static const char container[] = "{\"imageUuid\":\"docker:x\",\"startOnCreate\":false,\"ports\":[\"80:80\"]}";
        struct http_headers none = { 0 };
        w->role = ROLE_admin;
        ask(w, api, "POST", "/v2-beta/projects/1a5/stacks", &none, stack, sizeof stack - 1);
        ask(w, api, "POST", "/v2-beta/projects/1a5/services", &none, service, sizeof service - 1);
        ask(w, api, "POST", "/v2-beta/projects/1a5/containers", &none, container, sizeof container - 1);
        settle(w->core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > BODY_MAX)
                return 0;
        log_init(LOG_ERROR, 0, "fuzz-api");
        char *text = dr_xcalloc(1, size + 1);           /* not strndup: there may be null bytes */
        if (size)
                memcpy(text, data, size);
        const char *blank = memmem(data, size, "\n\n", 2);
        size_t head_len = blank ? (size_t) (blank - (const char *) data) : size;
        const char *body = blank ? text + head_len + 2 : "";
        size_t body_len = blank ? size - head_len - 2 : 0;
        text[head_len] = '\0';
        struct http_headers headers = { 0 };
        char *line = strchr(text, '\n');
        if (line)
                *line++ = '\0';
        for (char *next; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                char *colon = strchr(line, ':');
                if (!colon)
                        continue;
                *colon = '\0';
                http_headers_add(&headers, line, colon + 1 + strspn(colon + 1, " "));
        }
        char *target = strchr(text, ' ');
        if (target && target[1] == '/') {
                *target++ = '\0';
                struct mem_disk *disk = mem_disk_new();
                struct store *store = store_open_mem(disk);
                struct dr_error err;
                struct world_of_one w = { .core = core_new(&(struct core_conf) { .store = store, .clock = core_real_clock, .seed = 1, .no_auth = true }) };
                if (core_load(w.core, &err) < 0)
                        abort();
                struct api *api = api_new(&(struct api_conf) { .core = w.core, .store = store, .authenticate = who, .authenticate_arg = &w,
                                                               .reply = answered, .reply_arg = &w });
                prepare(&w, api);
                const char *role = http_headers_get(&headers, "Role");
                int k = role ? role_from_string(role, strlen(role)) : -1;
                w.role = k >= 0 ? (enum role) k : ROLE_admin;
                ask(&w, api, text, target, &headers, body, body_len);
                settle(w.core);
                api_free(api);
                core_free(w.core);
                store->ops->close(store);
                mem_disk_free(disk);
        }
        http_headers_done(&headers);
        free(text);
        return 0;
}
