#include "frame.h"

void frame_put_u32(uint32_t v, char out[4]) {
        for (int i = 0; i < 4; i++)
                out[i] = (char) (v >> (24 - 8 * i));
}

uint32_t frame_get_u32(const char *p) {
        const unsigned char *b = (const unsigned char *) p;
        return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
}

int frame_parse(const char *p, size_t n, struct frame *ret, struct dr_error *err) {
        if (n < FRAME_HEAD_BYTES)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "a binary frame of %zu bytes is shorter than its head", n);
        if (n - FRAME_HEAD_BYTES > FRAME_PAYLOAD_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "a binary frame of %zu bytes is longer than %d bytes", n, FRAME_PAYLOAD_MAX + FRAME_HEAD_BYTES);
        struct frame f = { .id = frame_get_u32(p), .kind = (unsigned char) p[4], .payload = p + FRAME_HEAD_BYTES, .len = n - FRAME_HEAD_BYTES };
        if (!f.id)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "a binary frame names stream 0");
        if (f.kind == FRAME_WINDOW && f.len != 4)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "a window frame has %zu bytes instead of 4", f.len);
        *ret = f;
        return 0;
}

void frame_head(uint32_t id, enum frame_kind kind, char head[FRAME_HEAD_BYTES]) {
        frame_put_u32(id, head);
        head[4] = (char) kind;
}

uint32_t frame_window(const struct frame *f) { return frame_get_u32(f->payload); }
