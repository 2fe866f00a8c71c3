/* api-fixture.h: the API over a core in memory, called without a socket: what would be sent is kept. */
#pragma once
#include "check.h"
#include "core/core.h"
#include "formats/json.h"
#include "server/api/api.h"

struct api_fix {
        struct mem_disk *disk;
        struct store *store;
        struct core *core;
        struct api *api;
        bool answered;
        int status;
        struct json_object *body;       /* of the last answer; NULL: not JSON */
        char *text;
        struct http_headers headers, send;      /* of the last answer; to send with each request */
};

static inline void fix_keep(void *arg, struct http_request *http, int status, const struct http_header *h, size_t n, const void *body, size_t len) {
        struct api_fix *f = arg;
        CHECK(!f->answered);
        f->answered = true;
        f->status = status;
        f->text = dr_xstrndup(body, len);
        if (len && json_parse(body, len, len, &f->body, NULL) < 0)
                f->body = NULL;
        for (size_t i = 0; i < n; i++)
                http_headers_add(&f->headers, h[i].name, h[i].value);
}

static inline struct api_fix fix_new_clock(struct core_clock clock) {
        struct api_fix f = { .disk = mem_disk_new() };
        struct dr_error err = { 0 };
        f.store = store_open_mem(f.disk);
        f.core = core_new(&(struct core_conf) { .store = f.store, .clock = clock, .seed = 1, .no_auth = true });
        CHECK_OK(core_load(f.core, &err), &err);
        core_commit(f.core);
        (void) core_store_event(f.core);
        return f;
}

static inline struct api_fix fix_new(void) { return fix_new_clock(core_real_clock); }

static inline void fix_forget(struct api_fix *f) {
        json_object_put(f->body);
        f->body = NULL;
        free(f->text);
        f->text = NULL;
        http_headers_done(&f->headers);
        f->answered = false;
}

static inline void fix_done(struct api_fix *f) {
        fix_forget(f);
        http_headers_done(&f->send);
        api_free(f->api);
        core_free(f->core);
        f->store->ops->close(f->store);
        mem_disk_free(f->disk);
}

/* The processes that are due run too, until nothing is left to do at once. */
static inline void fix_settle(struct api_fix *f) {
        for (int i = 0; i < 1000 && (core_turn(f->core, 0) || !core_idle(f->core)); i++) {
                core_commit(f->core);
                (void) core_store_event(f->core);
        }
}

static inline int ask(struct api_fix *f, const char *method, const char *target, const char *body) {
        struct http_request http = { .verb = verb_from_string(method), .method = method, .target = target, .host = "srv:8080", .minor = 1,
                                     .peer = "192.0.2.9", .body = body, .body_len = body ? strlen(body) : 0, .headers = f->send };
        size_t n = strcspn(target, "?");
        if (!f->api)
                f->api = api_new(&(struct api_conf) { .core = f->core, .store = f->store, .reply = fix_keep, .reply_arg = f });
        fix_forget(f);
        CHECK_INT(http_path_parse(target, n, &http.path), ==, 0);
        if (target[n])
                CHECK_INT(http_query_parse(target + n + 1, strlen(target + n + 1), &http.query), ==, 0);
        api_handle(f->api, &http);
        for (int i = 0; i < 100 && !f->answered; i++) {
                core_commit(f->core);
                (void) core_store_event(f->core);
        }
        CHECK(f->answered);
        http_path_done(&http.path);
        http_query_done(&http.query);
        return f->status;
}

static inline const char *field(const struct api_fix *f, const char *name) { return json_str(f->body, name, NULL); }
static inline size_t rows(const struct api_fix *f) { return json_object_array_length(json_get_array(f->body, "data")); }
static inline struct json_object *row(const struct api_fix *f, size_t i) { return json_object_array_get_idx(json_get_array(f->body, "data"), i); }
