#include "net/buf.h"

struct buf *buf_new(size_t len) {
        struct buf *b = dr_xmalloc(sizeof *b + len);
        b->refs = 1;
        b->len = len;
        return b;
}

struct buf *buf_copy(const void *p, size_t len) {
        struct buf *b = buf_new(len);
        if (len)
                memcpy(b->data, p, len);
        return b;
}

struct buf *buf_ref(struct buf *b) {
        b->refs++;
        return b;
}

struct buf *buf_unref(struct buf *b) {
        if (b && --b->refs == 0)
                free(b);
        return NULL;
}
