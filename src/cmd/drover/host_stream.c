#include "host_stream.h"

#include <stdio.h>

#include "api_connect.h"

struct host_stream {
        struct ws_sync *ws;
        int exit_code;
};

int host_stream_open(struct api *a, const struct json_object *access, struct host_stream **ret, struct dr_error *err) {
        struct ws_sync *ws = NULL;
        int r = api_open_stream(a, json_str(access, "url", ""), json_str(access, "token", ""), &ws, err);
        if (r < 0)
                return r;
        struct host_stream *s = dr_xnew(struct host_stream);
        s->ws = ws;
        s->exit_code = -1;
        *ret = s;
        return 0;
}

struct host_stream *host_stream_free(struct host_stream *s) {
        if (s) {
                ws_sync_free(s->ws);
                free(s);
        }
        return NULL;
}

static int ended(const char *p, size_t n, struct dr_error *err) {
        AUTO(json_free) struct json_object *why = NULL;
        if (n == 0 || json_parse(p, n, n, &why, NULL) < 0 || !*json_str(why, "code", ""))
                return -ENODATA;
        return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the stream ended: %s (%s)", json_str(why, "message", ""), json_str(why, "code", ""));
}

int host_stream_next(struct host_stream *s, uint64_t wait_ms, char **ret, size_t *ret_n, struct dr_error *err) {
        for (;;) {
                unsigned opcode;
                auto_free char *p = NULL;
                size_t n = 0;
                int r = ws_sync_next(s->ws, wait_ms, &opcode, &p, &n, err);
                if (r <= 0)
                        return r;
                if (opcode != WS_BINARY || n == 0)
                        continue;
                if (p[0] == HOST_STREAM_DATA) {
                        memmove(p, p + 1, n);           /* with the NUL behind it */
                        *ret = dr_take(p);
                        *ret_n = n - 1;
                        return 1;
                }
                if (p[0] == HOST_STREAM_END)
                        return ended(p + 1, n - 1, err);
                AUTO(json_free) struct json_object *control = NULL;
                if (p[0] == HOST_STREAM_CONTROL && json_parse(p + 1, n - 1, n, &control, NULL) == 0)
                        s->exit_code = (int) json_int(control, "exitCode", s->exit_code);
        }
}

static int send_kind(struct host_stream *s, char kind, const void *p, size_t n, struct dr_error *err) {
        auto_free char *frame = dr_xmalloc(n + 1);
        frame[0] = kind;
        memcpy(frame + 1, p, n);
        return ws_sync_send(s->ws, WS_BINARY, frame, n + 1, err);
}

int host_stream_send(struct host_stream *s, const void *p, size_t n, struct dr_error *err) { return send_kind(s, HOST_STREAM_DATA, p, n, err); }
int host_stream_eof(struct host_stream *s, struct dr_error *err) {
        static const char eof[] = "{\"eof\":true}";
        return send_kind(s, HOST_STREAM_CONTROL, eof, sizeof eof - 1, err);
}
int host_stream_resize(struct host_stream *s, unsigned cols, unsigned rows, struct dr_error *err) {
        char text[80];
        snprintf(text, sizeof text, "{\"resize\":{\"cols\":%u,\"rows\":%u}}", cols, rows);
        return send_kind(s, HOST_STREAM_CONTROL, text, strlen(text), err);
}
int host_stream_exit_code(const struct host_stream *s) { return s->exit_code; }
void host_stream_watch(struct host_stream *s, int fd) { ws_sync_watch_fd(s->ws, fd); }
