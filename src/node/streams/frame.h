/* frame.h: binary frames of the host session (docs/host-protocol.md, "Streams"): 4 bytes id big endian, 1 byte kind, payload. Pure; any thread. */
#pragma once
#include "base/base.h"

enum frame_kind { FRAME_DATA, FRAME_END, FRAME_WINDOW, FRAME_CONTROL, FRAME_KIND_MAX };
enum {
        FRAME_HEAD_BYTES = 5, FRAME_PAYLOAD_MAX = 64 * 1024,
        FRAME_CREDIT = 65536,           /* bytes of data each side may send at first */
        /* What we send at most: the receiver may hold back less than 4,096 bytes of credit. */
        FRAME_DATA_MAX = FRAME_CREDIT - 4096,
};
struct frame {
        uint32_t id;
        unsigned kind;                  /* may be unknown: FRAME_KIND_MAX or more */
        const char *payload;            /* borrowed */
        size_t len;
};
/* Returns 0, or negative with *err: shorter than its head, longer than the limit, id 0, a window without four bytes. */
int frame_parse(const char *p, size_t n, struct frame *ret, struct dr_error *err);
void frame_head(uint32_t id, enum frame_kind kind, char head[FRAME_HEAD_BYTES]);
uint32_t frame_window(const struct frame *f);                   /* bytes given back; f is FRAME_WINDOW */
void frame_put_u32(uint32_t v, char out[4]);
uint32_t frame_get_u32(const char *p);
