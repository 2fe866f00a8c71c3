/* sbuf.h: a growing byte buffer with a cap. Always NUL-terminated behind len, so data is a C string too.
 *
 * A write that would pass max sets overflow, drops the write and every later one: check sbuf_ok() once at the end. */
#pragma once
#include "base.h"

struct sbuf { char *data; size_t len, cap, max; bool overflow; };

#define SBUF(max_bytes) { .max = (max_bytes) }          /* struct sbuf b = SBUF(1 << 20); auto with AUTO_SBUF */
void sbuf_done(struct sbuf *b);
static inline void sbuf_done_auto(struct sbuf *b) { sbuf_done(b); }
#define auto_sbuf __attribute__((cleanup(sbuf_done_auto)))      /* auto_sbuf struct sbuf b = SBUF(4096); */

void sbuf_add(struct sbuf *b, const void *p, size_t n);
void sbuf_puts(struct sbuf *b, const char *s);
void sbuf_putc(struct sbuf *b, char c);
void sbuf_printf(struct sbuf *b, const char *fmt, ...) DR_PRINTF(2, 3);
void sbuf_json_string(struct sbuf *b, const char *s, size_t n);  /* quoted and escaped JSON string */
void sbuf_reset(struct sbuf *b);                        /* keeps the memory */
void sbuf_consume(struct sbuf *b, size_t n);            /* drops the first n bytes */
static inline bool sbuf_ok(const struct sbuf *b) { return !b->overflow; }
static inline const char *sbuf_str(const struct sbuf *b) { return b->data ? b->data : ""; }
char *sbuf_steal(struct sbuf *b);                       /* caller frees; never NULL; buffer is empty afterwards */
