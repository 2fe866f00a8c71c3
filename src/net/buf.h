/* buf.h: reference-counted bytes that several connections send without copying.
 *
 * Loop thread only (the count is not atomic); a worker may fill one that nobody else has seen yet. Data is constant from
 * the moment it is given to a send function. */
#pragma once
#include "base/base.h"

struct buf { unsigned refs; size_t len; unsigned char data[]; };

struct buf *buf_new(size_t len);                        /* refs 1, data undefined */
struct buf *buf_copy(const void *p, size_t len);
struct buf *buf_ref(struct buf *b);
struct buf *buf_unref(struct buf *b);                   /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct buf *, buf_unref)
