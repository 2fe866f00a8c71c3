#include "frame.h"

#include <sodium.h>
#include <stdio.h>

#include "base/parse.h"
#include "core/host_stream.h"
#include "formats/json.h"
#include "formats/utf8.h"

enum { SIZE_MAX_CELLS = 65535, VARIANT = sodium_base64_VARIANT_ORIGINAL };
#define RESIZE ":resizeTTY:"

const char *client_dialect_protocol(enum client_dialect d) {
        static const char *const names[] = { [DIALECT_TEXT] = NULL, [DIALECT_BINARY] = "binary", [DIALECT_DROVER] = "drover.v1" };
        return names[d];
}

static int read_resize(const char *s, size_t len, struct sbuf *buf, struct client_frame *ret, struct dr_error *err) {
        char text[32];
        uint64_t cols, rows;
        snprintf(text, sizeof text, "%.*s", (int) MIN(len, sizeof text), s);
        char *comma = strchr(text, ',');
        if (comma)
                *comma = 0;
        if (!comma || parse_u64(text, SIZE_MAX_CELLS, &cols) < 0 || parse_u64(comma + 1, SIZE_MAX_CELLS, &rows) < 0)
                return dr_fail(err, DR_E_BAD_REQUEST, NULL, "a size is " RESIZE "COLS,ROWS");
        sbuf_printf(buf, "{\"resize\":{\"cols\":%llu,\"rows\":%llu}}", (unsigned long long) cols, (unsigned long long) rows);
        *ret = (struct client_frame) { .kind = CLIENT_CONTROL, .p = sbuf_str(buf), .n = buf->len };
        return 0;
}

static int read_base64(const char *s, size_t len, struct sbuf *buf, struct client_frame *ret, struct dr_error *err) {
        auto_free unsigned char *p = dr_xmalloc(len + 1);
        const char *end = NULL;
        size_t n = 0;
        if (sodium_base642bin(p, len, s, len, "\r\n", &n, &end, VARIANT) != 0 || end != s + len)
                return dr_fail(err, DR_E_BAD_REQUEST, NULL, "input is not base64");
        sbuf_add(buf, p, n);
        *ret = (struct client_frame) { .kind = n ? CLIENT_DATA : CLIENT_IGNORE, .p = sbuf_str(buf), .n = n };
        return 0;
}

static int read_drover(bool binary, const char *msg, size_t len, struct client_frame *ret, struct dr_error *err) {
        if (!binary || !len)
                return dr_fail(err, DR_E_BAD_REQUEST, NULL, "messages are binary and begin with their kind");
        *ret = (struct client_frame) { .kind = CLIENT_IGNORE, .p = msg + 1, .n = len - 1 };
        switch (msg[0]) {
        case HOST_STREAM_DATA:
                ret->kind = ret->n ? CLIENT_DATA : CLIENT_IGNORE;
                return 0;
        case HOST_STREAM_END:
                ret->kind = CLIENT_END;
                return 0;
        case HOST_STREAM_CONTROL: {
                AUTO(json_free) struct json_object *o = NULL;
                if (json_parse(ret->p, ret->n, HOST_STREAM_CONTROL_MAX, &o, err) < 0)
                        return -EINVAL;
                if (!json_object_is_type(o, json_type_object))
                        return dr_fail(err, DR_E_BAD_REQUEST, NULL, "control is an object");
                ret->kind = CLIENT_CONTROL;
                ret->eof = json_bool(o, "eof", false);
                return 0;
        }
        default:
                return 0;               /* of a later version */
        }
}

int client_frame_read(enum client_dialect d, bool raw, bool binary, const char *msg, size_t len, struct sbuf *buf, struct client_frame *ret, struct dr_error *err) {
        sbuf_reset(buf);
        if (d == DIALECT_DROVER)
                return read_drover(binary, msg, len, ret, err);
        if (!raw) {                     /* logs and figures: clients have nothing to say */
                *ret = (struct client_frame) { .kind = CLIENT_IGNORE };
                return 0;
        }
        if (binary) {
                *ret = (struct client_frame) { .kind = len ? CLIENT_DATA : CLIENT_IGNORE, .p = msg, .n = len };
                return 0;
        }
        size_t skip = strlen(RESIZE);
        if (len >= skip && memcmp(msg, RESIZE, skip) == 0)
                return read_resize(msg + skip, len - skip, buf, ret, err);
        return read_base64(msg, len, buf, ret, err);
}

bool client_frame_write(enum client_dialect d, bool raw, const char *p, size_t n, struct sbuf *out) {
        if (d == DIALECT_DROVER) {
                sbuf_putc(out, HOST_STREAM_DATA);
                sbuf_add(out, p, n);
                return true;
        }
        if (d == DIALECT_TEXT && raw) {
                size_t max = sodium_base64_encoded_len(n, VARIANT);
                auto_free char *s = dr_xmalloc(max);
                sodium_bin2base64(s, max, (const unsigned char *) p, n, VARIANT);
                sbuf_puts(out, s);
                return false;
        }
        if (d == DIALECT_BINARY) {
                sbuf_add(out, p, n);
                return true;
        }
        for (size_t i = 0, k; i < n; i += MAX(k, (size_t) 1)) {         /* a text message is UTF-8, whatever a container prints */
                k = utf8_sequence((const unsigned char *) p + i, n - i);
                sbuf_add(out, k ? p + i : "\xef\xbf\xbd", k ? k : 3);
        }
        return false;
}
